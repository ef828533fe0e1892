//! `orrery start --config FILE`: the flags of `start`, from a file.

use std::{env, ffi::OsString, fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, FromArgMatches};
use toml::Value;

use super::{Hint, start::Start};

/// A key of the file is a flag without its dashes; these are not for files.
const NOT_FOR_FILES: [&str; 3] = ["config", "help", "version"];

/// What `start` is told by the file and by the command line that named it, which goes before the file. Environment
/// variables do too.
pub(super) fn with_file(file: &Path, command_line: impl Iterator<Item = OsString>) -> Result<Start> {
    let place = || format!("the configuration in {}", file.display());
    let text = fs::read_to_string(file).with_context(place)?;
    let flags = flags(&text).with_context(place)?;
    // By itself first, so that the message says where a wrong value is.
    parse(flags.iter().cloned()).map_err(|error| anyhow!("{}: {error}", place()))?;
    // Of a flag that is given twice, the last counts.
    Ok(parse(flags.into_iter().chain(command_line))?)
}

/// The arguments after `start` of this process's own command line.
pub(super) fn own_command_line() -> impl Iterator<Item = OsString> {
    env::args_os().skip_while(|argument| argument != "start").skip(1)
}

fn command() -> clap::Command {
    Start::augment_args(clap::Command::new("start")).args_override_self(true)
}

/// What `start` is told by these arguments.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Start, clap::Error> {
    let name = [OsString::from("start")].into_iter();
    Start::from_arg_matches(&command().try_get_matches_from(name.chain(arguments))?)
}

/// The flags that a file has.
fn flags(text: &str) -> Result<Vec<OsString>> {
    let table: toml::Table = text.parse()?;
    let command = command();
    let known = || {
        let names = command.get_arguments().filter_map(|argument| argument.get_long());
        names.filter(|name| !NOT_FOR_FILES.contains(name)).collect::<Vec<_>>()
    };
    let mut flags = Vec::new();
    for (key, value) in &table {
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(key));
        let argument = argument.filter(|_| !NOT_FOR_FILES.contains(&&**key)).ok_or_else(|| {
            anyhow!("there is no setting `{key}`").context(Hint(format!("there are {}", known().join(", "))))
        })?;
        if argument.get_env().is_some_and(|name| env::var_os(name).is_some()) {
            continue;
        }
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().ok_or_else(|| anyhow!("`{key}` must be a list of texts")))
                .collect::<Result<Vec<_>>>()?
                .join(","),
            _ => bail!("`{key}` must be a text, a number or a list of texts"),
        };
        flags.push(format!("--{key}={value}").into());
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(file: &str, command_line: &[&str]) -> Result<Start> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orrery.toml");
        fs::write(&path, file).unwrap();
        with_file(&path, command_line.iter().map(OsString::from))
    }

    #[track_caller]
    fn check_refused(file: &str, part: &str) {
        let refused = format!("{:#}", start(file, &[]).unwrap_err());
        assert!(refused.contains(part) && refused.contains("orrery.toml"), "{refused} should name: {part}");
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let file = "listen-addr = \"1.2.3.4:5\"\nqueue-capacity = 7\nview-instances = 3\n\
                    allow-create = [\"c200000000000000000000000000000000000000000000000000000000000000\"]\n";
        let from_file = format!("{:?}", start(file, &[]).unwrap());
        for part in ["1.2.3.4:5", "queue_capacity: 7", "view_instances: 3", "c2000000"] {
            assert!(from_file.contains(part), "{from_file} should have {part}");
        }
        let both = start(file, &["--queue-capacity", "8", "--view-instances=4", "--config", "x"]).unwrap();
        let both = format!("{both:?}");
        assert!(both.contains("1.2.3.4:5") && both.contains("queue_capacity: 8"), "{both}");
        assert!(both.contains("view_instances: 4"), "{both}");
    }

    #[test]
    fn what_a_file_cannot_say_is_refused() {
        check_refused("listen_addr = \"1.2.3.4:5\"", "no setting `listen_addr`");
        check_refused("config = \"other.toml\"", "no setting `config`");
        check_refused("[server]\nqueue-capacity = 7", "no setting `server`");
        check_refused("queue-capacity = true", "`queue-capacity` must be a text");
        check_refused("allow-create = [1]", "`allow-create` must be a list of texts");
        check_refused("memory-limit = \"much\"", "much");
        check_refused("queue-capacity", "expected");
        let missing = with_file(Path::new("/nowhere/orrery.toml"), [].into_iter()).unwrap_err();
        assert!(format!("{missing:#}").contains("/nowhere/orrery.toml"));
    }

    #[test]
    fn every_flag_can_be_in_a_file() {
        let command = command();
        let flags = command.get_arguments().filter_map(|argument| argument.get_long());
        for flag in flags.filter(|flag| !NOT_FOR_FILES.contains(flag)) {
            assert!(super::flags(&format!("{flag} = \"x\"")).is_ok(), "{flag}");
        }
    }
}
