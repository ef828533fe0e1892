//! From TypeScript or JavaScript files to one ES module, with rolldown.
//!
//! Types are stripped, nothing else is made older: the engine knows the newest syntax. What the module exports stays
//! exported under its name, because functions of a database are numbered in the order of these names. Modules that are
//! imported are run even if nothing of them is used. The map back to the files is in the text.

mod problems;
pub(super) mod sdk;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};
use rolldown::{
    AttachDebugInfo, BundleOutput, Bundler, BundlerOptions, ChecksOptions, CodeSplittingMode,
    CommentsOptions, ExperimentalOptions, GeneratedCodeOptions, InnerOptions, IsExternal, ModuleSideEffects,
    OutputExports, OutputFormat, Platform, RawMinifyOptions, ResolveOptions, SourceMapType, TreeshakeOptions,
    TsConfig, plugin::Pluginable,
};
use rolldown_common::{Output, OutputChunk};
use rolldown_error::BatchedBuildDiagnostic;

use crate::cli::Hint;
use problems::Problems;
use sdk::SdkPlugin;

/// What the engine provides: `spacetime:sys@2.0` and its like.
const SYSTEM: &str = "spacetime:sys@";

/// A program, and what it is made of.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The text of the ES module, with its source map as the last line.
    pub(super) code: String,
    /// How many files went into it, the SDK's included.
    pub(super) files: usize,
    /// Those of them that are on disk and belong to no package.
    pub(super) inputs: Vec<PathBuf>,
    /// What is not wrong, but probably not meant, ready to be shown.
    pub(super) warnings: Vec<String>,
}

/// Why there is no bundle.
#[derive(Debug)]
pub(super) enum Failure {
    /// What is wrong with the files, ready to be shown: each message with the lines that it is about.
    Problems(Vec<String>),
    /// They can be bundled, but not run.
    Unfit(anyhow::Error),
}

/// Bundles a file and all that it imports. `root` is the folder of the project, absolute, and names in messages and in
/// the source map are relative to it; `entry` is relative to it, too. Messages are `coloured` for a terminal.
pub(super) fn bundle(root: &Path, entry: &Path, coloured: bool) -> Result<Bundle, Failure> {
    let problems = Problems::new(root, coloured);
    let BundleOutput { warnings, assets, .. } =
        run(root, entry).map_err(|errors| Failure::Problems(problems.show(errors.into_vec()).errors))?;
    let problems = problems.show(warnings);
    if !problems.errors.is_empty() {
        return Err(Failure::Problems(problems.errors));
    }
    let chunk = assets.into_iter().find_map(|output| match output {
        Output::Chunk(chunk) if chunk.is_entry => Some(chunk),
        _ => None,
    });
    let chunk = chunk.context("the bundler has made nothing of it").map_err(Failure::Unfit)?;
    check(&chunk, entry).map_err(Failure::Unfit)?;
    let modules = &chunk.modules.keys;
    let is_own = |path: &PathBuf| {
        path.is_absolute() && path.is_file() && path.iter().all(|part| part != "node_modules")
    };
    let inputs = modules.iter().map(|id| PathBuf::from(id.as_str())).filter(is_own).collect();
    Ok(Bundle { code: chunk.code.clone(), files: modules.len(), inputs, warnings: problems.warnings })
}

fn run(root: &Path, entry: &Path) -> Result<BundleOutput, BatchedBuildDiagnostic> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(anyhow::Error::from)?;
    let sdk: Arc<dyn Pluginable> = Arc::new(SdkPlugin::new(root));
    let mut bundler = Bundler::with_plugins(options(root, entry), vec![sdk])?;
    runtime.block_on(bundler.generate())
}

