//! Definitions of modules compared with the original's: their bytes, what is found wrong with them, and how they
//! are given back.

#[path = "support/definitions.rs"]
mod random;
mod support;

use orrery_host_abi::{
    ModuleDef,
    bsatn::{Decode, Encode},
    module_def::{DefError, DefErrors, RawModuleDef},
};
use proptest::prelude::*;
use serde_json::Value;
use spacetimedb_lib::{RawModuleDef as TheirRaw, db::raw_def as their_raw};
use spacetimedb_sats::bsatn as their_bsatn;
use spacetimedb_schema::def::ModuleDef as TheirDef;
use support::*;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Whether all that is wrong is refused by us alone, because it does harm later: columns that cannot be laid
/// out, sequences that cannot run, and reducers called by the host that want arguments.
fn is_stricter(errors: &DefErrors) -> bool {
    errors.0.iter().all(|error| {
        matches!(
            error,
            DefError::BadColumnType { .. }
                | DefError::BadSequenceRange { .. }
                | DefError::LifecycleWithParams { .. }
        )
    })
}

/// The original's verdict; faults that it answers with a panic are faults as well.
fn their_verdict(raw: TheirRaw) -> Result<TheirDef, String> {
    let result = std::panic::catch_unwind(|| match raw {
        TheirRaw::V9(def) => TheirDef::try_from(def),
        TheirRaw::V10(def) => TheirDef::try_from(def),
        other => panic!("{other:?}"),
    });
    match result {
        Ok(Ok(def)) => Ok(def),
        Ok(Err(errors)) => Err(format!("{errors:?}")),
        Err(_) => Err("panic".to_owned()),
    }
}

/// Sorts what the original gives back in the random order of its hash maps.
fn sorted(mut value: Value) -> Value {
    sort(&mut value, "");
    value
}

fn sort(value: &mut Value, key: &str) {
    const UNORDERED: &[&str] = &[
        "tables",
        "types",
        "misc_exports",
        "row_level_security",
        "indexes",
        "constraints",
        "sequences",
        "Tables",
        "Types",
        "Schedules",
        "RowLevelSecurity",
        "entries",
        "LifeCycleReducers",
    ];
    match value {
        Value::Array(elements) => {
            elements.iter_mut().for_each(|element| sort(element, ""));
            // The types of a typespace have no names and are in order.
            if UNORDERED.contains(&key) && elements.iter().all(|it| key != "types" || it.get("ty").is_some())
            {
                elements.sort_by_key(Value::to_string);
            }
        }
        Value::Object(members) => members.iter_mut().for_each(|(key, member)| sort(member, key)),
        _ => {}
    }
}

fn their_json<T: spacetimedb_sats::ser::Serialize>(raw: &T) -> Value {
    serde_json::to_value(spacetimedb_sats::ser::serde::SerializeWrapper::from_ref(raw)).unwrap()
}

fn our_json(def: &ModuleDef, version: u8) -> Value {
    serde_json::from_str(&def.schema_json(version).unwrap()).unwrap()
}

/// Checks one definition in all respects. Whether it is sound.
fn compare(raw: &RawModuleDef) -> Result<bool, TestCaseError> {
    let bytes = raw.to_bsatn();
    let their_raw_def: TheirRaw =
        their_bsatn::from_slice(&bytes).expect("the original reads our definitions");
    prop_assert_eq!(&their_bsatn::to_vec(&their_raw_def).unwrap(), &bytes);
    prop_assert_eq!(RawModuleDef::from_bsatn(&bytes), Ok(raw.clone()));

    let ours = ModuleDef::decode(&bytes);
    let def = match (ours, their_verdict(their_raw_def)) {
        (Ok(ours), Ok(theirs)) => {
            prop_assert_eq!(
                sorted(our_json(&ours, 9)),
                sorted(their_json(&their_raw::v9::RawModuleDefV9::from(theirs.clone())))
            );
            prop_assert_eq!(
                sorted(our_json(&ours, 10)),
                sorted(their_json(&their_raw::v10::RawModuleDefV10::from(theirs)))
            );
            ours
        }
        (Err(ours), theirs) => {
            let is_expected = theirs.is_err() || is_stricter(&ours);
            prop_assert!(is_expected, "only we refuse this: {}", ours);
            return Ok(false);
        }
        (Ok(_), Err(theirs)) => return Err(TestCaseError::fail(format!("only we accept this: {theirs}"))),
    };
    // What is given back in version 9 says the same again. Version 10 cannot say that names are not to be
    // converted again.
    let again = ModuleDef::from_raw(RawModuleDef::V9(def.to_raw_v9()));
    let again = again.map_err(|errors| TestCaseError::fail(errors.to_string()))?;
    prop_assert_eq!(sorted(our_json(&again, 9)), sorted(our_json(&def, 9)));
    Ok(true)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn definitions_v10(def in random::any_v10(2)) {
        compare(&RawModuleDef::V10(def))?;
    }

    #[test]
    fn definitions_v9(def in random::any_v10(0)) {
        compare(&RawModuleDef::V9(random::to_v9(def)))?;
    }

    #[test]
    fn damaged_definitions_are_refused_alike(def in random::any_v10(1), damages in any_damage()) {
        let mut bytes = RawModuleDef::V10(def).to_bsatn();
        damage(&mut bytes, &damages);
        let ours = RawModuleDef::from_bsatn(&bytes);
        // Version 8 is read by the original alone.
        if bytes.first() != Some(&0) {
            let theirs = their_bsatn::from_slice::<TheirRaw>(&bytes);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }
        // Whatever the bytes, nothing panics.
        let _ = ModuleDef::decode(&bytes);
    }
}

/// The comparison above means little unless a good part of the random definitions is sound.
#[test]
fn many_definitions_are_sound() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sound = 0;
    for _ in 0..200 {
        let def = random::any_v10(1).new_tree(&mut runner).unwrap().current();
        sound += usize::from(ModuleDef::from_raw(RawModuleDef::V10(def)).is_ok());
    }
    assert!((40..160).contains(&sound), "{sound} of 200");
}
