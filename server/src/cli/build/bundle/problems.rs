//! What the bundler has to say, in words for whoever wrote the module.

use std::path::Path;

use nodejs_built_in_modules::is_nodejs_builtin_module;
use rolldown_error::{BuildDiagnostic, DiagnosableResolveError, DiagnosticOptions, Severity};

use super::sdk;

/// Makes messages of what the bundler reports.
pub(super) struct Problems {
    options: DiagnosticOptions,
    coloured: bool,
}

/// Messages with the file, the line, the column, and the lines around.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Problems {
    /// Names of files will be relative to that folder.
    pub(super) fn new(root: &Path, coloured: bool) -> Self {
        Self { options: DiagnosticOptions { cwd: root.into() }, coloured }
    }

    /// All messages, in the order in which they were reported.
    pub(super) fn show(&self, diagnostics: Vec<BuildDiagnostic>) -> Messages {
        let mut messages = Messages::default();
        for mut diagnostic in diagnostics {
            // The bundler would leave such an import to whoever runs the bundle, but here nobody can resolve it.
            if diagnostic.downcast_mut::<DiagnosableResolveError>().is_some() {
                diagnostic = diagnostic.with_severity(Severity::Error);
                let specifier = diagnostic.exporter().unwrap_or_default();
                if let Some(error) = diagnostic.downcast_mut::<DiagnosableResolveError>() {
                    (error.reason, error.help) = explain_import(&specifier);
                }
            }
            let text = diagnostic.to_diagnostic_with(&self.options).convert_to_string(self.coloured);
            match diagnostic.severity() {
                Severity::Error => messages.errors.push(text),
                Severity::Warning | Severity::Info => messages.warnings.push(text),
            }
        }
        messages
    }
}

/// Why there is nothing to import under that name, and what to do about it.
fn explain_import(specifier: &str) -> (String, Option<String>) {
    if sdk::is_specifier(specifier) {
        let parts = sdk::sources().map(|(name, _)| format!("'{name}'")).collect::<Vec<_>>().join(" and ");
        return ("the SDK has no such part".into(), Some(format!("The SDK is {parts}.")));
    }
    if specifier.starts_with("node:") || is_nodejs_builtin_module(specifier) {
        let help = "Modules run inside the database, not in Node.js: they have no files, processes, sockets or timers. \
                    If a package asks for this, look for one that runs in browsers, too.";
        return ("this is a part of Node.js".into(), Some(help.into()));
    }
    if specifier.starts_with(['.', '/']) {
        return ("there is no such file".into(), None);
    }
    let package = package_of(specifier);
    let mut help = format!("If it is a package, install it: `npm install {package}`.");
    if package == "spacetimedb" {
        help.push_str(" Orrery's own SDK needs no installation: import from 'orrery/server' instead.");
    }
    ("there is no such package in node_modules, or it has no such part".into(), Some(help))
}

/// `lodash` of `lodash/fp`, `@scope/name` of `@scope/name/part`.
fn package_of(specifier: &str) -> &str {
    let names = if specifier.starts_with('@') { 2 } else { 1 };
    specifier.match_indices('/').nth(names - 1).map_or(specifier, |(end, _)| &specifier[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_scopes_and_parts() {
        assert_eq!(package_of("lodash"), "lodash");
        assert_eq!(package_of("lodash/fp"), "lodash");
        assert_eq!(package_of("@scope/name"), "@scope/name");
        assert_eq!(package_of("@scope/name/deep/part"), "@scope/name");
    }

    #[test]
    fn imports_that_fail_are_explained() {
        let help = |specifier| explain_import(specifier).1.unwrap_or_default();
        assert!(help("orrery/client2").contains("'orrery/server'"));
        assert!(help("fs").contains("Node.js") && help("node:sqlite").contains("Node.js"));
        assert!(help("spacetimedb/server").contains("npm install spacetimedb"));
        assert!(help("@a/b/c").contains("`npm install @a/b`"));
        assert_eq!(explain_import("./missing").1, None);
    }
}
