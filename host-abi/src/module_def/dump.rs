//! Giving definitions back in the raw form, for tools that read a database's schema.
//!
//! What comes out is what was checked, not what the module said: names are canonical, or map to canonical ones.

use crate::{
    AlgebraicType, ColId, Typespace,
    json::Typed,
    module_def::{
        IndexAlgorithm, ModuleDef, ProcedureDef, RawColumnDefaultV10, RawColumnDefaultValueV9,
        RawConstraintData, RawConstraintDefV9, RawConstraintDefV10, RawExplicitNameEntry, RawExplicitNames,
        RawFunctionVisibility, RawHttpHandlerDefV10, RawHttpMethod, RawHttpRouteDefV10, RawIndexAlgorithm,
        RawIndexDefV9, RawIndexDefV10, RawLifeCycleReducerDefV10, RawLifecycle, RawMethodOrAny,
        RawMiscModuleExportV9, RawModuleDefV9, RawModuleDefV10, RawNameMapping, RawProcedureDefV9,
        RawProcedureDefV10, RawReducerDefV9, RawReducerDefV10, RawRowLevelSecurity, RawScheduleDefV9,
        RawScheduleDefV10, RawScopedTypeNameV9, RawScopedTypeNameV10, RawSectionV10, RawSequenceDefV9,
        RawSequenceDefV10, RawSubmoduleV10, RawTableAccess, RawTableDefV9, RawTableDefV10, RawTableType,
        RawTypeDefV9, RawTypeDefV10, RawUniqueConstraint, RawViewDefV9, RawViewDefV10,
        RawViewPrimaryKeyDefV10, ReducerDef, TableDef, TypeDef, UniqueConstraintDef, ViewDef, ViewReturns,
    },
};

/// The part of a module's lists that is not from its submodules.
struct Own<'m> {
    typespace: Typespace,
    types: Vec<&'m TypeDef>,
    tables: Vec<&'m TableDef>,
    reducers: &'m [ReducerDef],
    procedures: &'m [ProcedureDef],
    views: &'m [ViewDef],
}

/// All but the last `count` of some things.
fn without_last<T>(all: &[T], count: usize) -> &[T] {
    &all[..all.len().saturating_sub(count)]
}

