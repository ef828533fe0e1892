//! The README does what it says: its module is published and its commands are run, in order, in an empty folder.
//!
//! A `console` block is a sequence of commands, each behind a `$`, followed by what they print. `...` in what they
//! print stands for anything; what they say on standard error while they work is no part of it, only why they
//! failed is. `sh` blocks are for the reader: they build, or start what has been started here.

use std::{fmt::Write as _, fs, process::Command};

use orrery_tests::{Cli, Server, modules};

struct Step {
    command: String,
    expected: String,
}

#[test]
fn its_commands_print_what_it_says() {
    let text = fs::read_to_string(modules::tests_dir().join("../README.md")).unwrap();
    let server = Server::start();
    let user = Cli::new();
    let steps: Vec<Step> = blocks(&text, "console").iter().flat_map(|block| steps(block)).collect();
    assert!(steps.len() > 10, "the README has lost its commands");
    let module = &blocks(&text, "rust")[0];
    let typescript = &blocks(&text, "ts")[0];
    for module in [module, typescript] {
        assert!(module.lines().count() <= 10, "it promises a module of ten lines");
    }
    fs::write(user.home().join("chat.ts"), typescript).unwrap();

    // One shell for all, because they use each other's variables.
    let mut script = String::from("set -u\n");
    for (number, step) in steps.iter().enumerate() {
        let command = step.command.replace("127.0.0.1:3000", &server.address().to_string());
        writeln!(script, "{{ {command}\n}} >{number}.out 2>progress || cat progress >>{number}.out").unwrap();
        if step.command.starts_with("orrery init") {
            fs::write(user.home().join("lib.rs"), module).unwrap();
            let lock = modules::tests_dir().join("modules/Cargo.lock");
            writeln!(script, "cp lib.rs my-app/src/lib.rs; cp '{}' my-app/", lock.display()).unwrap();
        }
    }
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(&script).current_dir(user.home());
    shell.envs(user.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Wherever the binary is and whatever its file is called, for the reader it is `orrery`.
    let programs = user.home().join("bin");
    fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(user.command(&[]).get_program(), programs.join("orrery")).unwrap();
    shell.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
    shell.env("ORRERY_SERVER", server.url());
    modules::with_wasm_compiler(&shell).status().unwrap();

    for (number, Step { command, expected }) in steps.iter().enumerate() {
        let printed = fs::read_to_string(user.home().join(format!("{number}.out"))).unwrap();
        // Lines of CSV end as those of HTTP do.
        let printed = printed.replace("\r\n", "\n");
        assert!(
            matches(printed.trim_end(), expected.trim_end()),
            "$ {command}\nshould print\n{expected}\nand prints\n{printed}"
        );
    }
}

/// The contents of all blocks of one kind.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if found == kind {
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.into(), expected: String::new() }),
            (None, Some(step)) => writeln!(step.expected, "{line}").unwrap(),
            (None, None) => panic!("output before the first command: {line}"),
        }
    }
    steps
}

/// Whether the text is the pattern, where `...` stands for anything.
fn matches(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split("...");
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}
