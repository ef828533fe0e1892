//! What can be wrong with a module's definition.

use std::fmt;

use super::{NameError, RawLifecycle};
use crate::{ColId, LayoutError, TypeRef, bsatn::DecodeError};

/// Everything that is wrong with a module's definition; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefErrors(pub Vec<DefError>);

impl std::error::Error for DefErrors {}

impl fmt::Display for DefErrors {
    /// One line for each error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            f.write_str(if place > 0 { "\n" } else { "" })?;
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl From<DefError> for DefErrors {
    fn from(error: DefError) -> Self {
        Self(vec![error])
    }
}

/// One thing that is wrong with a module's definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it, and the fields are what they mention")]
pub enum DefError {
    #[error("the module's definition cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the columns of all tables and views together consist of too many types")]
    TooLarge,
    #[error("the name `{name}` is not allowed: {error}")]
    BadName { name: Box<str>, error: NameError },
    #[error("the name `{name}` is used twice")]
    DuplicateName { name: Box<str> },
    #[error("there are several functions with the name `{name}`")]
    DuplicateFunction { name: Box<str> },
    #[error("there are several types with the name `{name}`")]
    DuplicateType { name: Box<str> },
    #[error("the type `{name}` refers to type {ty}, which does not exist")]
    NoSuchType { name: Box<str>, ty: TypeRef },
    #[error("the members of type `{name}` are not in the default order, and no other order is declared")]
    WrongOrder { name: Box<str> },
    #[error("{place}: {error}")]
    BadTypeUse { place: Box<str>, error: TypeUseError },

    #[error("rows of `{name}` should have type {ty}, which is not a product type of the module")]
    BadRowType { name: Box<str>, ty: TypeRef },
    #[error("table name `{table}` is reserved: names that begin with `st_` belong to the host")]
    ReservedTableName { table: Box<str> },
    #[error("column {column} of `{table}` has no name")]
    UnnamedColumn { table: Box<str>, column: usize },
    #[error("column `{column}` of `{table}` cannot be stored: {error}")]
    BadColumnType { table: Box<str>, column: Box<str>, error: LayoutError },
    #[error("`{of}` of table `{table}` refers to column {column}, which does not exist")]
    NoSuchColumn { table: Box<str>, of: Box<str>, column: ColId },
    #[error("`{of}` of table `{table}` names a column twice")]
    RepeatedColumn { table: Box<str>, of: Box<str> },
    #[error("the primary key of table `{table}` has more than one column")]
    WidePrimaryKey { table: Box<str> },
    #[error("the primary key of table `{table}`, column {column}, has no unique constraint")]
    PrimaryKeyNotUnique { table: Box<str>, column: ColId },
    #[error("unique constraint `{constraint}` of table `{table}` has no index on the same columns")]
    UniqueWithoutIndex { table: Box<str>, constraint: Box<str> },
    #[error("an index of table `{table}` has no source name")]
    UnnamedIndex { table: Box<str> },
    #[error(
        "direct index `{index}` needs a column of type u8, u16, u32 or u64, or of an enum without payloads"
    )]
    BadDirectIndex { index: Box<str> },
    #[error("sequence `{sequence}` needs a column of an integer type")]
    BadSequenceColumn { sequence: Box<str> },
    #[error("column {column} of table `{table}` has several sequences")]
    SecondSequence { table: Box<str>, column: ColId },
    #[error(
        "sequence `{sequence}` is not possible: it must start between its smallest and largest value, and its \
         step must not be zero and must be smaller than the distance between them"
    )]
    BadSequenceRange { sequence: Box<str> },
    #[error(
        "the default value of column {column} of table `{table}` does not have the column's type: {error}"
    )]
    BadDefault { table: Box<str>, column: ColId, error: DecodeError },
    #[error("column {column} of table `{table}` has several default values")]
    SecondDefault { table: Box<str>, column: ColId },
    #[error("table `{table}` does not exist")]
    NoSuchTable { table: Box<str> },

    #[error("table `{table}` has several schedules")]
    SecondSchedule { table: Box<str> },
    #[error("scheduled table `{table}` needs a column of type ScheduleAt and a primary key of type u64")]
    BadScheduleColumns { table: Box<str> },
    #[error("schedule `{schedule}` should run `{function}`, which is neither a reducer nor a procedure")]
    NoSuchScheduledFunction { schedule: Box<str>, function: Box<str> },
    #[error("`{function}` is scheduled by table `{table}`, so a row of it must be its only parameter")]
    BadScheduledParams { table: Box<str>, function: Box<str> },

    #[error("parameter {position} of `{function}` has no name")]
    UnnamedParameter { function: Box<str>, position: usize },
    #[error("reducer `{reducer}` must return nothing, or a string if it fails")]
    BadReducerReturn { reducer: Box<str> },
    #[error("there are several reducers for {lifecycle}, or one reducer for it and something else")]
    SecondLifecycle { lifecycle: RawLifecycle },
    #[error("the reducer for {lifecycle} does not exist")]
    LifecycleWithoutReducer { lifecycle: RawLifecycle },
    #[error("reducer `{reducer}` is called by the host itself, so it must not have parameters")]
    LifecycleWithParams { reducer: Box<str> },
    #[error("submodule `{namespace}` has a reducer for {lifecycle}, which only the root module may have")]
    LifecycleInSubmodule { lifecycle: RawLifecycle, namespace: Box<str> },

    #[error("view `{view}` must return a list, an option or a query of rows of a named type")]
    BadViewReturn { view: Box<str> },
    #[error("view `{view}` has several primary keys")]
    SecondViewKey { view: Box<str> },
    #[error("the primary key of view `{view}` has more than one column")]
    WideViewKey { view: Box<str> },
    #[error("view `{view}`, which should have a primary key, does not exist")]
    NoSuchView { view: Box<str> },
    #[error("the primary key of view `{view}` is column `{column}`, which does not exist")]
    NoSuchViewColumn { view: Box<str>, column: Box<str> },

    #[error("there are several HTTP handlers with the name `{name}`")]
    DuplicateHandler { name: Box<str> },
    #[error("HTTP handler `{handler}` does not exist")]
    NoSuchHandler { handler: Box<str> },
    #[error(
        "the HTTP route `{path}` must be empty or begin with `/`, and consist of a-z, 0-9, and -_~/ only"
    )]
    BadRoute { path: Box<str> },
    #[error("there are several HTTP routes for `{path}` with the same method")]
    DuplicateRoute { path: Box<str> },

    #[error("namespace `{namespace}` is longer than 63 bytes")]
    LongNamespace { namespace: Box<str> },
    #[error("there are several submodules with the namespace `{namespace}`")]
    DuplicateNamespace { namespace: Box<str> },
}

/// Why a type cannot be used where clients have to know it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum TypeUseError {
    #[error("a product or sum type must be declared with a name before it is used")]
    Anonymous,
    #[error("type {0} does not exist, or leads back to itself")]
    BadRef(TypeRef),
    #[error("type {0} is neither a product nor a sum, so it cannot be declared with a name")]
    NotADefinition(TypeRef),
    #[error("a member of type {0} has no name")]
    UnnamedMember(TypeRef),
    #[error("the type is nested too deeply")]
    TooDeep,
}

impl fmt::Display for RawLifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "the start of a database",
            Self::OnConnect => "connecting clients",
            Self::OnDisconnect => "disconnecting clients",
        })
    }
}