impl ModuleDef {
    /// What is its own; types and tables are sorted by name.
    fn own(&self) -> Own<'_> {
        let inner = |count: fn(&Self) -> usize| self.submodules.iter().map(|(_, def)| count(def)).sum();
        let types = without_last(&self.typespace.types, inner(|def| def.typespace.types.len()));
        let mut own = Own {
            typespace: Typespace { types: types.to_vec() },
            types: self.types.iter().collect(),
            tables: without_last(&self.tables, inner(|def| def.tables.len())).iter().collect(),
            reducers: without_last(&self.reducers, inner(|def| def.reducers.len())),
            procedures: without_last(&self.procedures, inner(|def| def.procedures.len())),
            views: without_last(&self.views, inner(|def| def.views.len())),
        };
        own.types.sort_by_key(|ty| (&ty.scope, &ty.name));
        own.tables.sort_by_key(|table| &table.name);
        own
    }

    /// What the reducer with that id is called for by the host itself.
    fn lifecycle(&self, reducer: usize) -> Option<RawLifecycle> {
        let is_it = |id: Option<u32>| id.is_some_and(|id| id as usize == reducer);
        if is_it(self.init) {
            Some(RawLifecycle::Init)
        } else if is_it(self.client_connected) {
            Some(RawLifecycle::OnConnect)
        } else if is_it(self.client_disconnected) {
            Some(RawLifecycle::OnDisconnect)
        } else {
            None
        }
    }

    fn raw_row_level_security(&self) -> Vec<RawRowLevelSecurity> {
        self.row_level_security.iter().map(|sql| RawRowLevelSecurity { sql: sql.clone() }).collect()
    }

    /// The definition in version 9, for tools that know no other: without submodules, HTTP, the mark of event
    /// tables, visibility, and the primary keys of views.
    pub fn to_raw_v9(&self) -> RawModuleDefV9 {
        let own = self.own();
        let mut misc_exports = Vec::new();
        for table in &own.tables {
            misc_exports.extend(defaults(table).map(|RawColumnDefaultV10 { col_id, value }| {
                let table = table.name.clone();
                RawMiscModuleExportV9::ColumnDefaultValue(RawColumnDefaultValueV9 { table, col_id, value })
            }));
        }
        misc_exports.extend(own.procedures.iter().map(|procedure| {
            RawMiscModuleExportV9::Procedure(RawProcedureDefV9 {
                name: procedure.name.clone(),
                params: procedure.params.clone(),
                return_type: procedure.return_type.clone(),
            })
        }));
        misc_exports.extend(own.views.iter().map(|view| {
            RawMiscModuleExportV9::View(RawViewDefV9 {
                name: view.name.clone(),
                index: view.index,
                is_public: view.is_public,
                is_anonymous: view.is_anonymous,
                params: view.params.clone(),
                return_type: view.return_type.clone(),
            })
        }));
        let reducers = own.reducers.iter().enumerate().map(|(id, reducer)| RawReducerDefV9 {
            name: reducer.name.clone(),
            params: reducer.params.clone(),
            lifecycle: self.lifecycle(id),
        });
        let types = own.types.iter().map(|ty| RawTypeDefV9 {
            name: RawScopedTypeNameV9 { scope: ty.scope.clone(), name: ty.name.clone() },
            ty: ty.ty,
            custom_ordering: ty.custom_ordering,
        });
        RawModuleDefV9 {
            tables: own.tables.iter().map(|table| table_v9(table)).collect(),
            reducers: reducers.collect(),
            types: types.collect(),
            misc_exports,
            row_level_security: self.raw_row_level_security(),
            typespace: own.typespace,
        }
    }

    /// The definition in version 10.
    pub fn to_raw_v10(&self) -> RawModuleDefV10 {
        let own = self.own();
        let mut names = Vec::new();
        let mapping = |source: &str, canonical: &str| RawNameMapping {
            source_name: source.into(),
            canonical_name: canonical.into(),
        };
        for table in &own.tables {
            names.push(RawExplicitNameEntry::Table(mapping(&table.accessor_name, &table.name)));
        }
        let functions = own.reducers.iter().map(|reducer| (&reducer.accessor_name, &reducer.name));
        let functions = functions.chain(own.procedures.iter().map(|it| (&it.accessor_name, &it.name)));
        for (source, canonical) in functions.chain(own.views.iter().map(|it| (&it.accessor_name, &it.name))) {
            names.push(RawExplicitNameEntry::Function(mapping(source, canonical)));
        }

        let mut sections = vec![RawSectionV10::Typespace(own.typespace)];
        let mut add = |section: Option<RawSectionV10>| sections.extend(section);
        add(some(own.types.iter().map(|ty| type_v10(ty)).collect(), RawSectionV10::Types));
        add(some(own.tables.iter().map(|table| table_v10(table)).collect(), RawSectionV10::Tables));
        add(some(own.reducers.iter().map(reducer_v10).collect(), RawSectionV10::Reducers));
        add(some(own.procedures.iter().map(procedure_v10).collect(), RawSectionV10::Procedures));
        let handlers = self
            .http_handlers
            .iter()
            .map(|it| RawHttpHandlerDefV10 { source_name: it.accessor_name.clone() });
        add(some(handlers.collect(), RawSectionV10::HttpHandlers));
        add(some(self.routes_v10(), RawSectionV10::HttpRoutes));
        add(some(own.views.iter().map(view_v10).collect(), RawSectionV10::Views));
        let keys = own.views.iter().filter_map(view_key_v10);
        add(some(keys.collect(), RawSectionV10::ViewPrimaryKeys));
        let schedules = own.tables.iter().filter_map(|table| {
            let schedule = table.schedule.as_ref()?;
            Some(RawScheduleDefV10 {
                source_name: Some(schedule.name.clone()),
                table_name: table.name.clone(),
                schedule_at_col: schedule.at_column,
                function_name: schedule.function.clone(),
            })
        });
        add(some(schedules.collect(), RawSectionV10::Schedules));
        let lifecycles = [
            (RawLifecycle::Init, self.init),
            (RawLifecycle::OnConnect, self.client_connected),
            (RawLifecycle::OnDisconnect, self.client_disconnected),
        ];
        let lifecycles = lifecycles.into_iter().filter_map(|(lifecycle_spec, reducer)| {
            let function_name = self.reducers.get(reducer? as usize)?.name.clone();
            Some(RawLifeCycleReducerDefV10 { lifecycle_spec, function_name })
        });
        add(some(lifecycles.collect(), RawSectionV10::LifeCycleReducers));
        add(some(self.raw_row_level_security(), RawSectionV10::RowLevelSecurity));
        add(Some(RawSectionV10::ExplicitNames(RawExplicitNames { entries: names })));
        let submodules = self.submodules.iter().map(|(namespace, def)| RawSubmoduleV10 {
            namespace: namespace.clone(),
            module: def.to_raw_v10(),
        });
        add(some(submodules.collect(), RawSectionV10::Submodules));
        RawModuleDefV10 { sections }
    }

    fn routes_v10(&self) -> Vec<RawHttpRouteDefV10> {
        let routes = self.http_routes.iter().map(|route| RawHttpRouteDefV10 {
            handler_function: match self.http_handlers.get(route.handler as usize) {
                Some(handler) => handler.name.clone(),
                None => Box::default(),
            },
            method: match &route.method {
                Some(method) => RawMethodOrAny::Method(RawHttpMethod::from_name(method)),
                None => RawMethodOrAny::Any,
            },
            path: route.path.clone(),
        });
        routes.collect()
    }

    /// The answer to `GET schema?version=…`: typed SATS-JSON of the definition in version 9 or 10. None for any
    /// other version.
    pub fn schema_json(&self, version: u8) -> Option<String> {
        // The types serialised here have string keys only, so this does not fail.
        match version {
            9 => serde_json::to_string(&Typed(&self.to_raw_v9())).ok(),
            10 => serde_json::to_string(&Typed(&self.to_raw_v10())).ok(),
            _ => None,
        }
    }
}

