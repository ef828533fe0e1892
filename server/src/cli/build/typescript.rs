//! Building TypeScript and JavaScript: the bundle, and the types where there is somebody to check them.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};

use super::{
    bundle::{self, Bundle, Failure},
    sdk_files, shown,
};
use crate::cli::{Hint, style};

/// What a shell and `env` end with if the program is not there.
const NO_SUCH_COMMAND: i32 = 127;

/// Bundles the module that begins in `entry`, a file of the project in `root`. What is wrong with it is said on
/// standard error, with file and line.
pub(super) fn build(root: &Path, entry: &Path, check_types: bool) -> Result<Bundle> {
    style::progress("Bundling", shown(&root.join(entry)));
    sdk_files::refresh(root)?;
    let bundle = match bundle::bundle(root, entry, style::is_stderr_coloured()) {
        Ok(bundle) => bundle,
        Err(Failure::Unfit(error)) => return Err(error),
        Err(Failure::Problems(messages)) => {
            messages.iter().for_each(|message| eprintln!("{message}"));
            bail!("the module cannot be bundled; the messages above say why");
        }
    };
    bundle.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let types = if check_types { run_type_checker(root)? } else { "types not checked, as you asked" };
    let kib = bundle.code.len().div_ceil(1024);
    style::progress("Bundled", format_args!("{} files into {kib} KiB ({types})", bundle.files));
    Ok(bundle)
}

/// Runs `tsc` if the project has it. What came of it, in some words.
fn run_type_checker(root: &Path) -> Result<&'static str> {
    if !root.join("tsconfig.json").is_file() {
        return Ok("types not checked: there is no tsconfig.json");
    }
    let Some(tsc) = find_type_checker(root) else {
        return Ok("types not checked: TypeScript is not installed in node_modules");
    };
    style::progress("Checking", format_args!("types with {}", shown(&tsc)));
    let status = Command::new(&tsc)
        .arg("--noEmit")
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("{} cannot be run", tsc.display()))?;
    match status.code() {
        Some(0) => Ok("types checked"),
        Some(NO_SUCH_COMMAND) => Ok("types not checked: TypeScript cannot run without Node.js"),
        _ => Err(anyhow!("the types do not fit; the messages above say where")
            .context(Hint("--no-typecheck leaves the types alone".into()))),
    }
}

/// The compiler that is installed for the project, or for the workspace around it.
fn find_type_checker(root: &Path) -> Option<PathBuf> {
    root.ancestors().map(|dir| dir.join("node_modules/.bin/tsc")).find(|file| file.is_file())
}
