//! Whether a module was built for this host: its version, its exports, its sections.

use wasmparser::{Parser, Payload};
use wasmtime::{ExternType, FuncType, Module, ValType};

use crate::engine::LoadError;

/// The version of the contract that this host speaks.
const MAJOR: u16 = 10;
/// Everything up to this minor version.
const MINOR: u16 = 5;

/// Modules of imports that belong to the contract begin with this; the version follows.
const IMPORT_PREFIX: &str = "spacetime_";

/// Exports that begin with this are called as the instance starts, in the order of their names.
const PREINIT_PREFIX: &str = "__preinit__";

/// The exports that are called, with their types.
pub(super) mod export {
    /// The memory that all pointers lead into.
    pub(crate) const MEMORY: &str = "memory";
    /// What WASI reactors initialise themselves with.
    pub(crate) const INITIALIZE: &str = "_initialize";
    /// `(error sink) -> code`.
    pub(crate) const SETUP: &str = "__setup__";
    /// `(description sink)`.
    pub(crate) const DESCRIBE: &str = "__describe_module__";
    /// Runs a reducer.
    pub(crate) const REDUCER: &str = "__call_reducer__";
    /// Runs a view that knows who asks.
    pub(crate) const VIEW: &str = "__call_view__";
    /// Runs a view that does not.
    pub(crate) const ANONYMOUS_VIEW: &str = "__call_view_anon__";
    /// Runs a procedure.
    pub(crate) const PROCEDURE: &str = "__call_procedure__";
    /// Answers an HTTP request.
    pub(crate) const HTTP_HANDLER: &str = "__call_http_handler__";
}

const NO_VALUES: &str = "() -> ()";

/// Name, type, and whether every module has it.
const CALLED: [(&str, &str, bool); 7] = [
    (export::SETUP, "(i32) -> i32", false),
    (export::DESCRIBE, "(i32) -> ()", true),
    (export::REDUCER, "(i32, i64, i64, i64, i64, i64, i64, i64, i32, i32) -> i32", true),
    (export::VIEW, "(i32, i64, i64, i64, i64, i32, i32) -> i32", false),
    (export::ANONYMOUS_VIEW, "(i32, i32, i32) -> i32", false),
    (export::PROCEDURE, "(i32, i64, i64, i64, i64, i64, i64, i64, i32, i32) -> i32", false),
    (export::HTTP_HANDLER, "(i32, i64, i32, i32, i32, i32) -> i32", false),
];

/// What a module exports beyond what all do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exports {
    /// It has an `_initialize` that can be called.
    pub(super) initialize: bool,
    /// It has a `__setup__`.
    pub(super) setup: bool,
    /// Its `__preinit__` functions in the order in which to call them.
    pub(super) preinits: Vec<String>,
}

/// Turns away modules that run code before the host can follow it.
///
/// At that moment no memory is known to host calls. Compilers put initialisation into `_initialize` or
/// `__preinit__` functions. `bytes` must have been validated.
pub(super) fn check_start_section(bytes: &[u8]) -> Result<(), LoadError> {
    if Parser::new(0).parse_all(bytes).any(|payload| matches!(payload, Ok(Payload::StartSection { .. }))) {
        return Err(abi(
            "the module has a `start` section, which runs before the host is ready; initialise it in \
             `_initialize` or a `__preinit__` function instead"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Finds the version that the module needs, by the functions it imports, and compares it with [`MAJOR`] and [`MINOR`].
pub(super) fn check_version(module: &Module) -> Result<(), LoadError> {
    let mut needed: Option<(u16, u16)> = None;
    for import in module.imports().filter(|import| matches!(import.ty(), ExternType::Func(_))) {
        let Some(version) = import.module().strip_prefix(IMPORT_PREFIX) else { continue };
        let (major, minor) = parse_version(version).ok_or_else(|| {
            abi(format!(
                "the module imports `{}` from `{}`, which does not end in a version like `{MAJOR}.{MINOR}`",
                import.name(),
                import.module()
            ))
        })?;
        needed = match needed {
            Some((other, _)) if other != major => {
                return Err(abi(format!(
                    "the module imports functions of two major versions of the host ABI, {other} and {major}"
                )));
            }
            Some((_, highest)) => Some((major, highest.max(minor))),
            None => Some((major, minor)),
        };
    }
    match needed {
        None => Err(abi(format!(
            "the module imports no function of `{IMPORT_PREFIX}{MAJOR}.x`, so it was not built for this host"
        ))),
        Some((major, minor)) if major != MAJOR || minor > MINOR => Err(abi(format!(
            "the module needs version {major}.{minor} of the host ABI; this host has {MAJOR}.0 to {MAJOR}.{MINOR}"
        ))),
        Some(_) => Ok(()),
    }
}

fn parse_version(text: &str) -> Option<(u16, u16)> {
    let number = |digits: &str| {
        // `parse` would take a plus sign as well.
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let (major, minor) = text.split_once('.')?;
    Some((number(major)?, number(minor)?))
}

/// Checks that the exports that are called exist and have the right types.
pub(super) fn check_exports(module: &Module) -> Result<Exports, LoadError> {
    match module.get_export(export::MEMORY) {
        Some(ExternType::Memory(_)) => {}
        Some(_) => return Err(abi("the module's export `memory` is not a memory".to_owned())),
        None => return Err(abi("the module does not export its memory as `memory`".to_owned())),
    }
    for (name, expected, required) in CALLED {
        match module.get_export(name) {
            Some(ty) => check_function(name, &ty, expected)?,
            None if required => return Err(abi(format!("the module does not export the function `{name}`"))),
            None => {}
        }
    }
    let mut exports = Exports {
        // With another type it is some function of the module's own.
        initialize: matches!(module.get_export(export::INITIALIZE),
            Some(ExternType::Func(ty)) if signature(&ty) == NO_VALUES),
        setup: module.get_export(export::SETUP).is_some(),
        preinits: Vec::new(),
    };
    for export in module.exports().filter(|export| export.name().starts_with(PREINIT_PREFIX)) {
        check_function(export.name(), &export.ty(), NO_VALUES)?;
        exports.preinits.push(export.name().to_owned());
    }
    exports.preinits.sort_unstable();
    Ok(exports)
}

fn check_function(name: &str, ty: &ExternType, expected: &str) -> Result<(), LoadError> {
    let ExternType::Func(ty) = ty else {
        return Err(abi(format!("the module's export `{name}` is not a function")));
    };
    let found = signature(ty);
    if found != expected {
        return Err(abi(format!(
            "the module's function `{name}` has the type `{found}`, but it should be `{expected}`"
        )));
    }
    Ok(())
}

/// A function type as text: `(i32, i64) -> i32`.
fn signature(ty: &FuncType) -> String {
    let list = |types: &mut dyn Iterator<Item = ValType>| {
        types.map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ")
    };
    let params = list(&mut ty.params());
    let results = list(&mut ty.results());
    if ty.results().len() == 1 {
        format!("({params}) -> {results}")
    } else {
        format!("({params}) -> ({results})")
    }
}

fn abi(text: String) -> LoadError {
    LoadError::Abi(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_two_numbers() {
        assert_eq!(parse_version("10.5"), Some((10, 5)));
        assert_eq!(parse_version("0.65535"), Some((0, 65535)));
        for text in ["", "10", "10.", ".5", "10.5.1", "+10.5", "10.-1", "10.65536", "1e1.0", "10.5 "] {
            assert_eq!(parse_version(text), None, "{text}");
        }
    }
}