/// A section, unless it would be empty.
fn some<T>(entries: Vec<T>, section: fn(Vec<T>) -> RawSectionV10) -> Option<RawSectionV10> {
    (!entries.is_empty()).then(|| section(entries))
}

fn access(table: &TableDef) -> RawTableAccess {
    if table.is_public { RawTableAccess::Public } else { RawTableAccess::Private }
}

fn visibility(is_private: bool) -> RawFunctionVisibility {
    if is_private { RawFunctionVisibility::Private } else { RawFunctionVisibility::ClientCallable }
}

fn algorithm(index: &IndexAlgorithm) -> RawIndexAlgorithm {
    match index {
        IndexAlgorithm::BTree(columns) => RawIndexAlgorithm::BTree(columns.clone()),
        IndexAlgorithm::Hash(columns) => RawIndexAlgorithm::Hash(columns.clone()),
        IndexAlgorithm::Direct(column) => RawIndexAlgorithm::Direct(*column),
    }
}

fn unique(constraint: &UniqueConstraintDef) -> RawConstraintData {
    RawConstraintData::Unique(RawUniqueConstraint { columns: constraint.columns.clone() })
}

fn defaults(table: &TableDef) -> impl Iterator<Item = RawColumnDefaultV10> {
    table.columns.iter().zip(0..).filter_map(|(column, place)| {
        Some(RawColumnDefaultV10 { col_id: ColId(place), value: column.default.clone()? })
    })
}

