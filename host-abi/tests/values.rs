//! Types and values compared with the original's, in all their encodings.

mod support;

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, ConnectionId, Element, Hash, Identity, Layout, ProductType, RowLayout,
    Timestamp, Typespace,
    bsatn::{Decode, DecodeError, Encode},
    json::{Dialect, JsonWriter, args_from_plain_json, plain_from_text, value_from_json},
};
use proptest::prelude::*;
use sats::de::DeserializeSeed as _;
use spacetimedb_sats as sats;
use support::*;

/// What the original reads from BSATN, and how many bytes that took.
fn their_value(ty: &sats::AlgebraicType, mut bytes: &[u8]) -> Option<(sats::AlgebraicValue, usize)> {
    let before = bytes.len();
    let ty = sats::WithTypespace::empty(ty);
    let value = ty.deserialize(sats::bsatn::Deserializer::new(&mut bytes)).ok()?;
    Some((value, before - bytes.len()))
}

/// What the original reads from JSON, as BSATN.
fn their_json(ty: &sats::AlgebraicType, json: &[u8]) -> Option<Vec<u8>> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let seed = sats::de::serde::SeedWrapper(sats::WithTypespace::empty(ty));
    let value = serde::de::DeserializeSeed::deserialize(seed, &mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(sats::bsatn::to_vec(&value).unwrap())
}

/// Whether there are arrays in it whose elements take no bytes. For those the original does not ask how many.
fn has_arrays_of_nothing(ty: &AlgebraicType) -> bool {
    match ty {
        AlgebraicType::Array(element) => {
            Layout::new(element, &Typespace::default()).unwrap().min_len() == 0
                || has_arrays_of_nothing(element)
        }
        AlgebraicType::Product(product) => product.elements.iter().any(|it| has_arrays_of_nothing(&it.ty)),
        AlgebraicType::Sum(sum) => sum.variants.iter().any(|it| has_arrays_of_nothing(&it.ty)),
        _ => false,
    }
}

