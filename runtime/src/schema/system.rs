//! The system tables: what a database says about itself, as tables that clients may read.
//!
//! Ids, names, columns and their order are part of the contract with clients of the peer. Identities,
//! connection ids and times are bare numbers here, not the special products.

use orrery_host_abi::{AlgebraicType, ColId, Element, IndexId, ProductType, SumType, TableId, Variant};

use crate::store::{IndexKind, IndexSpec, TableKind, TableSpec};

/// The first id that tables, indexes and the rest of a module may have.
pub(crate) const FIRST_USER_ID: u32 = 4096;

/// The tables by name.
pub(crate) mod table {
    use orrery_host_abi::TableId;

    pub(crate) const TABLE: TableId = TableId(1);
    pub(crate) const COLUMN: TableId = TableId(2);
    pub(crate) const SEQUENCE: TableId = TableId(3);
    pub(crate) const INDEX: TableId = TableId(4);
    pub(crate) const CONSTRAINT: TableId = TableId(5);
    pub(crate) const MODULE: TableId = TableId(6);
    pub(crate) const CLIENT: TableId = TableId(7);
    pub(crate) const VAR: TableId = TableId(8);
    pub(crate) const SCHEDULED: TableId = TableId(9);
    pub(crate) const ROW_LEVEL_SECURITY: TableId = TableId(10);
    pub(crate) const CONNECTION_CREDENTIALS: TableId = TableId(11);
    pub(crate) const VIEW: TableId = TableId(12);
    pub(crate) const VIEW_PARAM: TableId = TableId(13);
    pub(crate) const VIEW_COLUMN: TableId = TableId(14);
    pub(crate) const EVENT_TABLE: TableId = TableId(17);
    pub(crate) const TABLE_ACCESSOR: TableId = TableId(18);
    pub(crate) const INDEX_ACCESSOR: TableId = TableId(19);
    pub(crate) const COLUMN_ACCESSOR: TableId = TableId(20);
}

/// Indexes that the runtime itself looks things up with.
pub(crate) mod index {
    use orrery_host_abi::IndexId;

    /// `st_sequence (sequence_id)`.
    pub(crate) const SEQUENCE: IndexId = IndexId(4);
    /// `st_client (identity, connection_id)`.
    pub(crate) const CLIENT: IndexId = IndexId(7);
    /// `st_connection_credentials (connection_id)`.
    pub(crate) const CONNECTION_CREDENTIALS: IndexId = IndexId(13);
}

/// A system table as written down here.
pub(crate) struct SystemTable {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) is_public: bool,
    pub(crate) columns: &'static [(&'static str, Type)],
    pub(crate) primary_key: Option<u16>,
    /// Columns, and whether they are unique. All are btrees; their ids count up over all tables.
    pub(crate) indexes: &'static [(&'static [u16], bool)],
    /// The column with a sequence. Its id is the second number.
    pub(crate) sequence: Option<(u16, u32)>,
}

/// The types that system tables use.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I64,
    U128,
    I128,
    U256,
    String,
    Bytes,
    OptionU32,
    OptionColumns,
    IndexAlgorithm,
    ConstraintData,
    VarValue,
}

use Type::{Bool, Bytes, I64, I128, OptionU32, String, U8, U16, U32, U64, U128, U256};

const fn public(
    id: u32,
    name: &'static str,
    primary_key: Option<u16>,
    columns: &'static [(&'static str, Type)],
    indexes: &'static [(&'static [u16], bool)],
    sequence: Option<(u16, u32)>,
) -> SystemTable {
    SystemTable { id, name, is_public: true, columns, primary_key, indexes, sequence }
}

