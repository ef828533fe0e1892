//! Raw definitions of both versions in one form, that of version 10.

use std::collections::{HashMap, HashSet};

use crate::{
    AlgebraicType, ColId, Typespace,
    module_def::{
        DefError, RawCaseConversionPolicy, RawColumnDefaultV10, RawConstraintDefV10, RawExplicitNameEntry,
        RawFunctionVisibility, RawHttpHandlerDefV10, RawHttpRouteDefV10, RawIndexDefV10,
        RawLifeCycleReducerDefV10, RawMiscModuleExportV9, RawModuleDefV9, RawModuleDefV10,
        RawProcedureDefV10, RawReducerDefV10, RawRowLevelSecurity, RawScheduleDefV10, RawScopedTypeNameV10,
        RawSectionV10, RawSequenceDefV10, RawSubmoduleV10, RawTableDefV10, RawTypeDefV10, RawViewDefV10,
        RawViewPrimaryKeyDefV10,
    },
};

/// A raw definition, sorted by kind.
pub(super) struct Input {
    /// The version that it came in.
    pub(super) version: u8,
    pub(super) typespace: Typespace,
    pub(super) types: Vec<RawTypeDefV10>,
    pub(super) tables: Vec<RawTableDefV10>,
    pub(super) reducers: Vec<RawReducerDefV10>,
    pub(super) procedures: Vec<RawProcedureDefV10>,
    pub(super) views: Vec<RawViewDefV10>,
    pub(super) schedules: Vec<RawScheduleDefV10>,
    pub(super) lifecycles: Vec<RawLifeCycleReducerDefV10>,
    pub(super) row_level_security: Vec<RawRowLevelSecurity>,
    pub(super) converts_names: bool,
    pub(super) explicit_names: Vec<RawExplicitNameEntry>,
    pub(super) http_handlers: Vec<RawHttpHandlerDefV10>,
    pub(super) http_routes: Vec<RawHttpRouteDefV10>,
    pub(super) view_primary_keys: Vec<RawViewPrimaryKeyDefV10>,
    pub(super) submodules: Vec<RawSubmoduleV10>,
}

impl Input {
    /// Sorts the sections of version 10. Of several of one kind only the first counts.
    pub(super) fn of_v10(def: RawModuleDefV10) -> Self {
        let mut typespace = None;
        let mut types = None;
        let mut tables = None;
        let mut reducers = None;
        let mut procedures = None;
        let mut views = None;
        let mut schedules = None;
        let mut lifecycles = None;
        let mut row_level_security = None;
        let mut policy = None;
        let mut explicit_names = None;
        let mut http_handlers = None;
        let mut http_routes = None;
        let mut view_primary_keys = None;
        let mut submodules = None;
        for section in def.sections {
            match section {
                RawSectionV10::Typespace(section) => first(&mut typespace, section),
                RawSectionV10::Types(section) => first(&mut types, section),
                RawSectionV10::Tables(section) => first(&mut tables, section),
                RawSectionV10::Reducers(section) => first(&mut reducers, section),
                RawSectionV10::Procedures(section) => first(&mut procedures, section),
                RawSectionV10::Views(section) => first(&mut views, section),
                RawSectionV10::Schedules(section) => first(&mut schedules, section),
                RawSectionV10::LifeCycleReducers(section) => first(&mut lifecycles, section),
                RawSectionV10::RowLevelSecurity(section) => first(&mut row_level_security, section),
                RawSectionV10::CaseConversionPolicy(section) => first(&mut policy, section),
                RawSectionV10::ExplicitNames(section) => first(&mut explicit_names, section.entries),
                RawSectionV10::HttpHandlers(section) => first(&mut http_handlers, section),
                RawSectionV10::HttpRoutes(section) => first(&mut http_routes, section),
                RawSectionV10::ViewPrimaryKeys(section) => first(&mut view_primary_keys, section),
                RawSectionV10::Submodules(section) => first(&mut submodules, section),
            }
        }
        Self {
            version: 10,
            typespace: typespace.unwrap_or_default(),
            types: types.unwrap_or_default(),
            tables: tables.unwrap_or_default(),
            reducers: reducers.unwrap_or_default(),
            procedures: procedures.unwrap_or_default(),
            views: views.unwrap_or_default(),
            schedules: schedules.unwrap_or_default(),
            lifecycles: lifecycles.unwrap_or_default(),
            row_level_security: row_level_security.unwrap_or_default(),
            converts_names: policy != Some(RawCaseConversionPolicy::None),
            explicit_names: explicit_names.unwrap_or_default(),
            http_handlers: http_handlers.unwrap_or_default(),
            http_routes: http_routes.unwrap_or_default(),
            view_primary_keys: view_primary_keys.unwrap_or_default(),
            submodules: submodules.unwrap_or_default(),
        }
    }

