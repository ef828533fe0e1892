//! Programs: from published bytes to something that instances are made of.
//!
//! The one place that tells the engines apart.

use std::{sync::Arc, time::Duration};

use orrery_host_abi::{Call, Hash, Instance as _, ModuleDef, Outcome};

use crate::{
    database::{Program, ProgramKind},
    engine::{
        js::{JsInstance, JsProgram},
        wasm::{WasmInstance, WasmProgram},
    },
    host::Host,
    session::Session,
};

/// A program that has been compiled, described and found valid.
#[derive(Debug, Clone)]
pub(crate) struct LoadedProgram {
    pub(crate) source: Program,
    pub(crate) hash: Hash,
    pub(crate) module: Arc<ModuleDef>,
    code: Code,
}

/// A program's code in the form that its engine runs.
#[derive(Debug, Clone)]
enum Code {
    Wasm(WasmProgram<Session>),
    Js(JsProgram),
}

/// A running program. Stays on the thread that has started it.
#[derive(Debug)]
pub(crate) enum Instance {
    Wasm(WasmInstance<Session>),
    Js(JsInstance<Session>),
}

impl LoadedProgram {
    /// Compiles a program, starts it once and checks what it says about itself. Takes a while: not for async
    /// code. The error is for the publisher.
    pub(crate) fn load(host: &Host, source: Program, session: Session) -> Result<(Self, Session), String> {
        let hash = Hash::of(&source.bytes);
        let code = match source.kind {
            ProgramKind::Wasm => {
                Code::Wasm(host.wasm().compile(hash, &source.bytes).map_err(|error| error.to_string())?)
            }
            ProgramKind::Js => {
                Code::Js(host.js().compile(hash, &source.bytes).map_err(|error| error.to_string())?)
            }
        };
        let (session, description) = code.describe(session, host.config().time_limit);
        let module = ModuleDef::decode(&description?).map_err(|error| error.to_string())?;
        Ok((Self { source, hash, module: Arc::new(module), code }, session))
    }

    /// Starts an instance of the program on this thread.
    pub(crate) fn start(
        &self,
        session: Session,
        time_limit: Duration,
    ) -> (Session, Result<Instance, String>) {
        match &self.code {
            Code::Wasm(program) => {
                let (session, started) = program.start(session, time_limit);
                let started = started.map(|(instance, _)| Instance::Wasm(instance));
                (session, started.map_err(|error| error.to_string()))
            }
            Code::Js(program) => {
                let (session, started) = program.start(session, time_limit);
                (session, started.map(Instance::Js).map_err(|error| error.to_string()))
            }
        }
    }
}

impl Code {
    /// What the program says about itself.
    fn describe(&self, session: Session, time_limit: Duration) -> (Session, Result<Vec<u8>, String>) {
        let (session, description) = match self {
            Self::Wasm(program) => {
                let (session, started) = program.start(session, time_limit);
                (session, started.map(|(_, description)| description))
            }
            Self::Js(program) => program.describe(session, time_limit),
        };
        (session, description.map_err(|error| error.to_string()))
    }
}

impl Instance {
    /// Runs one call to its end.
    pub(crate) fn call(&mut self, session: Session, call: &Call) -> (Session, Outcome) {
        match self {
            Self::Wasm(instance) => instance.call(session, call),
            Self::Js(instance) => instance.call(session, call),
        }
    }

    /// Whether it must be replaced before the next call.
    pub(crate) fn is_spent(&self) -> bool {
        match self {
            Self::Wasm(instance) => instance.is_spent(),
            Self::Js(instance) => instance.is_spent(),
        }
    }
}
