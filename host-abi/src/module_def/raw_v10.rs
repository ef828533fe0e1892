//! Version 10 of raw definitions: modules made for SpacetimeDB 2.x.
//!
//! A definition is a list of sections in any order. Names are *source names*, as the code has them; all
//! references between sections are by source name.

use super::raw::{
    RawColumnDefaultV10, RawConstraintData, RawIndexAlgorithm, RawLifecycle, RawRowLevelSecurity,
    RawTableAccess, RawTableType, raw_products, raw_sums,
};
use crate::{
    AlgebraicType, ColId, ProductType, TypeRef, Typespace,
    bsatn::{Decode, DecodeError, Encode, Reader},
    json::TypedJson,
};

/// A definition in version 10.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawModuleDefV10 {
    /// Its parts. Of several of one kind only the first counts.
    pub sections: Vec<RawSectionV10>,
}

impl Encode for RawModuleDefV10 {
    fn encode(&self, out: &mut Vec<u8>) {
        self.sections.encode(out);
    }
}

impl Decode for RawModuleDefV10 {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // Modules hold modules.
        reader.nested(|reader| Ok(Self { sections: Decode::decode(reader)? }))
    }
}

impl TypedJson for RawModuleDefV10 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        serde::ser::SerializeMap::serialize_entry(&mut map, "sections", &crate::json::Typed(&self.sections))?;
        serde::ser::SerializeMap::end(map)
    }
}

raw_sums! {
    /// A part of a definition.
    pub enum RawSectionV10 {
        /// The types that all others refer to.
        Typespace = 0 (Typespace),
        /// The types with names.
        Types = 1 (Vec<RawTypeDefV10>),
        /// The tables.
        Tables = 2 (Vec<RawTableDefV10>),
        /// The reducers; a reducer's place is its id.
        Reducers = 3 (Vec<RawReducerDefV10>),
        /// The procedures; a procedure's place is its id.
        Procedures = 4 (Vec<RawProcedureDefV10>),
        /// The views.
        Views = 5 (Vec<RawViewDefV10>),
        /// What runs at the times that the rows of tables name.
        Schedules = 6 (Vec<RawScheduleDefV10>),
        /// The reducers that the host itself calls.
        LifeCycleReducers = 7 (Vec<RawLifeCycleReducerDefV10>),
        /// Row-level security.
        RowLevelSecurity = 8 (Vec<RawRowLevelSecurity>),
        /// How canonical names follow from source names.
        CaseConversionPolicy = 9 (RawCaseConversionPolicy),
        /// Canonical names that do not follow from source names.
        ExplicitNames = 10 (RawExplicitNames),
        /// The HTTP handlers; a handler's place is its id.
        HttpHandlers = 11 (Vec<RawHttpHandlerDefV10>),
        /// Which handler answers which path.
        HttpRoutes = 12 (Vec<RawHttpRouteDefV10>),
        /// The primary keys of views.
        ViewPrimaryKeys = 13 (Vec<RawViewPrimaryKeyDefV10>),
        /// Modules inside this one.
        Submodules = 14 (Vec<RawSubmoduleV10>),
    }

    /// How canonical names follow from source names.
    pub enum RawCaseConversionPolicy {
        /// They are the same.
        None = 0,
        /// In `snake_case`; variants in `camelCase`, types in `PascalCase`.
        SnakeCase = 1,
    }

    /// Who may call a function.
    pub enum RawFunctionVisibility {
        /// The owner of the database and the host itself.
        Private = 0,
        /// Everybody.
        ClientCallable = 1,
    }

    /// A canonical name that does not follow from the source name.
    pub enum RawExplicitNameEntry {
        /// Of a table.
        Table = 0 (RawNameMapping),
        /// Of a function.
        Function = 1 (RawNameMapping),
        /// Of an index.
        Index = 2 (RawNameMapping),
    }

    /// Which HTTP method a route answers.
    pub enum RawMethodOrAny {
        /// Any.
        Any = 0,
        /// This one.
        Method = 1 (RawHttpMethod),
    }

    /// An HTTP method.
    pub enum RawHttpMethod {
        /// `GET`
        Get = 0,
        /// `HEAD`
        Head = 1,
        /// `POST`
        Post = 2,
        /// `PUT`
        Put = 3,
        /// `DELETE`
        Delete = 4,
        /// `CONNECT`
        Connect = 5,
        /// `OPTIONS`
        Options = 6,
        /// `TRACE`
        Trace = 7,
        /// `PATCH`
        Patch = 8,
        /// Another one.
        Extension = 9 (Box<str>),
    }
}

impl RawHttpMethod {
    /// The method as it stands in a request.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Extension(method) => method,
        }
    }

    /// The method with that name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "CONNECT" => Self::Connect,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PATCH" => Self::Patch,
            other => Self::Extension(other.into()),
        }
    }
}

