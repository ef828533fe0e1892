//! Version 9 of raw definitions: modules made for SpacetimeDB 1.x.

use bytes::Bytes;

use super::raw::{
    RawConstraintData, RawIndexAlgorithm, RawLifecycle, RawRowLevelSecurity, RawTableAccess, RawTableType,
    raw_products, raw_sums,
};
use crate::{AlgebraicType, ColId, ProductType, TypeRef, Typespace};

raw_products! {
    /// A definition in version 9.
    pub struct RawModuleDefV9 {
        /// The types that all others refer to.
        pub typespace: Typespace,
        /// The tables.
        pub tables: Vec<RawTableDefV9>,
        /// The reducers; a reducer's place is its id.
        pub reducers: Vec<RawReducerDefV9>,
        /// The types with names.
        pub types: Vec<RawTypeDefV9>,
        /// What this version has got in addition over time.
        pub misc_exports: Vec<RawMiscModuleExportV9>,
        /// Row-level security.
        pub row_level_security: Vec<RawRowLevelSecurity>,
    }

    /// A table.
    pub struct RawTableDefV9 {
        /// Its name.
        pub name: Box<str>,
        /// The type of its rows.
        pub product_type_ref: TypeRef,
        /// The primary key: one column or none.
        pub primary_key: Vec<ColId>,
        /// The indexes.
        pub indexes: Vec<RawIndexDefV9>,
        /// The constraints.
        pub constraints: Vec<RawConstraintDefV9>,
        /// The sequences.
        pub sequences: Vec<RawSequenceDefV9>,
        /// What runs at the times that its rows name.
        pub schedule: Option<RawScheduleDefV9>,
        /// Whose it is.
        pub table_type: RawTableType,
        /// Who may read it.
        pub table_access: RawTableAccess,
    }

    /// An index.
    pub struct RawIndexDefV9 {
        /// Its name; generated if there is none.
        pub name: Option<Box<str>>,
        /// The name for generated code.
        pub accessor_name: Option<Box<str>>,
        /// Its kind and columns.
        pub algorithm: RawIndexAlgorithm,
    }

    /// A constraint.
    pub struct RawConstraintDefV9 {
        /// Its name; generated if there is none.
        pub name: Option<Box<str>>,
        /// What it demands.
        pub data: RawConstraintData,
    }

    /// A sequence.
    pub struct RawSequenceDefV9 {
        /// Its name; generated if there is none.
        pub name: Option<Box<str>>,
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

    /// What runs at the times that a table's rows name.
    pub struct RawScheduleDefV9 {
        /// Its name; generated if there is none.
        pub name: Option<Box<str>>,
        /// The reducer or procedure.
        pub reducer_name: Box<str>,
        /// The column with the time.
        pub scheduled_at_column: ColId,
    }

    /// A reducer.
    pub struct RawReducerDefV9 {
        /// Its name.
        pub name: Box<str>,
        /// Its parameters.
        pub params: ProductType,
        /// What the host itself calls it for.
        pub lifecycle: Option<RawLifecycle>,
    }

    /// A type with a name.
    pub struct RawTypeDefV9 {
        /// The name.
        pub name: RawScopedTypeNameV9,
        /// Where it is in the typespace.
        pub ty: TypeRef,
        /// Whether its members are in an order of their own rather than the default one.
        pub custom_ordering: bool,
    }

    /// The name of a type.
    pub struct RawScopedTypeNameV9 {
        /// The scopes around it, outermost first.
        pub scope: Vec<Box<str>>,
        /// The name itself.
        pub name: Box<str>,
    }

    /// What a column holds in rows that are older than the column.
    pub struct RawColumnDefaultValueV9 {
        /// The table.
        pub table: Box<str>,
        /// The column.
        pub col_id: ColId,
        /// The value in BSATN.
        pub value: Bytes,
    }

    /// A procedure.
    pub struct RawProcedureDefV9 {
        /// Its name.
        pub name: Box<str>,
        /// Its parameters.
        pub params: ProductType,
        /// What it returns.
        pub return_type: AlgebraicType,
    }

    /// A view.
    pub struct RawViewDefV9 {
        /// Its name.
        pub name: Box<str>,
        /// Its number among the views of its kind.
        pub index: u32,
        /// Whether it is declared public.
        pub is_public: bool,
        /// Whether it is the same for everybody.
        pub is_anonymous: bool,
        /// Its parameters.
        pub params: ProductType,
        /// What it returns.
        pub return_type: AlgebraicType,
    }
}

raw_sums! {
    /// What version 9 has got in addition over time.
    pub enum RawMiscModuleExportV9 {
        /// A default value.
        ColumnDefaultValue = 0 (RawColumnDefaultValueV9),
        /// A procedure.
        Procedure = 1 (RawProcedureDefV9),
        /// A view.
        View = 2 (RawViewDefV9),
    }
}
