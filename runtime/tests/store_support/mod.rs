//! What tests of the store share: random rows, and a table's contents against a set of rows.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(unreachable_pub, missing_docs, reason = "it is compiled into each test")]

use std::collections::BTreeSet;

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, ColId, Element, IndexId, ProductType, RowLayout, SumType, TableId,
    Variant, bsatn::Encode,
};
use orrery_runtime::store::{IndexKind, IndexSpec, RangeArgs, Table, TableKind, TableSpec};
use proptest::prelude::*;

use AlgebraicType as T;

/// A small generator (splitmix64), to make rows from one number.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// BSATN of a value of that type. Few different ones, so that they meet; strings are sometimes longer than a page.
    pub fn value(&mut self, ty: &T, out: &mut Vec<u8>) {
        match ty {
            T::Bool => out.push(self.below(2) as u8),
            T::U8 | T::I8 => out.push([0, 1, 2, 0x7f, 0x80, 0xff][self.below(6) as usize]),
            T::U16 | T::I16 => self.integer(2, out),
            T::U32 | T::I32 => self.integer(4, out),
            T::U64 | T::I64 => self.integer(8, out),
            T::U128 | T::I128 => self.integer(16, out),
            T::U256 | T::I256 => self.integer(32, out),
            T::F32 => [0.0, -0.0, 1.5, -1.5, f32::INFINITY, f32::NAN, -f32::NAN, 1e-40]
                [self.below(8) as usize]
                .encode(out),
            T::F64 => [0.0, -0.0, 1.5, -1.5, f64::NEG_INFINITY, f64::NAN, -f64::NAN][self.below(7) as usize]
                .encode(out),
            T::String => {
                let len = match self.below(40) {
                    0 => self.below(9000),
                    1..=9 => self.below(400),
                    _ => self.below(4),
                };
                let letters = ["a", "b", "\0", "\u{1}", "ÿ"];
                let text: String = (0..len).map(|_| letters[self.below(5) as usize]).collect();
                text.encode(out);
            }
            T::Array(element) => {
                let len = self.below(4) as u32;
                len.encode(out);
                (0..len).for_each(|_| self.value(element, out));
            }
            T::Product(product) => product.elements.iter().for_each(|element| self.value(&element.ty, out)),
            T::Sum(sum) => {
                let tag = self.below(sum.variants.len() as u64) as u8;
                out.push(tag);
                self.value(&sum.variants[tag as usize].ty, out);
            }
            T::Ref(_) => unreachable!("types of rows are resolved"),
        }
    }

    fn integer(&mut self, len: usize, out: &mut Vec<u8>) {
        let low = self.below(24) as u8;
        let fill = [0, 0, 0, 0xff][self.below(4) as usize];
        let mut bytes = vec![fill; len];
        bytes[0] = low;
        if self.below(4) == 0 {
            bytes[len / 2] = self.below(256) as u8;
        }
        out.extend(bytes);
    }

    pub fn row(&mut self, spec: &TableSpec) -> Vec<u8> {
        let mut row = Vec::new();
        spec.row_type.elements.iter().for_each(|element| self.value(&element.ty, &mut row));
        row
    }
}

pub fn product(types: &[T]) -> ProductType {
    ProductType { elements: types.iter().map(|ty| Element { name: None, ty: ty.clone() }).collect() }
}

pub fn sum(types: &[T]) -> T {
    T::Sum(SumType { variants: types.iter().map(|ty| Variant { name: None, ty: ty.clone() }).collect() })
}

pub fn table(id: u32, types: &[T], kind: TableKind, indexes: &[(&[u16], IndexKind, bool)]) -> TableSpec {
    let index = |(place, (columns, kind, unique)): (u32, &(&[u16], IndexKind, bool))| IndexSpec {
        id: IndexId(id * 16 + place),
        columns: columns.iter().copied().map(ColId).collect(),
        kind: *kind,
        unique: *unique,
    };
    TableSpec {
        id: TableId(id),
        name: "t".into(),
        row_type: product(types),
        indexes: (0..).zip(indexes).map(index).collect(),
        sequences: Vec::new(),
        kind,
    }
}

pub type Rows = BTreeSet<Vec<u8>>;
pub fn key(spec: &TableSpec, index: &IndexSpec, row: &[u8]) -> Vec<AlgebraicValue> {
    let AlgebraicValue::Product(cells) =
        AlgebraicValue::from_bsatn(row, &T::Product(spec.row_type.clone())).expect("a valid row")
    else {
        unreachable!("a row is a product")
    };
    index.columns.iter().map(|column| cells[usize::from(column.0)].clone()).collect()
}

