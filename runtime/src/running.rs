//! A program as it runs in one database: what may be called, and how arguments for it are read.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use orrery_host_abi::{
    AlgebraicType, Fault, Function, Identity, Layout, LayoutError, ModuleDef, ProductType, ViewResultHeader,
    bsatn::Decode, json,
};

use crate::{
    database::{Args, CallError},
    program::LoadedProgram,
    query::Queries,
    schema::Catalog,
    views::{Rows, ViewShape},
};

/// The program that a database runs, from one publish to the next.
#[derive(Debug)]
pub(crate) struct Running {
    /// Counts the programs of this process's life of the database; tells whether a job was prepared for this one.
    pub(crate) generation: u64,
    pub(crate) program: LoadedProgram,
    pub(crate) catalog: Arc<Catalog>,
    /// What SQL can be about.
    pub(crate) queries: Queries,
    reducers: HashMap<Box<str>, Reducer>,
    procedures: HashMap<Box<str>, Arc<Procedure>>,
    views: HashMap<Box<str>, Arc<View>>,
}

/// A reducer, ready to be called.
#[derive(Debug)]
struct Reducer {
    id: u32,
    is_lifecycle: bool,
    is_private: bool,
    params: Layout,
}

/// A procedure, ready to be called.
#[derive(Debug)]
pub(crate) struct Procedure {
    pub(crate) id: u32,
    is_private: bool,
    params: Layout,
    /// What its result must look like.
    pub(crate) returns: Layout,
}

/// A function that a client may call, with its arguments (BSATN).
#[derive(Debug)]
pub(crate) enum Prepared {
    Reducer(u32, Bytes),
    Procedure(Arc<Procedure>, Bytes),
}

/// A view, ready to be called.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) name: Arc<str>,
    /// Its place in the definition.
    pub(crate) place: usize,
    /// How it is called.
    pub(crate) function: Function,
    /// What its rows look like.
    pub(crate) shape: Arc<ViewShape>,
    params: Layout,
    /// What its answer must look like.
    rows: Layout,
    row: Layout,
}

/// What the module answered for a view.
#[derive(Debug)]
pub(crate) enum ViewAnswer {
    /// The rows: BSATN, an array.
    Rows(Bytes),
    /// The rows are those of this query.
    Query(Box<str>),
}

impl Running {
    /// Prepares all functions of a program. The error is for the publisher.
    pub(crate) fn new(
        generation: u64,
        program: LoadedProgram,
        catalog: Arc<Catalog>,
    ) -> Result<Self, String> {
        let queries = Queries::new(&catalog)?;
        Self::with_queries(generation, program, catalog, queries).map_err(|error| error.to_string())
    }

    fn with_queries(
        generation: u64,
        program: LoadedProgram,
        catalog: Arc<Catalog>,
        queries: Queries,
    ) -> Result<Self, LayoutError> {
        let module = &program.module;
        let lifecycle = [module.init, module.client_connected, module.client_disconnected];
        let mut reducers = HashMap::new();
        for (def, id) in module.reducers.iter().zip(0..) {
            let reducer = Reducer {
                id,
                is_lifecycle: lifecycle.contains(&Some(id)),
                is_private: def.is_private,
                params: Layout::of_product(&def.params, &module.typespace)?,
            };
            reducers.insert(def.name.clone(), reducer);
        }
        let mut procedures = HashMap::new();
        for (def, id) in module.procedures.iter().zip(0..) {
            let procedure = Procedure {
                id,
                is_private: def.is_private,
                params: Layout::of_product(&def.params, &module.typespace)?,
                returns: Layout::new(&def.return_type, &module.typespace)?,
            };
            procedures.insert(def.name.clone(), Arc::new(procedure));
        }
        let mut views = HashMap::new();
        for (place, def) in module.views.iter().enumerate() {
            let row_type = AlgebraicType::Ref(def.row_type);
            let rows = AlgebraicType::Array(Box::new(row_type.clone()));
            let view = View {
                name: (&*def.name).into(),
                place,
                function: if def.is_anonymous {
                    Function::AnonymousView(def.index)
                } else {
                    Function::View(def.index)
                },
                params: Layout::of_product(&def.params, &module.typespace)?,
                rows: Layout::new(&rows, &module.typespace)?,
                row: Layout::new(&row_type, &module.typespace)?,
                shape: Arc::new(ViewShape {
                    row_type,
                    module: Arc::clone(module),
                    per_caller: !def.is_anonymous,
                }),
            };
            views.insert(def.name.clone(), Arc::new(view));
        }
        Ok(Self { generation, catalog, queries, reducers, procedures, views, program })
    }

    /// The definition.
    pub(crate) fn module(&self) -> &Arc<ModuleDef> {
        &self.program.module
    }

