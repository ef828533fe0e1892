//! What modules import: `spacetime:sys@1.0` to `spacetime:sys@2.1`.
//!
//! A version's module exports only what that version added. [`v2`] has the functions in the order of
//! [`HostCalls`]; [`v1`] has the same ones in the form that they had before.
//!
//! Functions that take numbers and buffers and answer with a number exist twice over: V8 calls the one from code
//! that it interprets, and the other directly from code that it has compiled. Both do the same, by the same body.

mod border;
mod v1;
mod v2;

use orrery_host_abi::HostCalls;
use v8::{Local, PinScope};

use self::border::Import;
use super::{state::Failure, values::string};

/// The key under which modules of version 2 keep what makes their hooks. Not to be had by the symbol's name.
const MODULE_HOOKS_KEY: &str = "SpacetimeDB.moduleHooks.v2";
/// The name that it is exported by.
const MODULE_HOOKS: &str = "moduleHooks";

/// The versions of the contract that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1_0,
    V1_1,
    V1_2,
    V1_3,
    V2_0,
    V2_1,
}

/// Every specifier begins with this, and the version follows.
const PREFIX: &str = "spacetime:sys@";

impl Version {
    const ALL: [(&str, Self); 6] = [
        ("1.0", Self::V1_0),
        ("1.1", Self::V1_1),
        ("1.2", Self::V1_2),
        ("1.3", Self::V1_3),
        ("2.0", Self::V2_0),
        ("2.1", Self::V2_1),
    ];

    /// The version that a specifier names. The error says what is wrong with it.
    pub(super) fn of_specifier(specifier: &str) -> Result<Self, String> {
        let Some(version) = specifier.strip_prefix(PREFIX) else {
            return Err(format!(
                "the module imports `{specifier}`, but here a module is one file that imports `{PREFIX}...` and \
                 nothing else; bundle it"
            ));
        };
        match Self::ALL.iter().find(|(name, _)| *name == version) {
            Some((_, version)) => Ok(*version),
            None if is_version(version) => Err(format!(
                "the module needs version {version} of the host ABI; this host has {}",
                Self::ALL.map(|(name, _)| name).join(", ")
            )),
            None => Err(format!(
                "the module imports `{specifier}`, which does not end in a version like `{PREFIX}2.0`"
            )),
        }
    }

    /// What this version added.
    fn exports<H: HostCalls + 'static>(self) -> Vec<Import> {
        match self {
            Self::V1_0 => v1::v1_0::<H>(),
            Self::V1_1 => v1::v1_1::<H>(),
            Self::V1_2 => v1::v1_2::<H>(),
            Self::V1_3 => v1::v1_3::<H>(),
            Self::V2_0 => v2::v2_0::<H>(),
            Self::V2_1 => v2::v2_1::<H>(),
        }
    }

    /// The module of this version, complete.
    pub(super) fn module<'s, H: HostCalls + 'static>(
        self,
        scope: &mut PinScope<'s, '_>,
        specifier: Local<'s, v8::String>,
    ) -> Result<Local<'s, v8::Module>, Failure> {
        let exports = self.exports::<H>();
        let mut names: Vec<_> = exports.iter().map(|export| string(scope, export.name)).collect();
        let has_symbol = self == Self::V2_0;
        if has_symbol {
            names.push(string(scope, MODULE_HOOKS));
        }
        let module = v8::Module::create_synthetic_module(scope, specifier, &names, nothing_to_evaluate);
        module.instantiate_module(scope, nothing_to_resolve).ok_or(Failure::Thrown)?;
        for (export, name) in exports.iter().zip(&names) {
            let function = export.function(scope, *name)?;
            module.set_synthetic_module_export(scope, *name, function.into()).ok_or(Failure::Thrown)?;
        }
        if has_symbol {
            let name = string(scope, MODULE_HOOKS);
            let symbol = module_hooks(scope);
            module.set_synthetic_module_export(scope, name, symbol.into()).ok_or(Failure::Thrown)?;
        }
        Ok(module)
    }
}

/// The symbol that only those have who import it.
pub(super) fn module_hooks<'s>(scope: &PinScope<'s, '_>) -> Local<'s, v8::Symbol> {
    let key = string(scope, MODULE_HOOKS_KEY);
    v8::Symbol::for_api(scope, key)
}

fn is_version(text: &str) -> bool {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

/// All exports were set when the module was made.
fn nothing_to_evaluate<'s>(
    context: Local<'s, v8::Context>,
    _: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope).into();
    resolver.resolve(scope, undefined)?;
    Some(resolver.get_promise(scope).into())
}

fn nothing_to_resolve<'s>(
    _: Local<'s, v8::Context>,
    _: Local<'s, v8::String>,
    _: Local<'s, v8::FixedArray>,
    _: Local<'s, v8::Module>,
) -> Option<Local<'s, v8::Module>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_told_apart() {
        assert_eq!(Version::of_specifier("spacetime:sys@1.0"), Ok(Version::V1_0));
        assert_eq!(Version::of_specifier("spacetime:sys@2.1"), Ok(Version::V2_1));
        let error = |specifier| Version::of_specifier(specifier).unwrap_err();
        for unknown in ["spacetime:sys@2.2", "spacetime:sys@3.0", "spacetime:sys@0.1", "spacetime:sys@10.5"] {
            assert!(error(unknown).contains("this host has 1.0, 1.1, 1.2, 1.3, 2.0, 2.1"), "{unknown}");
        }
        for malformed in ["spacetime:sys@", "spacetime:sys@2", "spacetime:sys@2.", "spacetime:sys@2.0.1"] {
            assert!(error(malformed).contains("does not end in a version"), "{malformed}");
        }
        for foreign in ["fs", "./other.js", "spacetime:sys", "https://example.com/x.js", "node:fs", ""] {
            assert!(error(foreign).contains("bundle it"), "{foreign}");
        }
    }
}
