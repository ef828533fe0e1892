//! Definitions of modules: decoded, encoded again, validated and given back.

use orrery_host_abi::{
    ModuleDef,
    bsatn::{Decode, Encode, Reader},
    module_def::RawModuleDef,
};

use crate::memory;

/// Checks an input: what a module says of itself.
pub fn check(input: &[u8]) {
    memory::bounded(memory::limit_for(input), || {
        let mut reader = Reader::new(input);
        let Ok(raw) = RawModuleDef::decode(&mut reader) else { return };
        assert_eq!(raw.to_bsatn(), &input[..reader.position()], "it is not encoded as it was decoded");
    });
    // Names are looked up in tables, and faults are told in sentences.
    memory::bounded(8 * memory::limit_for(input), || {
        let Ok(def) = ModuleDef::decode(input) else { return };
        for version in [9, 10] {
            let json = def.schema_json(version).expect("both versions can be given back");
            serde_json::from_str::<serde::de::IgnoredAny>(&json).expect("it is JSON");
        }
    });
}
