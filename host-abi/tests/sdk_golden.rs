//! What the TypeScript SDK and this crate have to agree on, in files that the tests of both read.
//!
//! `sdk-ts/test/golden/values.json` is written here: types and values with their bytes. `everything.hex` is written
//! by the SDK's tests: the definition of a module that uses all that a definition can hold. With `UPDATE_EXPECT=1`
//! in the environment files are written instead of compared; read the difference before you keep it.

use std::{fmt::Write as _, fs, path::PathBuf};

use ethnum::{I256, U256};
use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, Element, ModuleDef, ProductType, SumType, SumValue, Typespace, Variant,
    bsatn::Encode,
    json::{Dialect, JsonWriter},
};
use spacetimedb_lib::RawModuleDef as TheirRaw;
use spacetimedb_schema::def::ModuleDef as TheirDef;

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../sdk-ts/test/golden").join(file)
}

fn compare_with_golden(file: &str, actual: &str) {
    let path = golden(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert!(expected == actual, "{file} has changed; UPDATE_EXPECT=1 writes it");
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// Small numbers and those at the ends of ranges are more interesting than those between.
    fn u256(&mut self) -> U256 {
        let any = U256::from_words(
            u128::from(self.next()) << 64 | u128::from(self.next()),
            u128::from(self.next()) << 64 | u128::from(self.next()),
        );
        match self.below(4) {
            0 => U256::from(self.next() % 3),
            1 => !U256::from(self.next() % 3),
            _ => any,
        }
    }

    fn text(&mut self) -> Box<str> {
        const PIECES: [&str; 6] = ["Ada", " ", "0123456789abcdefghijklmnopqrstuvwxyz", "é", "日本", "🦀"];
        (0..self.below(5)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    /// Types that can be written in TypeScript: members have names.
    fn ty(&mut self, depth: usize) -> AlgebraicType {
        match self.below(if depth == 0 { 21 } else { 26 }) {
            0 => AlgebraicType::Bool,
            1 => AlgebraicType::I8,
            2 => AlgebraicType::U8,
            3 => AlgebraicType::I16,
            4 => AlgebraicType::U16,
            5 => AlgebraicType::I32,
            6 => AlgebraicType::U32,
            7 => AlgebraicType::I64,
            8 => AlgebraicType::U64,
            9 => AlgebraicType::I128,
            10 => AlgebraicType::U128,
            11 => AlgebraicType::I256,
            12 => AlgebraicType::U256,
            13 => AlgebraicType::F32,
            14 => AlgebraicType::F64,
            15 => AlgebraicType::String,
            16 => product(&[("__identity__", AlgebraicType::U256)]),
            17 => product(&[("__connection_id__", AlgebraicType::U128)]),
            18 => product(&[("__timestamp_micros_since_unix_epoch__", AlgebraicType::I64)]),
            19 => product(&[("__time_duration_micros__", AlgebraicType::I64)]),
            20 => product(&[("__uuid__", AlgebraicType::U128)]),
            21 => AlgebraicType::Array(Box::new(self.ty(depth - 1))),
            22 => sum(&[("some", self.ty(depth - 1)), ("none", AlgebraicType::unit())]),
            23 => sum(&[("ok", self.ty(depth - 1)), ("err", self.ty(depth - 1))]),
            24 => {
                let names = ["a", "bee", "c_3", "delta"];
                let members: Vec<_> =
                    names[..self.below(5)].iter().map(|&name| (name, self.ty(depth - 1))).collect();
                product(&members)
            }
            _ => {
                let names = ["A", "Bee", "C3"];
                let unit = AlgebraicType::unit();
                let variants: Vec<_> = names[..1 + self.below(3)]
                    .iter()
                    .map(|&name| (name, if self.below(2) == 0 { unit.clone() } else { self.ty(depth - 1) }))
                    .collect();
                sum(&variants)
            }
        }
    }

    fn value(&mut self, ty: &AlgebraicType) -> AlgebraicValue {
        let bits = self.u256();
        match ty {
            AlgebraicType::Bool => AlgebraicValue::Bool(self.below(2) == 1),
            AlgebraicType::I8 => AlgebraicValue::I8(bits.as_i8()),
            AlgebraicType::U8 => AlgebraicValue::U8(bits.as_u8()),
            AlgebraicType::I16 => AlgebraicValue::I16(bits.as_i16()),
            AlgebraicType::U16 => AlgebraicValue::U16(bits.as_u16()),
            AlgebraicType::I32 => AlgebraicValue::I32(bits.as_i32()),
            AlgebraicType::U32 => AlgebraicValue::U32(bits.as_u32()),
            AlgebraicType::I64 => AlgebraicValue::I64(bits.as_i64()),
            AlgebraicType::U64 => AlgebraicValue::U64(bits.as_u64()),
            AlgebraicType::I128 => AlgebraicValue::I128(bits.as_i128()),
            AlgebraicType::U128 => AlgebraicValue::U128(bits.as_u128()),
            AlgebraicType::I256 => AlgebraicValue::I256(I256::from_words(
                bits.into_words().0.cast_signed(),
                bits.into_words().1.cast_signed(),
            )),
            AlgebraicType::U256 => AlgebraicValue::U256(bits),
            // Halves, which look the same in every JSON.
            AlgebraicType::F32 => AlgebraicValue::F32(f32::from(bits.as_i16()) + 0.5),
            AlgebraicType::F64 => AlgebraicValue::F64(f64::from(bits.as_i32()) + 0.5),
            AlgebraicType::String => AlgebraicValue::String(self.text()),
            AlgebraicType::Array(element) if **element == AlgebraicType::U8 => {
                AlgebraicValue::Bytes((0..self.below(5)).map(|_| self.u256().as_u8()).collect())
            }
            AlgebraicType::Array(element) => {
                AlgebraicValue::Array((0..self.below(4)).map(|_| self.value(element)).collect())
            }
            AlgebraicType::Product(product) => AlgebraicValue::Product(
                product.elements.iter().map(|element| self.value(&element.ty)).collect(),
            ),
            AlgebraicType::Sum(sum) => {
                let tag = self.below(sum.variants.len());
                let value = Box::new(self.value(&sum.variants[tag].ty));
                AlgebraicValue::Sum(SumValue { tag: u8::try_from(tag).unwrap(), value })
            }
            AlgebraicType::Ref(_) => unreachable!("no type here refers to another one"),
        }
    }
}

fn product(members: &[(&str, AlgebraicType)]) -> AlgebraicType {
    let elements = members.iter().map(|(name, ty)| Element { name: Some((*name).into()), ty: ty.clone() });
    AlgebraicType::Product(ProductType { elements: elements.collect() })
}

fn sum(variants: &[(&str, AlgebraicType)]) -> AlgebraicType {
    let variants = variants.iter().map(|(name, ty)| Variant { name: Some((*name).into()), ty: ty.clone() });
    AlgebraicType::Sum(SumType { variants: variants.collect() })
}

/// One line of the file: the BSATN of the type, the value as typed SATS-JSON, its BSATN.
fn case(ty: &AlgebraicType, value: &AlgebraicValue) -> String {
    let bsatn = value.to_bsatn();
    let json = JsonWriter::new(ty, &Typespace::default(), Dialect::Typed).unwrap().to_string(&bsatn).unwrap();
    serde_json::json!([to_hex(&ty.to_bsatn()), json, to_hex(&bsatn)]).to_string()
}

#[test]
fn values_look_the_same_to_the_sdk() {
    let mut dice = Dice(0x0072_7265_7279);
    let mut lines = Vec::new();
    // Each simple type a few times, then all kinds of combinations.
    for (depth, count) in [(0, 120), (1, 80), (3, 120)] {
        for _ in 0..count {
            let ty = dice.ty(depth);
            let value = dice.value(&ty);
            lines.push(case(&ty, &value));
        }
    }
    compare_with_golden("values.json", &format!("[\n{}\n]\n", lines.join(",\n")));
}

#[test]
fn the_definition_of_a_rich_module_is_valid() {
    let bytes = from_hex(&fs::read_to_string(golden("everything.hex")).unwrap());
    let ours = ModuleDef::decode(&bytes).unwrap_or_else(|errors| panic!("{errors}"));
    compare_with_golden("everything.schema.json", &pretty(&ours.schema_json(10).unwrap()));

    let theirs: TheirRaw = spacetimedb_sats::bsatn::from_slice(&bytes).unwrap();
    let TheirRaw::V10(theirs) = theirs else { panic!("the definition is not of version 10") };
    TheirDef::try_from(theirs).unwrap_or_else(|errors| panic!("{errors:?}"));
}

fn pretty(json: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    // Whether maps are sorted by themselves depends on what else is built.
    value.sort_all_objects();
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap())
}