    /// Brings version 9 into the form of version 10. What cannot be brought there is an error.
    pub(super) fn of_v9(def: RawModuleDefV9, errors: &mut Vec<DefError>) -> Self {
        let mut schedules = Vec::new();
        let mut tables: Vec<RawTableDefV10> = Vec::with_capacity(def.tables.len());
        for table in def.tables {
            if let Some(schedule) = table.schedule {
                schedules.push(RawScheduleDefV10 {
                    source_name: schedule.name,
                    table_name: table.name.clone(),
                    schedule_at_col: schedule.scheduled_at_column,
                    function_name: schedule.reducer_name,
                });
            }
            let indexes = table.indexes.into_iter().map(|index| RawIndexDefV10 {
                source_name: index.name,
                accessor_name: index.accessor_name,
                algorithm: index.algorithm,
            });
            let constraints = table.constraints.into_iter().map(|constraint| RawConstraintDefV10 {
                source_name: constraint.name,
                data: constraint.data,
            });
            let sequences = table.sequences.into_iter().map(|sequence| RawSequenceDefV10 {
                source_name: sequence.name,
                column: sequence.column,
                start: sequence.start,
                min_value: sequence.min_value,
                max_value: sequence.max_value,
                increment: sequence.increment,
            });
            tables.push(RawTableDefV10 {
                source_name: table.name,
                product_type_ref: table.product_type_ref,
                primary_key: table.primary_key,
                indexes: indexes.collect(),
                constraints: constraints.collect(),
                sequences: sequences.collect(),
                table_type: table.table_type,
                table_access: table.table_access,
                default_values: Vec::new(),
                is_event: false,
            });
        }

        let mut lifecycles = Vec::new();
        let mut reducers = Vec::with_capacity(def.reducers.len());
        for reducer in def.reducers {
            if let Some(lifecycle_spec) = reducer.lifecycle {
                let function_name = reducer.name.clone();
                lifecycles.push(RawLifeCycleReducerDefV10 { lifecycle_spec, function_name });
            }
            reducers.push(RawReducerDefV10 {
                source_name: reducer.name,
                params: reducer.params,
                visibility: RawFunctionVisibility::ClientCallable,
                ok_return_type: AlgebraicType::unit(),
                err_return_type: AlgebraicType::String,
            });
        }

        let places: HashMap<Box<str>, usize> =
            tables.iter().enumerate().map(|(place, table)| (table.source_name.clone(), place)).collect();
        let mut with_default: HashSet<(usize, ColId)> = HashSet::new();
        let mut procedures = Vec::new();
        let mut views = Vec::new();
        for export in def.misc_exports {
            match export {
                RawMiscModuleExportV9::ColumnDefaultValue(default) => {
                    let Some(&place) = places.get(&default.table) else {
                        errors.push(DefError::NoSuchTable { table: default.table });
                        continue;
                    };
                    let column = default.col_id;
                    if !with_default.insert((place, column)) {
                        errors.push(DefError::SecondDefault { table: default.table, column });
                        continue;
                    }
                    let value = RawColumnDefaultV10 { col_id: column, value: default.value };
                    tables[place].default_values.push(value);
                }
                RawMiscModuleExportV9::Procedure(procedure) => procedures.push(RawProcedureDefV10 {
                    source_name: procedure.name,
                    params: procedure.params,
                    return_type: procedure.return_type,
                    visibility: RawFunctionVisibility::ClientCallable,
                }),
                RawMiscModuleExportV9::View(view) => views.push(RawViewDefV10 {
                    source_name: view.name,
                    index: view.index,
                    is_public: view.is_public,
                    is_anonymous: view.is_anonymous,
                    params: view.params,
                    return_type: view.return_type,
                }),
            }
        }

        let types = def.types.into_iter().map(|ty| RawTypeDefV10 {
            source_name: RawScopedTypeNameV10 { scope: ty.name.scope, source_name: ty.name.name },
            ty: ty.ty,
            custom_ordering: ty.custom_ordering,
        });
        Self {
            version: 9,
            typespace: def.typespace,
            types: types.collect(),
            tables,
            reducers,
            procedures,
            views,
            schedules,
            lifecycles,
            row_level_security: def.row_level_security,
            converts_names: false,
            explicit_names: Vec::new(),
            http_handlers: Vec::new(),
            http_routes: Vec::new(),
            view_primary_keys: Vec::new(),
            submodules: Vec::new(),
        }
    }
}

fn first<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}