pub fn check_table(spec: &TableSpec, layout: &RowLayout, table: &Table, rows: &Rows) {
    assert_eq!(table.row_count(), rows.len() as u64);
    assert_eq!(table.rows().map(<[u8]>::to_vec).collect::<Rows>(), *rows);
    let chunks: Vec<_> = table.chunks().collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.rows).sum::<usize>(), rows.len());
    assert_eq!(
        chunks.iter().map(|chunk| chunk.bytes).collect::<Vec<_>>().concat(),
        table.rows().collect::<Vec<_>>().concat()
    );
    for index in &spec.indexes {
        let found = table.index(index.id).expect("an index");
        let all: Vec<&[u8]> = found.rows().collect();
        assert_eq!(all.len(), rows.len(), "index {}", index.id);
        assert_eq!(all.iter().map(|row| row.to_vec()).collect::<Rows>(), *rows);
        if index.kind != IndexKind::Hash {
            let keys: Vec<_> = all.iter().map(|row| key(spec, index, row)).collect();
            assert!(keys.is_sorted(), "index {} is out of order", index.id);
        }
        for row in rows.iter().step_by(7) {
            let mut point = Vec::new();
            layout.project(row, &index.columns, &mut point);
            let wanted = key(spec, index, row);
            let expected: Rows = rows.iter().filter(|row| key(spec, index, row) == wanted).cloned().collect();
            let found: Vec<&[u8]> = table.point(index.id, &point).expect("a key").collect();
            assert_eq!(found.len(), expected.len());
            assert_eq!(found.iter().map(|row| row.to_vec()).collect::<Rows>(), expected);
        }
    }
    for row in rows.iter().step_by(5) {
        assert!(table.find_row(row).is_some());
    }
}

/// A range over an index, as bytes and as values.
pub struct Range {
    prefix: Vec<u8>,
    prefix_values: Vec<AlgebraicValue>,
    bounds: [(u8, Vec<u8>, Option<AlgebraicValue>); 2],
    is_flat: bool,
}

impl Range {
    pub fn new(spec: &TableSpec, index: &IndexSpec, random: &mut Random) -> Option<Self> {
        let column = |id: &ColId| spec.row_type.elements[usize::from(id.0)].ty.clone();
        let types: Vec<T> = index.columns.iter().map(column).collect();
        let (types, is_flat) = match &*types {
            [T::Product(product)] => (product.elements.iter().map(|e| e.ty.clone()).collect(), true),
            _ => (types, false),
        };
        let at = random.below(types.len() as u64) as usize;
        let mut prefix = Vec::new();
        let mut prefix_values = Vec::new();
        let mut draw = |ty: &T, out: &mut Vec<u8>| {
            let start = out.len();
            random.value(ty, out);
            AlgebraicValue::from_bsatn(&out[start..], ty).ok()
        };
        for ty in &types[..at] {
            prefix_values.push(draw(ty, &mut prefix)?);
        }
        let mut bounds = [const { (2, Vec::new(), None) }; 2];
        for bound in &mut bounds {
            let mut bytes = Vec::new();
            let value = draw(&types[at], &mut bytes);
            bound.0 = bytes.iter().map(|&byte| byte % 3).fold(index.id.0 as u8, u8::wrapping_add) % 3;
            if bound.0 != 2 {
                (bound.1, bound.2) = (bytes, value);
            }
            bound.1.insert(0, bound.0);
        }
        Some(Self { prefix, prefix_values, bounds, is_flat })
    }

    pub fn args(&self) -> RangeArgs<'_> {
        RangeArgs {
            prefix: &self.prefix,
            prefix_elems: self.prefix_values.len() as u16,
            start: &self.bounds[0].1,
            end: &self.bounds[1].1,
        }
    }

    pub fn contains(&self, key: &[AlgebraicValue]) -> bool {
        let parts = match key {
            [AlgebraicValue::Product(parts)] if self.is_flat => parts,
            _ => key,
        };
        let next = &parts[self.prefix_values.len()];
        let [(start_tag, _, start), (end_tag, _, end)] = &self.bounds;
        parts[..self.prefix_values.len()] == self.prefix_values
            && start.as_ref().is_none_or(|start| if *start_tag == 0 { next >= start } else { next > start })
            && end.as_ref().is_none_or(|end| if *end_tag == 0 { next <= end } else { next < end })
    }
}

pub fn cases(count: u32) -> ProptestConfig {
    let count = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(count);
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}