/// All system tables, in the order of their ids.
pub(crate) const SYSTEM_TABLES: &[SystemTable] = &[
    public(
        1,
        "st_table",
        Some(0),
        &[
            ("table_id", U32),
            ("table_name", String),
            ("table_type", String),
            ("table_access", String),
            ("table_primary_key", Type::OptionColumns),
        ],
        &[(&[0], true), (&[1], true)],
        Some((0, 1)),
    ),
    public(
        2,
        "st_column",
        None,
        &[("table_id", U32), ("col_pos", U16), ("col_name", String), ("col_type", Bytes)],
        &[(&[0, 1], true)],
        None,
    ),
    public(
        3,
        "st_sequence",
        Some(0),
        &[
            ("sequence_id", U32),
            ("sequence_name", String),
            ("table_id", U32),
            ("col_pos", U16),
            ("increment", I128),
            ("start", I128),
            ("min_value", I128),
            ("max_value", I128),
            ("allocated", I128),
        ],
        &[(&[0], true)],
        Some((0, 5)),
    ),
    public(
        4,
        "st_index",
        Some(0),
        &[
            ("index_id", U32),
            ("table_id", U32),
            ("index_name", String),
            ("index_algorithm", Type::IndexAlgorithm),
        ],
        &[(&[0], true)],
        Some((0, 2)),
    ),
    public(
        5,
        "st_constraint",
        Some(0),
        &[
            ("constraint_id", U32),
            ("constraint_name", String),
            ("table_id", U32),
            ("constraint_data", Type::ConstraintData),
        ],
        &[(&[0], true)],
        Some((0, 3)),
    ),
    public(
        6,
        "st_module",
        None,
        &[
            ("database_identity", U256),
            ("owner_identity", U256),
            ("program_kind", U8),
            ("program_hash", U256),
            ("program_bytes", Bytes),
            ("module_version", String),
        ],
        &[],
        None,
    ),
    public(7, "st_client", None, &[("identity", U256), ("connection_id", U128)], &[(&[0, 1], true)], None),
    public(8, "st_var", Some(0), &[("name", String), ("value", Type::VarValue)], &[(&[0], true)], None),
    public(
        9,
        "st_scheduled",
        Some(0),
        &[
            ("schedule_id", U32),
            ("table_id", U32),
            ("reducer_name", String),
            ("schedule_name", String),
            ("at_column", U16),
        ],
        &[(&[0], true), (&[1], true)],
        Some((0, 4)),
    ),
    public(
        10,
        "st_row_level_security",
        Some(1),
        &[("table_id", U32), ("sql", String)],
        &[(&[0], false), (&[1], true)],
        None,
    ),
    SystemTable {
        id: 11,
        name: "st_connection_credentials",
        is_public: false,
        columns: &[("connection_id", U128), ("jwt_payload", String)],
        primary_key: Some(0),
        indexes: &[(&[0], true)],
        sequence: None,
    },
    public(
        12,
        "st_view",
        Some(0),
        &[
            ("view_id", U32),
            ("view_name", String),
            ("table_id", OptionU32),
            ("is_public", Bool),
            ("is_anonymous", Bool),
        ],
        &[(&[0], true), (&[1], true)],
        Some((0, 6)),
    ),
    public(
        13,
        "st_view_param",
        None,
        &[("view_id", U32), ("param_pos", U16), ("param_name", String), ("param_type", Bytes)],
        &[(&[0, 1], true)],
        None,
    ),
    public(
        14,
        "st_view_column",
        None,
        &[("view_id", U32), ("col_pos", U16), ("col_name", String), ("col_type", Bytes)],
        &[(&[0, 1], true)],
        None,
    ),
    public(
        15,
        "st_view_sub",
        None,
        &[
            ("view_id", U32),
            ("arg_id", U64),
            ("identity", U256),
            ("num_subscribers", U64),
            ("has_subscribers", Bool),
            ("last_called", I64),
        ],
        &[(&[2], false), (&[4], false), (&[0, 1, 2], false)],
        None,
    ),
    public(
        16,
        "st_view_arg",
        Some(0),
        &[("id", U64), ("bytes", Bytes)],
        &[(&[0], true), (&[1], true)],
        Some((0, 7)),
    ),
    public(17, "st_event_table", Some(0), &[("table_id", U32)], &[(&[0], true)], None),
    public(
        18,
        "st_table_accessor",
        None,
        &[("table_name", String), ("accessor_name", String)],
        &[(&[0], true), (&[1], true)],
        None,
    ),
    public(
        19,
        "st_index_accessor",
        None,
        &[("index_name", String), ("accessor_name", String)],
        &[(&[0], true), (&[1], true)],
        None,
    ),
    public(
        20,
        "st_column_accessor",
        None,
        &[("table_name", String), ("col_name", String), ("accessor_name", String)],
        &[(&[0, 1], true), (&[0, 2], true)],
        None,
    ),
];