raw_products! {
    /// A type with a name.
    pub struct RawTypeDefV10 {
        /// The name.
        pub source_name: RawScopedTypeNameV10,
        /// Where it is in the typespace.
        pub ty: TypeRef,
        /// Whether its members are in an order of their own rather than the default one.
        pub custom_ordering: bool,
    }

    /// The name of a type.
    pub struct RawScopedTypeNameV10 {
        /// The scopes around it, outermost first.
        pub scope: Vec<Box<str>>,
        /// The name itself.
        pub source_name: Box<str>,
    }

    /// A table.
    pub struct RawTableDefV10 {
        /// Its name.
        pub source_name: Box<str>,
        /// The type of its rows.
        pub product_type_ref: TypeRef,
        /// The primary key: one column or none.
        pub primary_key: Vec<ColId>,
        /// The indexes.
        pub indexes: Vec<RawIndexDefV10>,
        /// The constraints.
        pub constraints: Vec<RawConstraintDefV10>,
        /// The sequences.
        pub sequences: Vec<RawSequenceDefV10>,
        /// Whose it is.
        pub table_type: RawTableType,
        /// Who may read it.
        pub table_access: RawTableAccess,
        /// What columns hold in rows that are older than the column.
        pub default_values: Vec<RawColumnDefaultV10>,
        /// Whether its rows live for one transaction only.
        pub is_event: bool,
    }

    /// An index.
    pub struct RawIndexDefV10 {
        /// Its name in the code. Always there.
        pub source_name: Option<Box<str>>,
        /// The name for generated code.
        pub accessor_name: Option<Box<str>>,
        /// Its kind and columns.
        pub algorithm: RawIndexAlgorithm,
    }

    /// A constraint.
    pub struct RawConstraintDefV10 {
        /// Its name in the code, which means nothing.
        pub source_name: Option<Box<str>>,
        /// What it demands.
        pub data: RawConstraintData,
    }

    /// A sequence.
    pub struct RawSequenceDefV10 {
        /// Its name; generated if there is none.
        pub source_name: Option<Box<str>>,
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

    /// A reducer.
    pub struct RawReducerDefV10 {
        /// Its name.
        pub source_name: Box<str>,
        /// Its parameters.
        pub params: ProductType,
        /// Who may call it.
        pub visibility: RawFunctionVisibility,
        /// What it returns if it succeeds: the unit.
        pub ok_return_type: AlgebraicType,
        /// What it returns if it fails: a string.
        pub err_return_type: AlgebraicType,
    }

    /// A procedure.
    pub struct RawProcedureDefV10 {
        /// Its name.
        pub source_name: Box<str>,
        /// Its parameters.
        pub params: ProductType,
        /// What it returns.
        pub return_type: AlgebraicType,
        /// Who may call it.
        pub visibility: RawFunctionVisibility,
    }

    /// A view.
    pub struct RawViewDefV10 {
        /// Its name.
        pub source_name: Box<str>,
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

    /// What runs at the times that a table's rows name.
    pub struct RawScheduleDefV10 {
        /// Its name in the code, which means nothing.
        pub source_name: Option<Box<str>>,
        /// The table.
        pub table_name: Box<str>,
        /// The column with the time.
        pub schedule_at_col: ColId,
        /// The reducer or procedure.
        pub function_name: Box<str>,
    }

    /// A reducer that the host itself calls.
    pub struct RawLifeCycleReducerDefV10 {
        /// What for.
        pub lifecycle_spec: RawLifecycle,
        /// The reducer.
        pub function_name: Box<str>,
    }

    /// Canonical names that do not follow from source names.
    pub struct RawExplicitNames {
        /// The names.
        pub entries: Vec<RawExplicitNameEntry>,
    }

    /// A canonical name for a source name.
    pub struct RawNameMapping {
        /// The name in the code.
        pub source_name: Box<str>,
        /// The name everywhere else.
        pub canonical_name: Box<str>,
    }

    /// An HTTP handler.
    pub struct RawHttpHandlerDefV10 {
        /// Its name.
        pub source_name: Box<str>,
    }

    /// Which handler answers a path.
    pub struct RawHttpRouteDefV10 {
        /// The handler.
        pub handler_function: Box<str>,
        /// Which method it answers.
        pub method: RawMethodOrAny,
        /// The path: empty, or beginning with a slash.
        pub path: Box<str>,
    }

    /// The primary key of a view.
    pub struct RawViewPrimaryKeyDefV10 {
        /// The view.
        pub view_source_name: Box<str>,
        /// The column, or none.
        pub columns: Vec<Box<str>>,
    }

    /// A module inside another.
    pub struct RawSubmoduleV10 {
        /// What stands before its names, with a dot in between.
        pub namespace: Box<str>,
        /// The module.
        pub module: RawModuleDefV10,
    }
}
