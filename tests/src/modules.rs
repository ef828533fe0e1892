//! The modules under `tests/modules`, compiled.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

/// The folder of this package.
pub fn tests_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the compiled modules are. Building them is quick when nothing has changed, so each test program does
/// it once and none runs against modules of yesterday.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let mut build = Command::new(tests_dir().join("build-modules"));
    let output = build.stderr(Stdio::inherit()).output().expect("tests/build-modules cannot be run");
    assert!(output.status.success(), "tests/build-modules failed");
    String::from_utf8(output.stdout).expect("a path").trim_end().into()
});

/// The command, in an environment in which cargo can build for wasm32, and with what was built for the modules
/// here at hand.
pub fn with_wasm_compiler(command: &Command) -> Command {
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(r#". "$0" && exec "$@""#).arg(tests_dir().join("wasm-env.sh"));
    shell.arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().expect("the command has a folder"));
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // target/wasm32-unknown-unknown/release
    let target = BUILT.ancestors().nth(2).expect("it is that deep");
    shell.env("CARGO_TARGET_DIR", target);
    shell.stdin(Stdio::null());
    shell
}

/// The file of a compiled module, by the name of its crate.
pub fn path(name: &str) -> PathBuf {
    BUILT.join(name.replace('-', "_")).with_extension("wasm")
}

/// The bytes of a compiled module, by the name of its crate.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
