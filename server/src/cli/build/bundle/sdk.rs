//! The TypeScript SDK that is part of this program: the package `orrery`, without a registry.
//!
//! To the bundler it looks as if it were installed in the project's `node_modules`. If a package of that name is
//! really there, that one is used: whoever installs a version of it wants that version.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
};

use rolldown::plugin::{
    HookLoadArgs, HookLoadOutput, HookLoadReturn, HookResolveIdArgs, HookResolveIdOutput,
    HookResolveIdReturn, HookUsage, Plugin, PluginContext, SharedLoadPluginContext,
};
use rolldown_common::side_effects::HookSideEffects;
use serde::Deserialize;

/// Every file of the package that matters: its path there, and its text.
pub(in crate::cli) static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// The package's name, as modules import it.
const NAME: &str = "orrery";

/// What its manifest says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    side_effects: bool,
    exports: BTreeMap<String, Export>,
}

#[derive(Debug, Deserialize)]
struct Export {
    source: String,
}

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
    let text = text_of(Path::new("package.json")).expect("the SDK has a manifest");
    serde_json::from_str(text).expect("the SDK's manifest is well-formed: a test reads it")
});

/// What can be imported, `orrery` and `orrery/server`, with the file in the package that it is.
pub(in crate::cli) fn sources() -> impl Iterator<Item = (String, &'static str)> {
    MANIFEST.exports.iter().map(|(path, Export { source })| {
        (format!("{NAME}{}", path.trim_start_matches('.')), source.trim_start_matches("./"))
    })
}

/// Whether that is an import of the SDK, be there such a part of it or not.
pub(super) fn is_specifier(specifier: &str) -> bool {
    specifier.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers the bundler's questions about the SDK.
#[derive(Debug)]
pub(super) struct SdkPlugin {
    /// Where it seems to be.
    folder: PathBuf,
    /// Whether there is another one there.
    is_installed: bool,
}

impl SdkPlugin {
    /// For a project in that folder, which is absolute.
    pub(super) fn new(root: &Path) -> Self {
        let package = Path::new("node_modules").join(NAME);
        let is_installed = root.ancestors().any(|dir| dir.join(&package).join("package.json").is_file());
        Self { folder: root.join(package), is_installed }
    }

    /// The file that an import stands for, if it is one of the SDK's.
    fn resolve(&self, specifier: &str, importer: Option<&str>) -> Option<PathBuf> {
        let file = if let Some(subpath) = specifier.strip_prefix(NAME) {
            let source = &MANIFEST.exports.get(&format!(".{subpath}"))?.source;
            normalize(Path::new(source))
        } else if specifier.starts_with('.') {
            let importer = Path::new(importer?).strip_prefix(&self.folder).ok()?;
            normalize(&importer.parent()?.join(specifier))
        } else {
            return None;
        };
        text_of(&file)?;
        Some(self.folder.join(file))
    }
}

impl Plugin for SdkPlugin {
    fn name(&self) -> Cow<'static, str> {
        NAME.into()
    }

    fn register_hook_usage(&self) -> HookUsage {
        if self.is_installed { HookUsage::empty() } else { HookUsage::ResolveId | HookUsage::Load }
    }

    async fn resolve_id(&self, _: &PluginContext, args: &HookResolveIdArgs<'_>) -> HookResolveIdReturn {
        let file = self.resolve(args.specifier, args.importer);
        Ok(file.map(|file| HookResolveIdOutput {
            side_effects: (!MANIFEST.side_effects).then_some(HookSideEffects::False),
            ..HookResolveIdOutput::from_id(file.to_string_lossy().as_ref())
        }))
    }

    async fn load(&self, _: SharedLoadPluginContext, args: &HookLoadArgs<'_>) -> HookLoadReturn {
        let file = Path::new(args.id).strip_prefix(&self.folder).ok();
        let text = file.and_then(text_of);
        Ok(text.map(|text| HookLoadOutput { code: text.into(), ..HookLoadOutput::default() }))
    }
}

fn text_of(file: &Path) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| Path::new(name) == file).map(|(_, text)| *text)
}

/// A relative path without `.` and `..`.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            _ => {}
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_manifest_exports_is_there() {
        assert!(sources().any(|(specifier, _)| specifier == "orrery/server"));
        let plugin = SdkPlugin { folder: "/p/node_modules/orrery".into(), is_installed: false };
        for (specifier, source) in sources() {
            let file = plugin.resolve(&specifier, Some("/p/src/index.ts"));
            assert_eq!(file, Some(plugin.folder.join(source)), "{specifier}");
        }
        assert_eq!(plugin.resolve("orrery/serve", Some("/p/src/index.ts")), None);
        assert_eq!(plugin.resolve("./index.ts", Some("/p/src/index.ts")), None);
        assert_eq!(
            plugin.resolve("../index.ts", Some("/p/node_modules/orrery/src/server/index.ts")),
            Some("/p/node_modules/orrery/src/index.ts".into())
        );
    }

    #[test]
    fn other_packages_are_left_alone() {
        assert!(is_specifier("orrery") && is_specifier("orrery/server"));
        assert!(!is_specifier("orrery-tools") && !is_specifier("./orrery"));
    }
}
