//! Writes what the fuzzer begins with into `corpus/`: real types, values, definitions and queries.

use std::{fs, io, path::Path};

use orrery_host_abi::{
    AlgebraicType, ModuleDef, TypeRef, Typespace,
    bsatn::{Decode, Encode},
    json::{Dialect, JsonWriter},
    module_def::RawModuleDef,
};
use serde_json::Value;

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = here.join("../../sdk-ts/test/golden");
    let write = |target: &str, name: &str, bytes: &[u8]| -> io::Result<()> {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{name}")), bytes)
    };

    // What the SDK for TypeScript and the host agree on.
    let values: Vec<Value> = serde_json::from_str(&fs::read_to_string(golden.join("values.json"))?)?;
    for (number, case) in values.iter().enumerate() {
        // Type, value in JSON, value.
        let bytes = |place: usize| from_hex(case[place].as_str().unwrap_or_default());
        let (ty, value) = (bytes(0), bytes(2));
        let typespace = Typespace { types: vec![AlgebraicType::from_bsatn(&ty).expect("a type")] };
        let types = typespace.to_bsatn();
        write("bsatn", &number.to_string(), &[&*types, &value].concat())?;
        let root = AlgebraicType::Ref(TypeRef(0));
        for (dialect, name) in [(Dialect::Typed, "typed"), (Dialect::Untyped, "untyped")] {
            let writer = JsonWriter::new(&root, &typespace, dialect).expect("the type is sound");
            let json = writer.to_string(&value).expect("the value is one of the type");
            write("sats_json", &format!("{number}-{name}"), &[&*types, json.as_bytes()].concat())?;
        }
    }

    // A module that uses all that a definition can hold, also as far as the older version can say it.
    let everything = from_hex(&fs::read_to_string(golden.join("everything.hex"))?);
    write("module_def", "everything", &everything)?;
    let def = ModuleDef::decode(&everything).expect("a valid definition");
    write("module_def", "v9", &RawModuleDef::V9(def.to_raw_v9()).to_bsatn())?;

    for (number, query) in include_str!("queries.sql").lines().filter(|line| !line.is_empty()).enumerate() {
        write("sql", &number.to_string(), query.as_bytes())?;
    }
    Ok(())
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
