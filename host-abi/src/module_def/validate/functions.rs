//! Checks reducers, procedures, views and HTTP handlers.

use std::collections::HashSet;

use super::Validator;
use crate::{
    AlgebraicType, ColId, ProductType, TypeRef,
    module_def::{
        DefError, HttpHandlerDef, HttpRouteDef, ProcedureDef, RawFunctionVisibility, RawHttpHandlerDefV10,
        RawHttpRouteDefV10, RawLifeCycleReducerDefV10, RawLifecycle, RawMethodOrAny, RawProcedureDefV10,
        RawReducerDefV10, RawViewDefV10, RawViewPrimaryKeyDefV10, ReducerDef, TableDef, ViewDef, ViewReturns,
    },
};

/// The functions of a module, which share one namespace.
pub(super) struct Functions {
    pub(super) reducers: Vec<ReducerDef>,
    pub(super) procedures: Vec<ProcedureDef>,
    pub(super) views: Vec<ViewDef>,
}

/// The reducers, by their ids, that the host itself calls.
#[derive(Default)]
pub(super) struct Lifecycles {
    pub(super) init: Option<u32>,
    pub(super) connect: Option<u32>,
    pub(super) disconnect: Option<u32>,
}

impl Validator<'_> {
    /// The canonical name of a function. Both names are checked.
    fn function_name(&mut self, source: &str) -> Box<str> {
        let name = self.names.function(source);
        self.check_name(source);
        self.check_name(&name);
        name
    }

    /// Checks parameters. Their names stay as they are, but their canonical form must be a name.
    fn check_params(&mut self, function: &str, params: &ProductType) {
        for (position, param) in params.elements.iter().enumerate() {
            match &param.name {
                Some(name) => {
                    let name = self.names.member(name);
                    self.check_name(&name);
                }
                None => {
                    self.errors.push(DefError::UnnamedParameter { function: function.into(), position });
                }
            }
            self.check_use(&param.ty, || {
                let name = param.name.as_deref().unwrap_or("without a name");
                format!("parameter {position} (`{name}`) of `{function}`")
            });
        }
    }

    pub(super) fn reducers(&mut self, reducers: Vec<RawReducerDefV10>) -> Vec<ReducerDef> {
        let mut defs = Vec::with_capacity(reducers.len());
        for raw in reducers {
            let name = self.function_name(&raw.source_name);
            self.check_params(&raw.source_name, &raw.params);
            if !raw.ok_return_type.is_unit() || raw.err_return_type != AlgebraicType::String {
                self.errors.push(DefError::BadReducerReturn { reducer: raw.source_name.clone() });
            }
            defs.push(ReducerDef {
                name,
                accessor_name: raw.source_name,
                params: raw.params,
                is_private: raw.visibility == RawFunctionVisibility::Private,
            });
        }
        defs
    }

    pub(super) fn procedures(&mut self, procedures: Vec<RawProcedureDefV10>) -> Vec<ProcedureDef> {
        let mut defs = Vec::with_capacity(procedures.len());
        for raw in procedures {
            let name = self.function_name(&raw.source_name);
            self.check_params(&raw.source_name, &raw.params);
            self.check_use(&raw.return_type, || format!("the result of `{}`", raw.source_name));
            defs.push(ProcedureDef {
                name,
                accessor_name: raw.source_name,
                params: raw.params,
                return_type: raw.return_type,
                is_private: raw.visibility == RawFunctionVisibility::Private,
            });
        }
        defs
    }

    pub(super) fn views(&mut self, views: Vec<RawViewDefV10>) -> Vec<ViewDef> {
        views.into_iter().filter_map(|view| self.view(view)).collect()
    }

    fn view(&mut self, raw: RawViewDefV10) -> Option<ViewDef> {
        let name = self.function_name(&raw.source_name);
        // Each view has a table, so its name is one of those that are stored.
        self.take_name(&name);
        self.check_params(&raw.source_name, &raw.params);
        let Some((row_type, returns)) = view_rows(&raw.return_type) else {
            self.errors.push(DefError::BadViewReturn { view: raw.source_name });
            return None;
        };
        // Clients get rows from a query too.
        let row_ref = AlgebraicType::Ref(row_type);
        let seen = if returns == ViewReturns::Query { &row_ref } else { &raw.return_type };
        self.check_use(seen, || format!("the result of `{}`", raw.source_name));
        let (source_row, row) = self.row_type(&raw.source_name, row_type)?;
        let columns = self.columns(&raw.source_name, source_row, row);
        Some(ViewDef {
            name,
            accessor_name: raw.source_name,
            index: raw.index,
            is_anonymous: raw.is_anonymous,
            is_public: raw.is_public,
            params: raw.params,
            return_type: raw.return_type,
            returns,
            row_type,
            columns,
            primary_key: None,
            primary_key_declared: false,
        })
    }

    pub(super) fn check_function_names(&mut self, functions: &Functions) {
        let mut taken = HashSet::new();
        let names = functions.reducers.iter().map(|reducer| &reducer.name);
        let names = names.chain(functions.procedures.iter().map(|procedure| &procedure.name));
        for name in names.chain(functions.views.iter().map(|view| &view.name)) {
            if !taken.insert(name) {
                self.errors.push(DefError::DuplicateFunction { name: name.clone() });
            }
        }
    }

    /// Finds the reducers that the host itself calls. In version 10 nobody else may call them.
    pub(super) fn lifecycles(
        &mut self,
        raw: &[RawLifeCycleReducerDefV10],
        reducers: &mut [ReducerDef],
    ) -> Lifecycles {
        let mut found = Lifecycles::default();
        let mut taken = HashSet::new();
        for raw in raw {
            let lifecycle = raw.lifecycle_spec;
            let name = self.names.function(&raw.function_name);
            let Some(place) = reducers.iter().position(|reducer| reducer.name == name) else {
                self.errors.push(DefError::LifecycleWithoutReducer { lifecycle });
                continue;
            };
            let reducer = &mut reducers[place];
            if !reducer.params.elements.is_empty() {
                self.errors.push(DefError::LifecycleWithParams { reducer: reducer.name.clone() });
            }
            if self.version >= 10 {
                reducer.is_private = true;
            }
            let slot = match lifecycle {
                RawLifecycle::Init => &mut found.init,
                RawLifecycle::OnConnect => &mut found.connect,
                RawLifecycle::OnDisconnect => &mut found.disconnect,
            };
            if slot.is_some() || !taken.insert(place) {
                self.errors.push(DefError::SecondLifecycle { lifecycle });
            }
            *slot = Some(place as u32);
        }
        found
    }

    /// Checks the functions that tables schedule. In version 10 nobody else may call them.
    pub(super) fn check_scheduled_functions(&mut self, tables: &[TableDef], functions: &mut Functions) {
        for table in tables {
            let Some(schedule) = &table.schedule else { continue };
            let is_it = |name: &str| *name == *schedule.function;
            let reducer = functions.reducers.iter_mut().find(|reducer| is_it(&reducer.name));
            let procedure = functions.procedures.iter_mut().find(|procedure| is_it(&procedure.name));
            let (params, is_private) = match (reducer, procedure) {
                (Some(reducer), _) => (&reducer.params, &mut reducer.is_private),
                (None, Some(procedure)) => (&procedure.params, &mut procedure.is_private),
                (None, None) => {
                    let (schedule, function) = (schedule.name.clone(), schedule.function.clone());
                    self.errors.push(DefError::NoSuchScheduledFunction { schedule, function });
                    continue;
                }
            };
            if !matches!(&*params.elements, [row] if row.ty == AlgebraicType::Ref(table.row_type)) {
                let (table, function) = (table.name.clone(), schedule.function.clone());
                self.errors.push(DefError::BadScheduledParams { table, function });
            }
            if self.version >= 10 {
                *is_private = true;
            }
        }
    }

    /// Gives views their primary keys: declared ones, and for queries without one that of the tables with the
    /// same row type, if these agree.
    pub(super) fn view_primary_keys(
        &mut self,
        raw: Vec<RawViewPrimaryKeyDefV10>,
        tables: &[TableDef],
        views: &mut [ViewDef],
    ) {
        let mut seen = HashSet::new();
        for raw in raw {
            if !seen.insert(raw.view_source_name.clone()) {
                self.errors.push(DefError::SecondViewKey { view: raw.view_source_name });
                continue;
            }
            if raw.columns.len() > 1 {
                self.errors.push(DefError::WideViewKey { view: raw.view_source_name });
                continue;
            }
            let Some(column) = raw.columns.into_iter().next() else { continue };
            let Some(view) = views.iter_mut().find(|view| view.accessor_name == raw.view_source_name) else {
                self.errors.push(DefError::NoSuchView { view: raw.view_source_name });
                continue;
            };
            match view.columns.iter().position(|known| known.accessor_name == column) {
                Some(place) => {
                    view.primary_key = u16::try_from(place).ok().map(ColId);
                    view.primary_key_declared = true;
                }
                None => {
                    self.errors.push(DefError::NoSuchViewColumn { view: raw.view_source_name, column });
                }
            }
        }
        if self.version < 10 {
            return;
        }
        for view in views.iter_mut() {
            if view.returns == ViewReturns::Query && view.primary_key.is_none() {
                let tables = tables.iter().filter(|table| table.row_type == view.row_type);
                let mut keys = tables.filter_map(|table| table.primary_key);
                let first = keys.next();
                view.primary_key = first.filter(|&first| keys.all(|key| key == first));
            }
        }
    }

    pub(super) fn http_handlers(&mut self, handlers: Vec<RawHttpHandlerDefV10>) -> Vec<HttpHandlerDef> {
        let mut defs: Vec<HttpHandlerDef> = Vec::with_capacity(handlers.len());
        let mut taken = HashSet::new();
        for raw in handlers {
            let name = self.function_name(&raw.source_name);
            if !taken.insert(name.clone()) {
                self.errors.push(DefError::DuplicateHandler { name: name.clone() });
            }
            defs.push(HttpHandlerDef { name, accessor_name: raw.source_name });
        }
        defs
    }

    pub(super) fn http_routes(
        &mut self,
        routes: Vec<RawHttpRouteDefV10>,
        handlers: &[HttpHandlerDef],
    ) -> Vec<HttpRouteDef> {
        let mut defs: Vec<HttpRouteDef> = Vec::with_capacity(routes.len());
        for raw in routes {
            let is_allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_~/".contains(&byte);
            if !(raw.path.is_empty() || raw.path.starts_with('/')) || !raw.path.bytes().all(is_allowed) {
                self.errors.push(DefError::BadRoute { path: raw.path.clone() });
            }
            let method: Option<Box<str>> = match &raw.method {
                RawMethodOrAny::Any => None,
                RawMethodOrAny::Method(method) => Some(method.as_str().into()),
            };
            let is_taken = defs.iter().any(|known| {
                known.path == raw.path
                    && (known.method.is_none() || method.is_none() || known.method == method)
            });
            if is_taken {
                self.errors.push(DefError::DuplicateRoute { path: raw.path.clone() });
            }
            let name = self.names.function(&raw.handler_function);
            match handlers.iter().position(|handler| handler.name == name) {
                Some(handler) => {
                    defs.push(HttpRouteDef { handler: handler as u32, method, path: raw.path });
                }
                None => self.errors.push(DefError::NoSuchHandler { handler: raw.handler_function }),
            }
        }
        defs
    }
}

/// The row type of a view and the form of its answer, by what it returns.
fn view_rows(return_type: &AlgebraicType) -> Option<(TypeRef, ViewReturns)> {
    match return_type {
        AlgebraicType::Product(product) => Some((product.as_query()?, ViewReturns::Query)),
        AlgebraicType::Array(element) => match **element {
            AlgebraicType::Ref(row) => Some((row, ViewReturns::Rows)),
            _ => None,
        },
        AlgebraicType::Sum(sum) => match sum.as_option()? {
            AlgebraicType::Ref(row) => Some((*row, ViewReturns::Option)),
            _ => None,
        },
        _ => None,
    }
}