fn write(ty: &AlgebraicType, bsatn: &[u8], dialect: Dialect) -> String {
    JsonWriter::new(ty, &Typespace::default(), dialect).unwrap().to_string(bsatn).unwrap()
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn types_are_the_same(ty in any_type()) {
        let bytes = ty.to_bsatn();
        let their_type = theirs(&ty);
        prop_assert_eq!(&sats::bsatn::to_vec(&their_type).unwrap(), &bytes);
        prop_assert_eq!(AlgebraicType::from_bsatn(&bytes), Ok(ty.clone()));
        prop_assert_eq!(serde_json::to_string(&ty).unwrap(), serde_json::to_string(&their_type).unwrap());
        prop_assert_eq!(ty.as_option().is_some(), their_type.as_option().is_some());
        prop_assert_eq!(ty.is_schedule_at(), their_type.is_schedule_at());
    }

    #[test]
    fn damaged_types_are_refused_alike(ty in any_type(), damages in any_damage()) {
        let mut bytes = ty.to_bsatn();
        damage(&mut bytes, &damages);
        let ours = AlgebraicType::from_bsatn(&bytes);
        let their_type = sats::bsatn::from_slice::<sats::AlgebraicType>(&bytes);
        prop_assert_eq!(ours.is_ok(), their_type.is_ok(), "{:?} {:?}", ours, their_type);
    }

    #[test]
    fn values_are_the_same((ty, value) in any_typed_value()) {
        let bytes = value.to_bsatn();
        let (their_value, len) = their_value(&theirs(&ty), &bytes).expect("the original reads our values");
        prop_assert_eq!(len, bytes.len());
        prop_assert_eq!(&sats::bsatn::to_vec(&their_value).unwrap(), &bytes);
        prop_assert_eq!(AlgebraicValue::from_bsatn(&bytes, &ty), Ok(value));
        let layout = Layout::new(&ty, &Typespace::default()).unwrap();
        prop_assert_eq!(layout.validate(&bytes), Ok(bytes.len()));
        prop_assert!(layout.min_len() <= bytes.len());
        prop_assert!(layout.fixed_len().is_none_or(|len| len == bytes.len()));
    }

    #[test]
    fn values_have_the_same_order((ty, a, b) in any_typed_pair()) {
        let their_type = theirs(&ty);
        let their = |value: &AlgebraicValue| their_value(&their_type, &value.to_bsatn()).unwrap().0;
        prop_assert_eq!(a.cmp(&b), their(&a).cmp(&their(&b)));
        prop_assert_eq!(a.cmp(&a), std::cmp::Ordering::Equal);
    }

    #[test]
    fn damaged_values_are_refused_alike((ty, value) in any_typed_value(), damages in any_damage()) {
        let mut bytes = value.to_bsatn();
        damage(&mut bytes, &damages);
        prop_assume!(!has_arrays_of_nothing(&ty));
        let their_len = their_value(&theirs(&ty), &bytes).map(|(_, len)| len);
        let layout = Layout::new(&ty, &Typespace::default()).unwrap();
        prop_assert_eq!(layout.validate(&bytes).ok(), their_len);
        prop_assert_eq!(AlgebraicValue::from_bsatn(&bytes, &ty).is_ok(), their_len.is_some());
        for dialect in [Dialect::Typed, Dialect::Untyped, Dialect::Stored, Dialect::Plain] {
            let writer = JsonWriter::new(&ty, &Typespace::default(), dialect).unwrap();
            prop_assert_eq!(writer.write(&bytes, &mut Vec::new()).ok(), their_len);
        }
    }

    #[test]
    fn plain_json_is_read_as_it_was_written((ty, value) in any_typed_value()) {
        let bytes = value.to_bsatn();
        let written = write(&ty, &bytes, Dialect::Plain);
        // Floats that are no numbers and options of options are both `null`, which tells less than they are.
        let is_exact = !written.contains("null");
        let params = ProductType { elements: [Element { name: Some("it".into()), ty: ty.clone() }].into() };
        for json in [format!("[{written}]"), format!(r#"{{"it":{written}}}"#)] {
            let read = args_from_plain_json(json.as_bytes(), &params, &Typespace::default());
            prop_assert!(read.is_ok() || !is_exact, "{}: {:?}", json, read);
            if let Ok(read) = read {
                prop_assert_eq!(write(&ty, &read, Dialect::Plain), written.clone());
                prop_assert!(read == bytes || !is_exact, "{}", json);
            }
        }
        // What is a text there has no quotes where there is only text.
        let text = serde_json::from_str::<String>(&written).unwrap_or_else(|_| written.clone());
        let read = plain_from_text(&text, &ty, &Typespace::default());
        prop_assert!(read == Ok(bytes) || !is_exact, "{}: {:?}", text, read);
    }

    #[test]
    fn any_text_is_read_or_refused(ty in any_type(), text in ".*") {
        if let Ok(bytes) = plain_from_text(&text, &ty, &Typespace::default()) {
            let layout = Layout::new(&ty, &Typespace::default()).unwrap();
            prop_assert_eq!(layout.validate(&bytes), Ok(bytes.len()));
        }
    }

    #[test]
    fn columns_are_where_they_are((ty, row) in any_row(), damages in any_damage()) {
        let layout = RowLayout::new(&ty, &Typespace::default()).unwrap();
        let cells: Vec<Vec<u8>> = row.iter().map(AlgebraicValue::to_bsatn).collect();
        let mut bytes = cells.concat();
        prop_assert_eq!(layout.validate(&bytes), Ok(bytes.len()));
        let all: Vec<_> = (0..cells.len()).rev().map(|column| orrery_host_abi::ColId(column as u16)).collect();
        let found: Vec<Vec<u8>> = layout.columns_at(&bytes, &all).iter().map(|cell| cell.to_vec()).collect();
        for (column, cell) in cells.iter().enumerate() {
            prop_assert_eq!(layout.column(&bytes, column), &cell[..]);
            prop_assert_eq!(&found[cells.len() - 1 - column], cell);
        }
        // Whatever the bytes, nothing panics.
        damage(&mut bytes, &damages);
        let _ = layout.validate(&bytes);
        for column in 0..cells.len() + 1 {
            layout.column(&bytes, column);
        }
    }

    #[test]
    fn json_is_the_same((ty, value) in any_typed_value()) {
        let bytes = value.to_bsatn();
        let their_type = theirs(&ty);
        let (their_value, _) = their_value(&their_type, &bytes).unwrap();

        let untyped = serde_json::to_string(&their_value).unwrap();
        prop_assert_eq!(&write(&ty, &bytes, Dialect::Untyped), &untyped);

        // The original has two forms for the unit, depending on whether it knows the value's type by Rust's or
        // by its own means; this one is the latter.
        let typed = write(&ty, &bytes, Dialect::Typed);
        let with_type = sats::ValueWithType::new(sats::WithTypespace::empty(&their_type), &their_value);
        let their_typed = serde_json::to_string(sats::ser::serde::SerializeWrapper::from_ref(&with_type)).unwrap();
        prop_assert_eq!(typed.replace("[]", "{}"), their_typed.replace("[]", "{}"));

        let stored = write(&ty, &bytes, Dialect::Stored);
        for json in [&untyped, &stored, &typed] {
            let ours = value_from_json(json.as_bytes(), &ty, &Typespace::default());
            prop_assert_eq!(ours.clone().ok(), their_json(&their_type, json.as_bytes()), "{}", json);
            // All but values that JSON does not have come back.
            if !json.contains("null") {
                prop_assert_eq!(ours.ok(), Some(bytes.clone()), "{}", json);
            }
        }
        let plain = write(&ty, &bytes, Dialect::Plain);
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&plain).is_ok(), "{}", plain);
    }

    #[test]
    fn damaged_json_is_refused_alike((ty, value) in any_typed_value(), damages in any_damage(), form in 0..3) {
        let dialect = [Dialect::Typed, Dialect::Untyped, Dialect::Plain][form as usize];
        let mut json = write(&ty, &value.to_bsatn(), dialect).into_bytes();
        damage(&mut json, &damages);
        let ours = value_from_json(&json, &ty, &Typespace::default());
        let text = String::from_utf8_lossy(&json);
        prop_assert_eq!(ours.clone().ok(), their_json(&theirs(&ty), &json), "{} {:?}", text, ours);
    }

    #[test]
    fn identities_are_the_same(issuer in ".*", subject in ".*", connection in any::<u128>()) {
        let ours = Identity::from_claims(&issuer, &subject);
        let their_identity = spacetimedb_lib::Identity::from_claims(&issuer, &subject);
        prop_assert_eq!(ours.to_le_bytes(), their_identity.to_byte_array());
        prop_assert_eq!(ours.to_hex(), their_identity.to_hex().to_string());
        let their_connection = spacetimedb_lib::ConnectionId::from_u128(connection);
        prop_assert_eq!(ConnectionId(connection).to_hex(), their_connection.to_hex().to_string());
        prop_assert_eq!(
            serde_json::to_string(&ours).unwrap(),
            serde_json::to_string(&their_identity).unwrap()
        );
        let hash = spacetimedb_lib::hash_bytes(&issuer);
        prop_assert_eq!(Hash::of(issuer.as_bytes()).to_hex(), hash.to_hex().to_string());
        prop_assert_eq!(
            format!("\"{}\"", Hash::of(issuer.as_bytes()).to_number_hex()),
            serde_json::to_string(&hash).unwrap()
        );
    }

    #[test]
    fn times_are_the_same(micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999) {
        let text = Timestamp(micros).to_string();
        let their_time = spacetimedb_lib::Timestamp::parse_from_rfc3339(&text).unwrap();
        prop_assert_eq!(their_time.to_micros_since_unix_epoch(), micros);
        let their_text = spacetimedb_lib::Timestamp::from_micros_since_unix_epoch(micros).to_rfc3339().unwrap();
        prop_assert_eq!(their_text.parse(), Ok(Timestamp(micros)), "{}", their_text);
    }
}

/// Each of them takes memory, and none takes bytes.
#[test]
fn products_of_nothing_count_as_units() {
    let around = |ty| {
        AlgebraicType::Product(ProductType { elements: [Element { name: Some("x".into()), ty }].into() })
    };
    let nested = (0..20).fold(AlgebraicType::unit(), |ty, _| around(ty));
    let array = AlgebraicType::Array(Box::new(nested));
    let decode = |count: u32| AlgebraicValue::from_bsatn(&count.to_le_bytes(), &array);
    assert!(decode(1000).is_ok());
    assert!(matches!(decode(100_000), Err(DecodeError::TooManyUnits { .. })));
}