    /// Finds a reducer or procedure that a client may call, and reads the arguments for it.
    pub(crate) fn prepare(&self, name: &str, args: &Args, is_owner: bool) -> Result<Prepared, CallError> {
        let missing = || CallError::NoSuchFunction { kind: "reducer or procedure", name: name.to_owned() };
        let module = self.module();
        if let Some(reducer) = self.reducers.get(name) {
            if reducer.is_lifecycle {
                return Err(CallError::Lifecycle(name.to_owned()));
            }
            if reducer.is_private && !is_owner {
                return Err(missing());
            }
            let params = &module.reducers[reducer.id as usize].params;
            let args = self.read_args("reducer", name, args, params, &reducer.params)?;
            return Ok(Prepared::Reducer(reducer.id, args));
        }
        let procedure = self.procedures.get(name).filter(|procedure| !procedure.is_private || is_owner);
        let procedure = procedure.ok_or_else(missing)?;
        let params = &module.procedures[procedure.id as usize].params;
        let args = self.read_args("procedure", name, args, params, &procedure.params)?;
        Ok(Prepared::Procedure(Arc::clone(procedure), args))
    }

    fn read_args(
        &self,
        kind: &'static str,
        name: &str,
        args: &Args,
        params: &ProductType,
        layout: &Layout,
    ) -> Result<Bytes, CallError> {
        let invalid = |reason: String| CallError::InvalidArguments { kind, name: name.to_owned(), reason };
        match args {
            Args::Json(json) => json::args_from_json(json, params, &self.module().typespace)
                .map(Bytes::from)
                .map_err(|error| invalid(error.to_string())),
            Args::Bsatn(bsatn) => {
                let len = layout.validate(bsatn).map_err(|error| invalid(error.to_string()))?;
                Ok(bsatn.slice(..len))
            }
        }
    }

    /// Finds a procedure or reducer for a call from within the module.
    pub(crate) fn prepare_internal(&self, name: &str, args: &Bytes) -> Result<Prepared, String> {
        let (prepared, params) = match (self.procedures.get(name), self.reducers.get(name)) {
            (Some(procedure), _) => {
                (Prepared::Procedure(Arc::clone(procedure), args.clone()), &procedure.params)
            }
            (None, Some(reducer)) => (Prepared::Reducer(reducer.id, args.clone()), &reducer.params),
            (None, None) => return Err(format!("there is no reducer or procedure `{name}`")),
        };
        params
            .validate(args)
            .map_err(|error| format!("the arguments for `{name}` are not valid: {error}"))?;
        Ok(prepared)
    }

    /// Finds a view, and reads the arguments for it.
    pub(crate) fn prepare_view(
        &self,
        name: &str,
        args: &Args,
        is_owner: bool,
    ) -> Result<(Arc<View>, Bytes), CallError> {
        let missing = || CallError::NoSuchFunction { kind: "view", name: name.to_owned() };
        let view = self.views.get(name).ok_or_else(missing)?;
        let def = &self.module().views[view.place];
        if !def.is_public && !is_owner {
            return Err(missing());
        }
        let args = self.read_args("view", name, args, &def.params, &view.params)?;
        Ok((Arc::clone(view), args))
    }
}

impl View {
    /// Who the view is computed for: nobody in particular if it is the same for everybody.
    pub(crate) fn asked_by(&self, caller: Identity) -> Option<Identity> {
        self.shape.per_caller.then_some(caller)
    }

    /// Cuts an answer of this view into rows.
    pub(crate) fn split(&self, rows: &Bytes) -> Result<Rows, CallError> {
        Rows::new(rows.clone(), &self.row).map_err(|error| {
            CallError::Broke(Fault::Protocol(format!("the view's rows are not valid: {error}")))
        })
    }

    /// What the module answered: a `ViewResultHeader` and data.
    pub(crate) fn answer(&self, answer: Vec<u8>) -> Result<ViewAnswer, CallError> {
        let broke = |what: String| Err(CallError::Broke(Fault::Protocol(what)));
        let mut answer = Bytes::from(answer);
        match ViewResultHeader::from_bsatn(&answer) {
            Ok(ViewResultHeader::RowData) => {
                let rows = answer.split_off(1);
                match self.rows.validate(&rows) {
                    Ok(len) => Ok(ViewAnswer::Rows(rows.slice(..len))),
                    Err(error) => broke(format!("the view's rows are not valid: {error}")),
                }
            }
            Ok(ViewResultHeader::RawSql(query)) => Ok(ViewAnswer::Query(query)),
            Err(error) => broke(format!("the view's answer begins with neither rows nor a query: {error}")),
        }
    }
}
