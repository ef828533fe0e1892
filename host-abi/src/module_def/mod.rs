//! What a module says about itself: its tables and functions.

mod dump;
mod error;
mod lookup;
mod names;
mod raw;
mod raw_v10;
mod raw_v9;
mod validate;

use bytes::Bytes;

use crate::{AlgebraicType, ColId, ProductType, TypeRef, Typespace};

pub use error::{DefError, DefErrors, TypeUseError};
pub use names::NameError;
pub use raw::*;
pub use raw_v9::*;
pub use raw_v10::*;

/// A module's definition, checked and with every name settled.
///
/// *Name* is the canonical name: what is stored, shown and used in SQL. *Accessor name* is what the code wrote;
/// it stays usable as an alias. Things of a submodule carry its namespace as a prefix (`ns.table`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModuleDef {
    /// The version of the raw definition it came from: 9 or 10.
    pub raw_version: u8,
    /// The types that columns and parameters refer to, with canonical member names.
    pub typespace: Typespace,
    /// The named types.
    pub types: Vec<TypeDef>,
    /// The tables, in the order of their declaration.
    pub tables: Vec<TableDef>,
    /// The reducers; a reducer's place is its id.
    pub reducers: Vec<ReducerDef>,
    /// The procedures; a procedure's place is its id.
    pub procedures: Vec<ProcedureDef>,
    /// The views.
    pub views: Vec<ViewDef>,
    /// The HTTP handlers; a handler's place is its id.
    pub http_handlers: Vec<HttpHandlerDef>,
    /// Which handler answers which path, in the order in which they are tried.
    pub http_routes: Vec<HttpRouteDef>,
    /// The reducer (its id) that runs when a database is made.
    pub init: Option<u32>,
    /// The reducer (its id) that runs when a client connects.
    pub client_connected: Option<u32>,
    /// The reducer (its id) that runs when a client has gone.
    pub client_disconnected: Option<u32>,
    /// Row-level security rules, as SQL.
    pub row_level_security: Vec<Box<str>>,
    /// The definitions of submodules, for the faithful answer to `schema?version=10`; everything that can be
    /// called or stored is in the lists above too.
    pub submodules: Vec<(Box<str>, ModuleDef)>,
}

/// A type that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDef {
    /// The scopes around it, outermost first.
    pub scope: Vec<Box<str>>,
    /// Its name.
    pub name: Box<str>,
    /// Where it is in the typespace.
    pub ty: TypeRef,
    /// Whether its members are in an order of their own rather than the default one.
    pub custom_ordering: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name in the code.
    pub accessor_name: Box<str>,
    /// The row type in the typespace.
    pub row_type: TypeRef,
    /// The columns, in order.
    pub columns: Vec<ColumnDef>,
    /// The primary key, if one is declared.
    pub primary_key: Option<ColId>,
    /// The indexes.
    pub indexes: Vec<IndexDef>,
    /// The unique constraints.
    pub unique_constraints: Vec<UniqueConstraintDef>,
    /// The sequences.
    pub sequences: Vec<SequenceDef>,
    /// What runs at the times that its rows name.
    pub schedule: Option<ScheduleDef>,
    /// Whether anybody may read it, or only the owner.
    pub is_public: bool,
    /// Whether its rows live for one transaction only.
    pub is_event: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name in the code.
    pub accessor_name: Box<str>,
    /// Its type, with every reference resolved.
    pub ty: AlgebraicType,
    /// The BSATN of the value that rows get when the column is added to them.
    pub default: Option<Bytes>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name that `index_id_from_name` knows as well (V10: the source name).
    pub alias: Option<Box<str>>,
    /// The name for generated code.
    pub accessor_name: Option<Box<str>>,
    /// Its kind and columns.
    pub algorithm: IndexAlgorithm,
}

/// How an index is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexAlgorithm {
    /// In order of its key.
    BTree(Vec<ColId>),
    /// By equality only.
    Hash(Vec<ColId>),
    /// As an array, by a small integer.
    Direct(ColId),
}

impl IndexAlgorithm {
    /// The key's columns, in order.
    pub fn columns(&self) -> &[ColId] {
        match self {
            Self::BTree(columns) | Self::Hash(columns) => columns,
            Self::Direct(column) => std::slice::from_ref(column),
        }
    }
}

/// Columns whose values are together different in every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueConstraintDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The columns.
    pub columns: Vec<ColId>,
}

/// A column that the host fills with the next number when it holds zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The column.
    pub column: ColId,
    /// The first value.
    pub start: Option<i128>,
    /// The smallest value.
    pub min_value: Option<i128>,
    /// The largest value.
    pub max_value: Option<i128>,
    /// The step.
    pub increment: i128,
}

/// A function that runs at the times that a table's rows name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The column with the time.
    pub at_column: ColId,
    /// The reducer or procedure, by canonical name.
    pub function: Box<str>,
}

/// A reducer.
#[derive(Debug, Clone, PartialEq)]
pub struct ReducerDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name in the code.
    pub accessor_name: Box<str>,
    /// The parameters, references unresolved.
    pub params: ProductType,
    /// Whether only the owner and the scheduler may call it.
    pub is_private: bool,
}

/// A procedure.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcedureDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name in the code.
    pub accessor_name: Box<str>,
    /// The parameters, references unresolved.
    pub params: ProductType,
    /// What it returns, references unresolved.
    pub return_type: AlgebraicType,
    /// Whether only the owner and the scheduler may call it.
    pub is_private: bool,
}

/// A view.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name in the code.
    pub accessor_name: Box<str>,
    /// Its number among the views of its kind (anonymous or not).
    pub index: u32,
    /// Whether it is the same for everybody.
    pub is_anonymous: bool,
    /// Whether it is declared public.
    pub is_public: bool,
    /// The parameters, references unresolved.
    pub params: ProductType,
    /// What it returns, as declared.
    pub return_type: AlgebraicType,
    /// How many rows it returns, and how.
    pub returns: ViewReturns,
    /// The type of a row in the typespace.
    pub row_type: TypeRef,
    /// The columns of a row.
    pub columns: Vec<ColumnDef>,
    /// The primary key, if known, and whether it was declared rather than inherited.
    pub primary_key: Option<ColId>,
    /// Whether the primary key was declared by the module rather than inherited from tables.
    pub primary_key_declared: bool,
}

/// The form of a view's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewReturns {
    /// Any number of rows.
    Rows,
    /// One row or none.
    Option,
    /// A query that the host runs.
    Query,
}

/// An HTTP handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHandlerDef {
    /// Canonical name.
    pub name: Box<str>,
    /// The name in the code.
    pub accessor_name: Box<str>,
}

/// A path and method that a handler answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRouteDef {
    /// The handler's place in [`ModuleDef::http_handlers`].
    pub handler: u32,
    /// The method in upper case; none for any.
    pub method: Option<Box<str>>,
    /// The exact path: empty, or beginning with a slash.
    pub path: Box<str>,
}
