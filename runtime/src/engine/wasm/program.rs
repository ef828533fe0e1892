//! A compiled module, and how its instances start.

use std::{sync::Arc, time::Duration};

use orrery_host_abi::HostCalls;
use wasmtime::{
    Engine, ExternType, Instance, InstancePre, Linker, Module, Store, TypedFunc, UnknownImportError,
    WasmParams, WasmResults,
};

use super::{
    abi::{Exports, export},
    fault::Broken,
    imports,
    instance::{EntryPoints, WasmInstance},
    state::State,
};
use crate::engine::{LoadError, ticks};

/// What `__setup__` answers when it has written an error to its sink.
const SETUP_FAILED: i32 = 1;

/// An instance that has started, and the description it has given of itself.
pub type Started<H> = (WasmInstance<H>, Vec<u8>);

/// A module that is compiled, checked and linked: instances of it can be started. Cheap to clone.
pub struct WasmProgram<H: 'static>(Arc<Inner<H>>);

struct Inner<H: 'static> {
    linked: InstancePre<State<H>>,
    exports: Exports,
    memory_limit: u64,
}

impl<H> Clone for WasmProgram<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> std::fmt::Debug for WasmProgram<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmProgram").field("exports", &self.0.exports).finish_non_exhaustive()
    }
}

impl<H: HostCalls + Send + 'static> WasmProgram<H> {
    /// Gives the module what it imports.
    pub(super) fn link(
        engine: &Engine,
        module: &Module,
        exports: Exports,
        memory_limit: u64,
    ) -> Result<Self, LoadError> {
        let mut linker = Linker::new(engine);
        imports::define(&mut linker)
            .and_then(|()| linker.instantiate_pre(module))
            .map(|linked| Self(Arc::new(Inner { linked, exports, memory_limit })))
            .map_err(|error| LoadError::Abi(explain_link_error(&error)))
    }

    /// Starts an instance: instantiates the module, lets it set itself up, and has it describe itself.
    ///
    /// `time_limit` is for all of it together. The session is handed back whatever happens; in the meantime it is
    /// asked for what the module asks for, above all to write to the log.
    ///
    /// The calling thread needs 2 MiB of stack, now and for every call.
    pub fn start(&self, session: H, time_limit: Duration) -> (H, Result<Started<H>, LoadError>) {
        let mut store = Store::new(self.0.linked.module().engine(), State::new(self.0.memory_limit));
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(ticks(time_limit));
        store.data_mut().begin(session);
        let mut start = Start { program: &self.0, store, time_limit };
        let started = start.run();
        let mut store = start.store;
        let session = store.data_mut().end();
        (session, started.map(|(entries, description)| (WasmInstance::new(store, entries), description)))
    }
}

/// An instance that is being started.
struct Start<'a, H: 'static> {
    program: &'a Inner<H>,
    store: Store<State<H>>,
    time_limit: Duration,
}

impl<H: HostCalls + Send + 'static> Start<'_, H> {
    fn run(&mut self) -> Result<(EntryPoints, Vec<u8>), LoadError> {
        let instance = self.program.linked.instantiate(&mut self.store);
        let instance = instance.map_err(|error| self.broken("instantiation", &error))?;
        self.store.data_mut().memory = instance.get_memory(&mut self.store, export::MEMORY);

        if self.program.exports.initialize {
            self.call(&instance, export::INITIALIZE, ())?;
        }
        for preinit in &self.program.exports.preinits {
            self.call(&instance, preinit, ())?;
        }
        if self.program.exports.setup {
            self.set_up(&instance)?;
        }
        let description = self.describe(&instance)?;
        Ok((self.entry_points(&instance)?, description))
    }

