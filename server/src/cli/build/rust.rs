//! Building a Rust project into a WebAssembly module.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use crate::cli::{Hint, style};

const TARGET: &str = "wasm32-unknown-unknown";

/// A line of what cargo tells while it builds.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    },
    #[serde(other)]
    Other,
}

/// Builds the project in that folder, for release and with those features; the file that comes out. Cargo shows its
/// progress and the compiler's messages on standard error. The environment is handed on, so whatever makes cargo work
/// makes this work.
pub(super) fn build(project: &Path, features: &[String]) -> Result<PathBuf> {
    style::progress("Building", project.display());
    let manifest = project.join("Cargo.toml").canonicalize()?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--release",
            "--lib",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(features.iter().flat_map(|feature| ["--features", feature]))
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let running = cargo.spawn().with_context(|| format!("{} cannot be run", cargo.get_program().display()));
    let mut running = running.context(Hint("is Rust installed? See https://rustup.rs".into()))?;

    let mut program = None;
    if let Some(stdout) = running.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            if let Some(found) = program_of(&line?, &manifest) {
                program = Some(found);
            }
        }
    }
    let status = running.wait()?;
    if !status.success() {
        if !has_target(project) {
            return Err(anyhow!("Rust has no library for WebAssembly, so the project does not build")
                .context(Hint(format!("run `rustup target add {TARGET}` and try again"))));
        }
        bail!("the project does not build ({status}); the messages above say why");
    }
    program.ok_or_else(|| {
        anyhow!("the project was built, but not to a WebAssembly file").context(Hint(format!(
            "put these lines into {}:\n\n[lib]\ncrate-type = [\"cdylib\"]\n",
            project.join("Cargo.toml").display()
        )))
    })
}

/// The program, if that is what the line is about.
fn program_of(line: &str, manifest: &Path) -> Option<PathBuf> {
    match serde_json::from_str(line).ok()? {
        Message::CompilerArtifact { manifest_path, filenames } if manifest_path == manifest => {
            filenames.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        }
        _ => None,
    }
}

/// The files that a program was built from, those of other local packages included: cargo writes them beside it, as a
/// rule for `make`. None if that is not there.
pub(super) fn inputs(program: &Path) -> Vec<PathBuf> {
    let rule = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    rule.lines().next().map(prerequisites).unwrap_or_default()
}

/// What a rule's target is made of. A space in a path is escaped.
fn prerequisites(rule: &str) -> Vec<PathBuf> {
    const SPACE: &str = "\0";
    let Some((_, files)) = rule.split_once(": ") else { return Vec::new() };
    let files = files.replace("\\ ", SPACE);
    files.split_whitespace().map(|file| file.replace(SPACE, " ").into()).collect()
}

/// Whether the compiler that cargo uses there has a library for the target. If that cannot be found out, it has.
fn has_target(project: &Path) -> bool {
    let builds_library_itself = env::var_os("CARGO_UNSTABLE_BUILD_STD").is_some();
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(project)
        .stderr(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() && !builds_library_itself => {
            Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_the_files() {
        let files =
            |rule| prerequisites(rule).iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            files("/t/app.wasm: /p/my\\ app/src/lib.rs /shared/lib.rs"),
            ["/p/my app/src/lib.rs", "/shared/lib.rs"]
        );
        assert!(files("/t/app.wasm:").is_empty());
        assert!(files("what?").is_empty());
    }

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let manifest = Path::new("/p/Cargo.toml");
        let artifact = |manifest: &str, files: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"x","manifest_path":"{manifest}","filenames":[{files}]}}"#
            )
        };
        let wasm = Some(PathBuf::from("/t/app.wasm"));
        assert_eq!(program_of(&artifact("/p/Cargo.toml", r#""/t/app.d","/t/app.wasm""#), manifest), wasm);
        assert_eq!(program_of(&artifact("/p/Cargo.toml", r#""/t/libapp.rlib""#), manifest), None);
        assert_eq!(program_of(&artifact("/other/Cargo.toml", r#""/t/app.wasm""#), manifest), None);
        assert_eq!(program_of(r#"{"reason":"build-finished","success":true}"#, manifest), None);
        assert_eq!(program_of("what?", manifest), None);
    }
}
