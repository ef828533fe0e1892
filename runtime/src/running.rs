//! A program as it runs in one database: what may be called, and how arguments for it are read.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use orrery_host_abi::{
    AlgebraicType, Fault, Function, Identity, Layout, LayoutError, ModuleDef, ProductType, json,
};

use crate::{
    database::{Args, CallError},
    program::LoadedProgram,
    schema::Catalog,
};

/// The program that a database runs, from one publish to the next.
#[derive(Debug)]
pub(crate) struct Running {
    /// Counts the programs of this process's life of the database; tells whether a job was prepared for this one.
    pub(crate) generation: u64,
    pub(crate) program: LoadedProgram,
    pub(crate) catalog: Arc<Catalog>,
    reducers: HashMap<Box<str>, Reducer>,
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

/// A view, ready to be called.
#[derive(Debug)]
pub(crate) struct View {
    /// Its place in the definition.
    pub(crate) place: usize,
    /// How it is called.
    pub(crate) function: Function,
    /// The type of a row; references lead into the module's typespace.
    pub(crate) row_type: AlgebraicType,
    /// What its answer must look like.
    rows: Layout,
}

impl Running {
    /// Prepares all functions of a program.
    pub(crate) fn new(
        generation: u64,
        program: LoadedProgram,
        catalog: Arc<Catalog>,
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
        let mut views = HashMap::new();
        for (place, def) in module.views.iter().enumerate() {
            let row_type = AlgebraicType::Ref(def.row_type);
            let rows = AlgebraicType::Array(Box::new(row_type.clone()));
            let view = View {
                place,
                function: if def.is_anonymous {
                    Function::AnonymousView(def.index)
                } else {
                    Function::View(def.index)
                },
                rows: Layout::new(&rows, &module.typespace)?,
                row_type,
            };
            views.insert(def.name.clone(), Arc::new(view));
        }
        Ok(Self { generation, catalog, reducers, views, program })
    }

    /// The definition.
    pub(crate) fn module(&self) -> &Arc<ModuleDef> {
        &self.program.module
    }

    /// Finds a reducer that `caller` may call and reads the arguments for it.
    pub(crate) fn prepare_reducer(
        &self,
        name: &str,
        args: &Args,
        is_owner: bool,
    ) -> Result<(u32, Bytes), CallError> {
        let kind = "reducer";
        let missing = || CallError::NoSuchFunction { kind, name: name.to_owned() };
        let Some(reducer) = self.reducers.get(name) else {
            if self.module().procedure(name).is_some() {
                return Err(CallError::Unsupported(format!(
                    "`{name}` is a procedure, and this server cannot call procedures"
                )));
            }
            return Err(missing());
        };
        if reducer.is_lifecycle {
            return Err(CallError::Lifecycle(name.to_owned()));
        }
        if reducer.is_private && !is_owner {
            return Err(missing());
        }
        let invalid = |reason: String| CallError::InvalidArguments { kind, name: name.to_owned(), reason };
        let args = match args {
            Args::Json(json) => {
                let params: &ProductType = &self.module().reducers[reducer.id as usize].params;
                json::args_from_json(json, params, &self.module().typespace)
                    .map_err(|error| invalid(error.to_string()))?
                    .into()
            }
            Args::Bsatn(bsatn) => {
                reducer.params.validate(bsatn).map_err(|error| invalid(error.to_string()))?;
                bsatn.clone()
            }
        };
        Ok((reducer.id, args))
    }

    /// Finds a reducer for a call from within the module.
    pub(crate) fn internal_reducer(&self, name: &str, args: &[u8]) -> Result<u32, String> {
        let reducer = self.reducers.get(name).ok_or_else(|| format!("there is no reducer `{name}`"))?;
        reducer
            .params
            .validate(args)
            .map_err(|error| format!("the arguments for `{name}` are not valid: {error}"))?;
        Ok(reducer.id)
    }

    /// Finds a view.
    pub(crate) fn view(&self, name: &str) -> Result<&Arc<View>, CallError> {
        let kind = "view";
        let view = self.views.get(name);
        let view = view.ok_or_else(|| CallError::NoSuchFunction { kind, name: name.to_owned() })?;
        if !self.module().views[view.place].params.elements.is_empty() {
            return Err(CallError::Unsupported(format!(
                "view `{name}` takes parameters, which are not supported"
            )));
        }
        Ok(view)
    }
}

impl View {
    /// Whether the answer depends on who asks.
    pub(crate) fn is_per_caller(&self) -> bool {
        matches!(self.function, Function::View(_))
    }

    /// Who the view is computed for: nobody in particular if it is the same for everybody.
    pub(crate) fn asked_by(&self, caller: Identity) -> Option<Identity> {
        self.is_per_caller().then_some(caller)
    }

    /// The rows (a BSATN array) in what the module answered: a `ViewResultHeader` and data.
    pub(crate) fn rows(&self, answer: Vec<u8>) -> Result<Bytes, CallError> {
        let broke = |what: String| Err(CallError::Broke(Fault::Protocol(what)));
        let mut answer = Bytes::from(answer);
        match answer.first() {
            Some(0) => {
                let rows = answer.split_off(1);
                match self.rows.validate(&rows) {
                    Ok(len) => Ok(rows.slice(..len)),
                    Err(error) => broke(format!("the view's rows are not valid: {error}")),
                }
            }
            Some(1) => Err(CallError::Unsupported(
                "the view answers with a query, and this server cannot run queries; return the rows instead"
                    .into(),
            )),
            _ => broke("the view's answer begins with neither rows nor a query".into()),
        }
    }
}