    fn set_up(&mut self, instance: &Instance) -> Result<(), LoadError> {
        let sink = self.next_sink();
        let code: i32 = self.call_with(instance, export::SETUP, (sink,))?;
        match code {
            0 => Ok(()),
            SETUP_FAILED => {
                let text = self.store.data_mut().sinks.take(sink);
                Err(LoadError::Setup(String::from_utf8_lossy(&text).into_owned()))
            }
            code => {
                Err(LoadError::Setup(format!("`{}` answered with the unknown code {code}", export::SETUP)))
            }
        }
    }

    fn describe(&mut self, instance: &Instance) -> Result<Vec<u8>, LoadError> {
        let sink = self.next_sink();
        self.call_with::<_, ()>(instance, export::DESCRIBE, (sink,))?;
        let description = self.store.data_mut().sinks.take(sink);
        self.store.data_mut().next_step();
        Ok(description)
    }

    fn next_sink(&mut self) -> u32 {
        let state = self.store.data_mut();
        state.next_step();
        state.sinks.open()
    }

    fn call(&mut self, instance: &Instance, name: &str, params: ()) -> Result<(), LoadError> {
        self.store.data_mut().next_step();
        self.call_with(instance, name, params)
    }

    fn call_with<P: WasmParams, R: WasmResults>(
        &mut self,
        instance: &Instance,
        name: &str,
        params: P,
    ) -> Result<R, LoadError> {
        instance
            .get_typed_func::<P, R>(&mut self.store, name)
            .and_then(|function| function.call(&mut self.store, params))
            .map_err(|error| self.broken(name, &error))
    }

    fn broken(&mut self, function: &str, error: &wasmtime::Error) -> LoadError {
        let state = self.store.data_mut();
        let broken = Broken::new(error, state, self.time_limit);
        broken.log(state.session());
        LoadError::Start { function: function.to_owned(), fault: broken.into_detailed() }
    }

    fn entry_points(&mut self, instance: &Instance) -> Result<EntryPoints, LoadError> {
        let reducer = instance.get_typed_func(&mut self.store, export::REDUCER);
        Ok(EntryPoints {
            reducer: reducer.map_err(|error| self.broken(export::REDUCER, &error))?,
            view: self.optional(instance, export::VIEW),
            anonymous_view: self.optional(instance, export::ANONYMOUS_VIEW),
            procedure: self.optional(instance, export::PROCEDURE),
            http_handler: self.optional(instance, export::HTTP_HANDLER),
        })
    }

    /// A function that not every module has. Its type has been checked.
    fn optional<P: WasmParams, R: WasmResults>(
        &mut self,
        instance: &Instance,
        name: &str,
    ) -> Option<TypedFunc<P, R>> {
        instance.get_typed_func(&mut self.store, name).ok()
    }
}

/// Says which import cannot be had, and what to do about it.
fn explain_link_error(error: &wasmtime::Error) -> String {
    let Some(unknown) = error.downcast_ref::<UnknownImportError>() else {
        return format!("the module's imports do not fit: {error:#}");
    };
    let what = match unknown.ty() {
        ExternType::Func(_) => "the function",
        ExternType::Memory(_) => "the memory",
        _ => "",
    };
    let name = format!("{what} `{}.{}`", unknown.module(), unknown.name());
    let name = name.trim_start();
    let why = match (unknown.module(), unknown.name()) {
        (module, _) if module.starts_with("wasi") => {
            "but modules have no access to WASI here; build it as a module of SpacetimeDB (in Rust: for \
             wasm32-unknown-unknown)"
        }
        (module, name) if module == "wbg" || [module, name].iter().any(|it| it.starts_with("__wbindgen")) => {
            "because a crate in it uses wasm-bindgen, which is for browsers; `cargo tree -i wasm-bindgen` finds the \
             crate, and one of its features may be what asks for it (`js`, `web`)"
        }
        (_, name) if name.starts_with("__getrandom") => {
            "because something in it uses the crate `getrandom` (`rand::random()` and `rand::thread_rng()` do), but \
             random numbers come from `ctx.rng()` here; `cargo tree -i getrandom` finds a crate that does"
        }
        _ => "which this host does not have",
    };
    format!("the module imports {name}, {why}")
}
