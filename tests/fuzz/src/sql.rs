//! Any text as SQL, asked of a small database by its owner and by a stranger.

use std::time::Duration;

use orrery_host_abi::{
    AlgebraicType, AlgebraicValue, ColId, Element, Identity, IndexId, ModuleDef, ProductType, SpecialProduct,
    SumType, SumValue, TableId, TypeRef, Variant,
    bsatn::{Encode, Reader},
    module_def::{ColumnDef, TableDef},
};

use crate::{
    query::{Asker, Compiled, Limits, Queries, QueryError, Repeats, Rights, Sources, parse},
    schema::{Catalog, FIRST_USER_ID, system_table},
    store::{IndexKind, IndexSpec, StoreOptions, TableKind, TableSpec, Writer, open_backend},
};

const OWNER: Identity = Identity([1; 32]);
const STRANGER: Identity = Identity([2; 32]);

/// More than any query here needs. What it collects is counted, and what it prepares is not.
const MEMORY_MAX: usize = 1 << 20;

/// A database, made once and asked by every input. What is changed is undone.
pub struct SmallDatabase {
    writer: Writer,
    queries: Queries,
}

impl Default for SmallDatabase {
    fn default() -> Self {
        Self::new()
    }
}

impl SmallDatabase {
    /// With three tables and some rows.
    pub fn new() -> Self {
        let backend = redb::backends::InMemoryBackend::new();
        let mut writer = open_backend(backend, &StoreOptions::default()).expect("memory can be written");
        let variables = TableSpec {
            id: system_table::VAR,
            name: "st_var".into(),
            row_type: ProductType {
                elements: [element("name", AlgebraicType::String), element("value", variable())].into(),
            },
            indexes: Vec::new(),
            sequences: Vec::new(),
            kind: TableKind::Durable,
        };
        writer.create_table(variables).expect("a table can be made");
        let mut module = ModuleDef::default();
        let mut next_index = FIRST_USER_ID;
        for (table, id) in tables().into_iter().zip(FIRST_USER_ID..) {
            let elements = table.columns.iter().map(|(name, ty)| element(name, ty.clone()));
            let indexes = table.indexes.iter().map(|(columns, kind, unique)| {
                next_index += 1;
                let columns = columns.iter().map(|column| ColId(*column)).collect();
                IndexSpec { id: IndexId(next_index), columns, kind: *kind, unique: *unique }
            });
            let spec = TableSpec {
                id: TableId(id),
                name: table.name.into(),
                row_type: ProductType { elements: elements.collect() },
                indexes: indexes.collect(),
                sequences: Vec::new(),
                kind: TableKind::Durable,
            };
            writer.create_table(spec).expect("a table can be made");
            for row in &table.rows {
                let mut bytes = Vec::new();
                row.iter().for_each(|value| value.encode(&mut bytes));
                writer.insert(TableId(id), &mut bytes).expect("a row fits");
            }
            module.tables.push(table.definition());
        }
        module.row_level_security = vec!["SELECT * FROM note WHERE note.owner = :sender".into()];
        let queries = Queries::new(&Catalog { module }).expect("the rules are valid");
        writer.commit().expect("there is room");
        Self { writer, queries }
    }

    /// Checks an input: a text that may be SQL.
    ///
    /// # Panics
    ///
    /// If a promise is broken.
    pub fn check(&mut self, text: &str) {
        let Ok(statements) = parse(text) else { return };
        for (identity, rights) in [(STRANGER, Rights::Public), (OWNER, Rights::Owner)] {
            let asker = Asker { identity, rights };
            for statement in &statements {
                let Ok(compiled) = self.queries.compile(statement, rights) else { continue };
                // An error is an answer as well.
                let _ = self.run(&compiled, asker);
            }
            self.writer.rollback();
        }
    }

    fn run(&mut self, compiled: &Compiled, asker: Asker) -> Result<(), QueryError> {
        let limits = Limits {
            time: Duration::from_secs(60),
            memory: MEMORY_MAX,
            rows: Some(100_000),
            is_cancelled: &|| false,
        };
        let query = match compiled {
            Compiled::Change(change) => {
                return change.apply(&mut self.writer, &self.queries, asker, &limits).map(drop);
            }
            Compiled::Query(query) => query,
        };
        for repeats in [Repeats::Keep, Repeats::Drop] {
            let rows =
                self.queries.prepare(query, asker).run(Sources::tables(&self.writer), repeats, &limits)?;
            // What comes out is of the type that was announced.
            let mut reader = Reader::new(&rows);
            let mut again = Vec::new();
            let count = reader.read_u32().expect("there is a count");
            count.encode(&mut again);
            for _ in 0..count {
                let row = AlgebraicValue::decode_elements(&mut reader, query.schema())
                    .expect("a row of the schema");
                row.iter().for_each(|value| value.encode(&mut again));
            }
            assert!(reader.rest().is_empty(), "there is more than the rows");
            assert!(again == rows, "the rows are not encoded as they can be read");
        }
        Ok(())
    }
}

