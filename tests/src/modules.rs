//! The modules that tests publish: those under `tests/modules`, compiled, and their twins in other languages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use crate::typescript::{self, Package};

/// What modules are written in, and with which package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust with the official crate.
    Rust,
    /// TypeScript with the official npm package.
    OfficialTypeScript,
    /// TypeScript with Orrery's own SDK.
    OrreryTypeScript,
}

/// What is published, and what it says in the query.
#[derive(Debug, Clone)]
pub struct Program {
    /// The value of `host_type`.
    pub host_type: &'static str,
    /// A WebAssembly module or a bundle of JavaScript.
    pub bytes: Vec<u8>,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rust, Self::OfficialTypeScript, Self::OrreryTypeScript];

    /// As it is called in the names of tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::OfficialTypeScript => "typescript-official",
            Self::OrreryTypeScript => "typescript-orrery",
        }
    }

    /// A module of that name, which is the same in every language that it is written in.
    pub fn program(self, module: &str) -> Program {
        match self {
            Self::Rust => Program { host_type: "Wasm", bytes: bytes(module) },
            Self::OfficialTypeScript => {
                Program { host_type: "Js", bytes: typescript::bundle(module, Package::Official) }
            }
            Self::OrreryTypeScript => {
                Program { host_type: "Js", bytes: typescript::bundle(module, Package::Orrery) }
            }
        }
    }
}

/// Makes a test for each language of each of the functions, which take the language.
#[macro_export]
macro_rules! in_every_language {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use $crate::modules::Language;

            #[test]
            fn rust() {
                super::$test(Language::Rust);
            }

            #[test]
            fn typescript_official() {
                super::$test(Language::OfficialTypeScript);
            }

            #[test]
            fn typescript_orrery() {
                super::$test(Language::OrreryTypeScript);
            }
        }
    )+};
}

/// The folder of this package.
pub fn tests_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the compiled modules in Rust are. Building them is quick when nothing has changed, so each test program does
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

/// The file of a compiled module in Rust, by the name of its crate.
pub fn path(name: &str) -> PathBuf {
    BUILT.join(name.replace('-', "_")).with_extension("wasm")
}

/// The bytes of a compiled module in Rust, by the name of its crate.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
