//! `orrery build`: from a project to a program; and what `orrery publish` needs of it.

mod bundle;
mod project;
mod rust;
pub(super) mod sdk_files;
mod typescript;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser};

use super::Hint;
pub(super) use project::{Project, is_source_file, own_folder};

/// Build a module without publishing it
///
/// A Rust project becomes a WebAssembly file, a TypeScript or JavaScript project one JavaScript file with all that it
/// imports. `orrery publish` does the same by itself; its --bin-path takes what this has built.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    orrery build                     the project in this folder\n  \
    orrery build chat.ts             one TypeScript file\n  \
    orrery build -o chat.js          say where the program goes")]
pub(super) struct Build {
    /// Build this one TypeScript or JavaScript file instead of a project
    #[arg(conflicts_with = "project_path")]
    file: Option<PathBuf>,
    #[command(flatten)]
    options: BuildOptions,
    /// Where to put the program [default: dist/bundle.js in the project, FILE.bundle.js beside a file, or where cargo
    /// puts it]
    #[arg(short, long, value_name = "FILE")]
    out_file: Option<PathBuf>,
}

/// What is built, and how.
#[derive(Debug, Args)]
pub(super) struct BuildOptions {
    /// Folder of the project, or one with the project in its subfolder `spacetimedb`
    #[arg(short, long, alias = "module-path", default_value = ".", value_name = "DIR")]
    pub(super) project_path: PathBuf,
    #[command(flatten)]
    pub(super) flags: BuildFlags,
}

/// How a project is built, whatever it is.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct BuildFlags {
    /// Features of a Rust project to build it with, separated by commas
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    features: Vec<String>,
    /// Do not let `tsc` check the types of a TypeScript project, where it is installed
    #[arg(long)]
    no_typecheck: bool,
}

/// The same as one text.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct BuildFlagsAsText {
    #[command(flatten)]
    flags: BuildFlags,
}

/// A program: what is published.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) kind: ProgramKind,
    pub(super) bytes: Vec<u8>,
    /// The files that it was made of, as far as that is known, without those of packages. Absolute paths.
    pub(super) inputs: Vec<PathBuf>,
}

/// Which engine a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgramKind {
    /// WebAssembly.
    Wasm,
    /// An ES module.
    Js,
}

impl BuildFlags {
    /// Reads options that are written as one text, separated by spaces.
    pub(super) fn parse(text: &str) -> Result<Self, clap::Error> {
        Ok(BuildFlagsAsText::try_parse_from(text.split_whitespace())?.flags)
    }

    /// With these options as well.
    pub(super) fn and(mut self, more: Self) -> Self {
        self.features.extend(more.features);
        self.no_typecheck |= more.no_typecheck;
        self
    }

    fn build_rust(&self, project: &Path) -> Result<PathBuf> {
        rust::build(project, &self.features)
    }

    fn build_script(&self, root: &Path, entry: &Path) -> Result<bundle::Bundle> {
        if let Some(feature) = self.features.first() {
            return Err(anyhow!("there is no feature `{feature}` in a project that is not in Rust")
                .context(Hint("leave out --features".into())));
        }
        typescript::build(root, entry, !self.no_typecheck)
    }
}

impl Build {
    pub(super) fn run(self) -> Result<()> {
        let path = self.file.as_deref().unwrap_or(&self.options.project_path);
        let (out_file, program) = match Project::find(path)? {
            Project::Rust(dir) => {
                let built = self.options.flags.build_rust(&dir)?;
                let Some(out_file) = self.out_file else { return say_built(&built) };
                (out_file, read(&built)?)
            }
            Project::Script { root, entry, bundle } => {
                let built = self.options.flags.build_script(&root, &entry)?;
                (self.out_file.unwrap_or(bundle), built.code.into_bytes())
            }
        };
        if let Some(dir) = out_file.parent() {
            fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        }
        fs::write(&out_file, program).with_context(|| format!("{} cannot be written", out_file.display()))?;
        say_built(&out_file)
    }
}

fn say_built(file: &Path) -> Result<()> {
    println!("Built {}", file.display());
    Ok(())
}

impl Program {
    /// Builds what is at that path: a project's folder or one source file.
    pub(super) fn build(path: &Path, flags: &BuildFlags) -> Result<Self> {
        match Project::find(path)? {
            Project::Rust(dir) => {
                let built = flags.build_rust(&dir)?;
                Ok(Self { inputs: rust::inputs(&built), ..Self::read(&built)? })
            }
            Project::Script { root, entry, .. } => {
                let built = flags.build_script(&root, &entry)?;
                Ok(Self { kind: ProgramKind::Js, bytes: built.code.into_bytes(), inputs: built.inputs })
            }
        }
    }

    /// Reads one that was built elsewhere, and sees what it is.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let bytes = read(file)?;
        let is_js = !is_wasm(&bytes) && is_source_file(file);
        let kind = if is_js { ProgramKind::Js } else { ProgramKind::Wasm };
        Ok(Self { kind, bytes, inputs: Vec::new() })
    }

    /// Reads a bundle that was made elsewhere.
    pub(super) fn read_js(file: &Path) -> Result<Self> {
        let bytes = read(file)?;
        if is_wasm(&bytes) {
            return Err(anyhow!("{} is WebAssembly, not JavaScript", file.display())
                .context(Hint("--bin-path takes it".into())));
        }
        Ok(Self { kind: ProgramKind::Js, bytes, inputs: Vec::new() })
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_some_and(|extension| extension == "ts") {
        return Err(anyhow!("{} has to be bundled first", file.display())
            .context(Hint("to do that and publish it, leave out --bin-path and --js-path".into())));
    }
    fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn is_wasm(program: &[u8]) -> bool {
    program.starts_with(b"\0asm")
}

/// A path as short as it can be said here.
fn shown(path: &Path) -> std::path::Display<'_> {
    let here = std::env::current_dir().ok();
    let shorter = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    shorter.filter(|path| !path.as_os_str().is_empty()).unwrap_or(path).display()
}