impl SystemTable {
    /// The table as the store wants it. `first_index` is the id of its first index.
    ///
    /// Ids of system rows are given out by this crate when a schema is applied, so no sequence runs here.
    pub(crate) fn spec(&self, first_index: u32) -> TableSpec {
        let elements = self.columns.iter().map(|(name, ty)| element(name, ty.algebraic())).collect();
        let indexes = self.indexes.iter().zip(first_index..).map(|((columns, unique), id)| IndexSpec {
            id: IndexId(id),
            columns: columns.iter().map(|column| ColId(*column)).collect(),
            kind: IndexKind::BTree,
            unique: *unique,
        });
        TableSpec {
            id: TableId(self.id),
            name: self.name.into(),
            row_type: ProductType { elements },
            indexes: indexes.collect(),
            sequences: Vec::new(),
            kind: TableKind::Durable,
        }
    }

    /// The names of these columns, joined as they are in the names of indexes and constraints.
    pub(crate) fn column_names(&self, columns: &[u16]) -> std::string::String {
        let names: Vec<_> = columns.iter().map(|column| self.columns[usize::from(*column)].0).collect();
        names.join("_")
    }
}

impl Type {
    /// The type in the type system.
    pub(crate) fn algebraic(self) -> AlgebraicType {
        let columns = || array(AlgebraicType::U16);
        match self {
            Bool => AlgebraicType::Bool,
            U8 => AlgebraicType::U8,
            U16 => AlgebraicType::U16,
            U32 => AlgebraicType::U32,
            U64 => AlgebraicType::U64,
            I64 => AlgebraicType::I64,
            U128 => AlgebraicType::U128,
            I128 => AlgebraicType::I128,
            U256 => AlgebraicType::U256,
            String => AlgebraicType::String,
            Bytes => array(AlgebraicType::U8),
            OptionU32 => option(AlgebraicType::U32),
            Self::OptionColumns => option(columns()),
            Self::IndexAlgorithm => sum([
                ("Unused", AlgebraicType::U128),
                ("BTree", product([("columns", columns())])),
                ("Direct", product([("column", AlgebraicType::U16)])),
                ("Hash", product([("columns", columns())])),
            ]),
            Self::ConstraintData => {
                sum([("Unused", AlgebraicType::U128), ("Unique", product([("columns", columns())]))])
            }
            Self::VarValue => sum([
                ("Bool", AlgebraicType::Bool),
                ("I8", AlgebraicType::I8),
                ("U8", AlgebraicType::U8),
                ("I16", AlgebraicType::I16),
                ("U16", AlgebraicType::U16),
                ("I32", AlgebraicType::I32),
                ("U32", AlgebraicType::U32),
                ("I64", AlgebraicType::I64),
                ("U64", AlgebraicType::U64),
                ("I128", AlgebraicType::I128),
                ("U128", AlgebraicType::U128),
                ("F32", AlgebraicType::F32),
                ("F64", AlgebraicType::F64),
                ("String", AlgebraicType::String),
            ]),
        }
    }
}

fn element(name: &str, ty: AlgebraicType) -> Element {
    Element { name: Some(name.into()), ty }
}

fn array(ty: AlgebraicType) -> AlgebraicType {
    AlgebraicType::Array(Box::new(ty))
}

fn option(ty: AlgebraicType) -> AlgebraicType {
    sum([("some", ty), ("none", product([]))])
}

fn product<const N: usize>(elements: [(&str, AlgebraicType); N]) -> AlgebraicType {
    let elements = elements.into_iter().map(|(name, ty)| element(name, ty)).collect();
    AlgebraicType::Product(ProductType { elements })
}

fn sum<const N: usize>(variants: [(&str, AlgebraicType); N]) -> AlgebraicType {
    let variants = variants.into_iter().map(|(name, ty)| Variant { name: Some(name.into()), ty }).collect();
    AlgebraicType::Sum(SumType { variants })
}
