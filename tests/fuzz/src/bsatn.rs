//! Types and values: decoded, checked in each of the ways there are, and encoded again.

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, ColId, Layout, RowLayout, TypeRef, Typespace,
    bsatn::{Decode, DecodeError, Encode, Reader},
};

use crate::memory;

/// Splits an input into types and what follows them.
pub(crate) fn types(input: &[u8]) -> Option<(Typespace, &[u8])> {
    let mut reader = Reader::new(input);
    let typespace = Typespace::decode(&mut reader).ok()?;
    let taken = &input[..reader.position()];
    assert_eq!(typespace.to_bsatn(), taken, "types are not encoded as they were decoded");
    (!typespace.types.is_empty()).then(|| (typespace, reader.rest()))
}

/// Checks an input: a typespace, then a value of its first type.
pub fn check(input: &[u8]) {
    memory::bounded(memory::limit_for(input), || check_value(input));
}

fn check_value(input: &[u8]) {
    let Some((typespace, bytes)) = types(input) else { return };
    let root = AlgebraicType::Ref(TypeRef(0));
    let layout = Layout::new(&root, &typespace);
    let resolved = root.resolve(&typespace);
    let (Ok(layout), Ok(ty)) = (layout, resolved) else { return };
    let validated = layout.validate(bytes);
    let direct = Layout::new(&ty, &Typespace::default()).expect("a resolved type has a layout");
    assert_eq!(validated, direct.validate(bytes), "references change what is valid");

    let mut reader = Reader::new(bytes);
    match AlgebraicValue::decode(&mut reader, &ty) {
        Ok(value) => {
            let taken = &bytes[..reader.position()];
            assert_eq!(value.to_bsatn(), taken, "a value is not encoded as it was decoded");
            assert_eq!(validated, Ok(taken.len()), "what can be decoded is valid");
            if let Some(len) = layout.fixed_len() {
                assert_eq!(len, taken.len());
            }
            assert!(layout.min_len() <= taken.len());
        }
        // Valid, but as a value it would take much more memory than its bytes.
        Err(DecodeError::TooManyUnits { .. }) => {}
        Err(error) => assert!(validated.is_err(), "valid, but not to be decoded: {error}"),
    }

    let AlgebraicType::Product(product) = &ty else { return };
    let Ok(row) = RowLayout::new(product, &Typespace::default()) else { return };
    assert_eq!(row.validate(bytes), validated, "a row is another value than a product");
    if let Ok(len) = validated {
        let bytes = &bytes[..len];
        let cells = || (0..product.elements.len()).map(|column| row.column(bytes, column));
        assert_eq!(cells().collect::<Vec<_>>().concat(), bytes, "the columns are not the row");
        let ids: Vec<_> =
            (0..product.elements.len()).filter_map(|it| u16::try_from(it).ok()).map(ColId).collect();
        if ids.len() == product.elements.len() {
            let mut key = Vec::new();
            row.project(bytes, &ids, &mut key);
            assert_eq!(key, bytes, "the projection is not the row");
        }
    } else {
        // Bytes that are not valid give cells that mean nothing, and no panic.
        for column in 0..product.elements.len() {
            let _ = row.column(bytes, column);
        }
    }
}