fn table_v9(table: &TableDef) -> RawTableDefV9 {
    let indexes = table.indexes.iter().map(|index| RawIndexDefV9 {
        name: Some(index.name.clone()),
        accessor_name: index.accessor_name.clone(),
        algorithm: algorithm(&index.algorithm),
    });
    let constraints = table.unique_constraints.iter().map(|constraint| RawConstraintDefV9 {
        name: Some(constraint.name.clone()),
        data: unique(constraint),
    });
    let sequences = table.sequences.iter().map(|sequence| RawSequenceDefV9 {
        name: Some(sequence.name.clone()),
        column: sequence.column,
        start: sequence.start,
        min_value: sequence.min_value,
        max_value: sequence.max_value,
        increment: sequence.increment,
    });
    RawTableDefV9 {
        name: table.name.clone(),
        product_type_ref: table.row_type,
        primary_key: table.primary_key.into_iter().collect(),
        indexes: indexes.collect(),
        constraints: constraints.collect(),
        sequences: sequences.collect(),
        schedule: table.schedule.as_ref().map(|schedule| RawScheduleDefV9 {
            name: Some(schedule.name.clone()),
            reducer_name: schedule.function.clone(),
            scheduled_at_column: schedule.at_column,
        }),
        table_type: RawTableType::User,
        table_access: access(table),
    }
}

fn table_v10(table: &TableDef) -> RawTableDefV10 {
    let indexes = table.indexes.iter().map(|index| RawIndexDefV10 {
        source_name: Some(index.alias.as_ref().unwrap_or(&index.name).clone()),
        accessor_name: index.accessor_name.clone(),
        algorithm: algorithm(&index.algorithm),
    });
    let constraints = table.unique_constraints.iter().map(|constraint| RawConstraintDefV10 {
        source_name: Some(constraint.name.clone()),
        data: unique(constraint),
    });
    let sequences = table.sequences.iter().map(|sequence| RawSequenceDefV10 {
        source_name: Some(sequence.name.clone()),
        column: sequence.column,
        start: sequence.start,
        min_value: sequence.min_value,
        max_value: sequence.max_value,
        increment: sequence.increment,
    });
    RawTableDefV10 {
        source_name: table.accessor_name.clone(),
        product_type_ref: table.row_type,
        primary_key: table.primary_key.into_iter().collect(),
        indexes: indexes.collect(),
        constraints: constraints.collect(),
        sequences: sequences.collect(),
        table_type: RawTableType::User,
        table_access: access(table),
        default_values: defaults(table).collect(),
        is_event: table.is_event,
    }
}

fn type_v10(ty: &TypeDef) -> RawTypeDefV10 {
    RawTypeDefV10 {
        source_name: RawScopedTypeNameV10 { scope: ty.scope.clone(), source_name: ty.name.clone() },
        ty: ty.ty,
        custom_ordering: ty.custom_ordering,
    }
}

fn reducer_v10(reducer: &ReducerDef) -> RawReducerDefV10 {
    RawReducerDefV10 {
        source_name: reducer.accessor_name.clone(),
        params: reducer.params.clone(),
        visibility: visibility(reducer.is_private),
        ok_return_type: AlgebraicType::unit(),
        err_return_type: AlgebraicType::String,
    }
}

fn procedure_v10(procedure: &ProcedureDef) -> RawProcedureDefV10 {
    RawProcedureDefV10 {
        source_name: procedure.accessor_name.clone(),
        params: procedure.params.clone(),
        return_type: procedure.return_type.clone(),
        visibility: visibility(procedure.is_private),
    }
}

fn view_v10(view: &ViewDef) -> RawViewDefV10 {
    RawViewDefV10 {
        source_name: view.accessor_name.clone(),
        index: view.index,
        is_public: view.is_public,
        is_anonymous: view.is_anonymous,
        params: view.params.clone(),
        return_type: view.return_type.clone(),
    }
}

/// The primary key of a view. Those of queries are found again by whoever reads the definition.
fn view_key_v10(view: &ViewDef) -> Option<RawViewPrimaryKeyDefV10> {
    let column = view.columns.get(usize::from(view.primary_key?.0))?;
    (view.returns != ViewReturns::Query).then(|| RawViewPrimaryKeyDefV10 {
        view_source_name: view.accessor_name.clone(),
        // The typespace of this definition has canonical names only.
        columns: vec![column.name.clone()],
    })
}