fn options(root: &Path, entry: &Path) -> BundlerOptions {
    let tsconfig = root.join("tsconfig.json");
    BundlerOptions {
        input: Some(vec![root.join(entry).to_string_lossy().into_owned().into()]),
        cwd: Some(root.into()),
        // Never written; but paths in the source map are relative to where it would be.
        file: Some("bundle.js".into()),
        external: Some(IsExternal::Fn(Some(Arc::new(|specifier, _, _| {
            let is_system = specifier.starts_with(SYSTEM);
            Box::pin(async move { Ok(is_system) })
        })))),
        format: Some(OutputFormat::Esm),
        exports: Some(OutputExports::Named),
        code_splitting: Some(CodeSplittingMode::Bool(false)),
        sourcemap: Some(SourceMapType::Inline),
        sourcemap_exclude_sources: Some(true),
        // Comments are for who reads the files.
        comments: Some(CommentsOptions { legal: false, annotation: false, jsdoc: false }),
        experimental: Some(ExperimentalOptions {
            attach_debug_info: Some(AttachDebugInfo::None),
            ..ExperimentalOptions::default()
        }),
        generated_code: Some(GeneratedCodeOptions::es2015()),
        minify: Some(RawMinifyOptions::Bool(false)),
        treeshake: TreeshakeOptions::Option(InnerOptions {
            module_side_effects: ModuleSideEffects::Boolean(true),
            ..InnerOptions::default()
        }),
        define: Some(FromIterator::from_iter([(
            "process.env.NODE_ENV".to_string(),
            "\"production\"".to_string(),
        )])),
        // Neither Node's modules nor those of a browser are there; but packages that run without Node say so in what
        // they have for browsers.
        platform: Some(Platform::Browser),
        resolve: Some(ResolveOptions {
            condition_names: Some(vec!["production".into(), "import".into(), "default".into()]),
            main_fields: Some(vec!["module".into(), "main".into()]),
            extensions: Some(
                [".ts", ".tsx", ".mts", ".mjs", ".js", ".cjs", ".json"].map(str::to_string).into(),
            ),
            ..ResolveOptions::default()
        }),
        tsconfig: Some(if tsconfig.is_file() { TsConfig::Manual(tsconfig) } else { TsConfig::Auto(false) }),
        checks: Some(ChecksOptions {
            // A matter of taste, and not of this program.
            circular_dependency: Some(false),
            eval: Some(false),
            ineffective_dynamic_import: Some(false),
            large_barrel_modules: Some(false),
            mixed_exports: Some(false),
            plugin_timings: Some(false),
            prefer_builtin_feature: Some(false),
            ..ChecksOptions::default()
        }),
        ..BundlerOptions::default()
    }
}

/// Refuses what no engine could run, before anybody sends it to one.
fn check(chunk: &OutputChunk, entry: &Path) -> Result<()> {
    let entry = entry.display();
    // A dynamic import of what has become a part of the bundle is one of the bundle itself.
    let imports =
        || chunk.imports.iter().chain(&chunk.dynamic_imports).filter(|import| **import != chunk.filename);
    // What the bundler leaves to a browser: URLs.
    if let Some(import) = imports().find(|import| !import.starts_with(SYSTEM)) {
        return Err(anyhow!(
            "{entry}, or a file that it imports, imports '{import}', which is not in this project"
        )
        .context(Hint(
            "packages are taken from node_modules: install it with npm, and import it by its name".into(),
        )));
    }
    let mut versions: Vec<&str> =
        imports().filter_map(|import| import.strip_prefix(SYSTEM)?.split('.').next()).collect();
    versions.sort_unstable();
    versions.dedup();
    match versions[..] {
        [] => Err(anyhow!("{entry} is not the module of a database: it makes no use of the SDK")
            .context(Hint(
            "a module imports `schema`, `table` and `t` from 'orrery/server', or from 'spacetimedb/server'"
                .into(),
        ))),
        [_, _, ..] => Err(anyhow!("{entry} uses versions of the SDK that do not go together").context(Hint(
            "`npm ls spacetimedb` shows who uses which; all must have the same major version".into(),
        ))),
        [version] if version != "1" && !chunk.exports.iter().any(|name| name == "default") => {
            Err(anyhow!("{entry} has no default export, so its tables and functions cannot be found")
                .context(Hint("export the schema: `export default schema({ … })`".into())))
        }
        [_] => Ok(()),
    }
}
