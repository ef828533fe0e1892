//! Keys of all types compare in indexes as their values do.

mod store_support;

use orrery_host_abi::{AlgebraicType as T, RowLayout, Typespace};
use orrery_runtime::store::{self, IndexKind, StoreOptions, TableKind};
use proptest::prelude::*;
use store_support::{Random, Range, Rows, cases, check_table, key, product, sum, table};

/// Types that are keys in every form, alone and together.
fn key_types() -> Vec<Vec<T>> {
    let array = |ty: T| T::Array(Box::new(ty));
    let option = sum(&[T::String, T::unit()]);
    let pair = T::Product(product(&[T::I16, T::String]));
    vec![
        vec![T::Bool],
        vec![T::I8],
        vec![T::U16],
        vec![T::I32],
        vec![T::U64],
        vec![T::I64],
        vec![T::I128],
        vec![T::U128],
        vec![T::I256],
        vec![T::U256],
        vec![T::F32],
        vec![T::F64],
        vec![T::String],
        vec![option.clone()],
        vec![array(T::U8)],
        vec![array(T::I8)],
        vec![array(T::Bool)],
        vec![array(T::I32)],
        vec![array(T::String)],
        vec![array(array(T::unit()))],
        vec![pair.clone()],
        vec![T::Product(product(&[T::I64]))],
        vec![sum(&[T::unit(), T::I16, pair])],
        vec![sum(&[T::U32, T::F32])],
        vec![T::I8, T::U32],
        vec![T::I64, T::F64],
        vec![T::I16, T::U128, T::Bool],
        vec![T::String, T::I8],
        vec![option, T::String, T::I64],
        vec![T::U256, T::U8],
    ]
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn keys_compare_as_their_values_do(seed in any::<u64>()) {
        let mut random = Random(seed);
        for types in key_types() {
            let columns: Vec<u16> = (1..=types.len() as u16).collect();
            let all: Vec<T> = [T::U32].into_iter().chain(types).collect();
            let spec = table(4096, &all, TableKind::Durable, &[(&columns, IndexKind::BTree, false), (&columns, IndexKind::Hash, false)]);
            let mut writer = store::open_backend(redb::backends::InMemoryBackend::new(), &StoreOptions::default()).expect("a store");
            writer.create_table(spec.clone()).expect("a new table");
            let mut rows = Rows::new();
            for _ in 0..60 {
                let mut row = random.row(&spec);
                writer.insert(spec.id, &mut row).expect("an insert");
                rows.insert(row);
            }
            let layout = RowLayout::new(&spec.row_type, &Typespace::default()).expect("a layout");
            check_table(&spec, &layout, writer.table(spec.id).expect("a table"), &rows);
            let found = writer.table(spec.id).expect("a table");
            for _ in 0..20 {
                let Some(range) = Range::new(&spec, &spec.indexes[0], &mut random) else { continue };
                let expected: Rows = rows.iter().filter(|row| range.contains(&key(&spec, &spec.indexes[0], row))).cloned().collect();
                let hit: Rows = found.range(spec.indexes[0].id, &range.args()).expect("a range").map(<[u8]>::to_vec).collect();
                prop_assert_eq!(hit, expected);
            }
        }
    }
}