struct Table {
    name: &'static str,
    is_public: bool,
    columns: Vec<(&'static str, AlgebraicType)>,
    /// Columns, kind, and whether unique.
    indexes: Vec<(Vec<u16>, IndexKind, bool)>,
    rows: Vec<Vec<AlgebraicValue>>,
}

impl Table {
    fn definition(&self) -> TableDef {
        let columns = self.columns.iter().map(|(name, ty)| ColumnDef {
            name: (*name).into(),
            accessor_name: (*name).into(),
            ty: ty.clone(),
            default: None,
        });
        TableDef {
            name: self.name.into(),
            accessor_name: self.name.into(),
            row_type: TypeRef(0),
            columns: columns.collect(),
            primary_key: None,
            indexes: Vec::new(),
            unique_constraints: Vec::new(),
            sequences: Vec::new(),
            schedule: None,
            is_public: self.is_public,
            is_event: false,
        }
    }
}

fn element(name: &str, ty: AlgebraicType) -> Element {
    Element { name: Some(name.into()), ty }
}

fn kinds(payload: AlgebraicType) -> AlgebraicType {
    let variants = [("private", AlgebraicType::unit()), ("business", payload)];
    let variant = |(name, ty): (&str, AlgebraicType)| Variant { name: Some(name.into()), ty };
    AlgebraicType::Sum(SumType { variants: variants.map(variant).into() })
}

/// The type of the values of variables.
fn variable() -> AlgebraicType {
    use AlgebraicType::{Bool, F32, F64, I8, I16, I32, I64, I128, String, U8, U16, U32, U64, U128};
    let types = [Bool, I8, U8, I16, U16, I32, U32, I64, U64, I128, U128, F32, F64, String];
    let variant = |ty: AlgebraicType| Variant { name: Some(format!("{ty:?}").into()), ty };
    AlgebraicType::Sum(SumType { variants: types.map(variant).into() })
}

fn tables() -> Vec<Table> {
    use AlgebraicValue as V;
    let identity = |identity: Identity| V::Product(vec![V::U256(identity.to_u256())]);
    let option = |value: Option<V>| V::option(value);
    let plain = |tag| V::Sum(SumValue { tag, value: Box::new(V::Product(Vec::new())) });
    let person = (1..=20_u32).map(|id| {
        vec![
            V::U32(id),
            V::String(format!("person {id}").into()),
            option((id % 3 != 0).then(|| V::U8(id as u8 * 5))),
            V::F64(f64::from(id) / 7.0),
            V::Bool(id % 2 == 0),
            plain((id % 2) as u8),
        ]
    });
    let note = (1..=20_u64).map(|id| {
        let owner = if id % 2 == 0 { OWNER } else { STRANGER };
        vec![
            V::U64(id),
            V::U32((id % 7) as u32),
            identity(owner),
            V::Bytes(vec![id as u8; 3].into()),
            V::I64(-1),
        ]
    });
    let wide = [0_i128, -1, i128::MAX, i128::MIN].map(|number| {
        vec![
            V::I128(number),
            V::U256(Identity([number as u8; 32]).to_u256()),
            V::F32(number as f32),
            V::Array(vec![V::I16(1), V::I16(-1)]),
        ]
    });
    vec![
        Table {
            name: "person",
            is_public: true,
            columns: vec![
                ("id", AlgebraicType::U32),
                ("name", AlgebraicType::String),
                ("age", AlgebraicType::option(AlgebraicType::U8)),
                ("height", AlgebraicType::F64),
                ("is_here", AlgebraicType::Bool),
                ("kind", kinds(AlgebraicType::unit())),
            ],
            indexes: vec![
                (vec![0], IndexKind::BTree, true),
                (vec![1, 0], IndexKind::BTree, false),
                (vec![2], IndexKind::BTree, false),
                (vec![5], IndexKind::Hash, false),
            ],
            rows: person.collect(),
        },
        Table {
            name: "note",
            is_public: true,
            columns: vec![
                ("id", AlgebraicType::U64),
                ("person", AlgebraicType::U32),
                ("owner", SpecialProduct::Identity.ty()),
                ("content", AlgebraicType::Array(Box::new(AlgebraicType::U8))),
                ("at", AlgebraicType::I64),
            ],
            indexes: vec![
                (vec![0], IndexKind::BTree, true),
                (vec![1], IndexKind::BTree, false),
                (vec![2], IndexKind::Hash, false),
            ],
            rows: note.collect(),
        },
        Table {
            name: "wide",
            is_public: false,
            columns: vec![
                ("big", AlgebraicType::I128),
                ("bigger", AlgebraicType::U256),
                ("real", AlgebraicType::F32),
                ("list", AlgebraicType::Array(Box::new(AlgebraicType::I16))),
            ],
            indexes: vec![(vec![0], IndexKind::BTree, true), (vec![1, 2], IndexKind::BTree, false)],
            rows: wide.into(),
        },
    ]
}
