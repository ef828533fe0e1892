//! What the store of an instance carries beside the instance itself.

use std::time::Instant;

use wasmtime::{AsContextMut, Caller};

use super::{
    bytes::{Sinks, Sources},
    limits::Limits,
    memory::Memory,
};
use crate::engine::ticks;

/// All that host calls need, in one place.
pub(super) struct State<H> {
    /// The session of the present call. None between calls.
    session: Option<H>,
    /// The module's memory. None until it is instantiated.
    pub(super) memory: Option<wasmtime::Memory>,
    pub(super) sources: Sources,
    pub(super) sinks: Sinks,
    pub(super) limits: Limits,
    /// What the module logged as its panic in the present call.
    pub(super) panic: Option<Box<str>>,
    /// When the present call must be over. None where nothing ever waits, so that nobody has to know.
    pub(super) deadline: Option<Instant>,
}

/// A host call came before the instance was complete.
#[derive(Debug, thiserror::Error)]
#[error("the module made a host call before it was instantiated")]
pub(super) struct TooEarly;

impl<H> State<H> {
    pub(super) fn new(memory_limit: u64) -> Self {
        Self {
            session: None,
            memory: None,
            sources: Sources::default(),
            sinks: Sinks::default(),
            limits: Limits::new(memory_limit),
            panic: None,
            deadline: None,
        }
    }

    /// Begins a call: takes the session in.
    #[inline]
    pub(super) fn begin(&mut self, session: H) {
        self.session = Some(session);
        self.next_step();
    }

    /// Forgets what the last entry into the module left behind.
    #[inline]
    pub(super) fn next_step(&mut self) {
        self.sources.reset();
        self.sinks.reset();
        self.limits.reset();
        self.panic = None;
    }

    /// Ends a call: gives the session back.
    #[inline]
    pub(super) fn end(&mut self) -> H {
        self.session.take().expect("the session stays in the store for the length of a call")
    }

    /// The session of the present call.
    #[inline]
    pub(super) fn session(&mut self) -> &mut H {
        self.session.as_mut().expect("the session stays in the store for the length of a call")
    }
}

/// Memory and state of the module that makes a host call, to be used side by side.
#[inline]
pub(super) fn split<'a, H: 'static>(
    caller: &'a mut Caller<'_, State<H>>,
) -> Result<(Memory<'a>, &'a mut State<H>), TooEarly> {
    let memory = caller.data().memory.ok_or(TooEarly)?;
    let (bytes, state) = memory.data_and_store_mut(caller);
    Ok((Memory(bytes), state))
}

/// Makes a host call that may wait for others. The time that it takes is not the module's.
pub(super) fn waiting<H: 'static, T>(
    caller: &mut Caller<'_, State<H>>,
    make: impl FnOnce(&mut Caller<'_, State<H>>) -> T,
) -> T {
    let began = Instant::now();
    let made = make(caller);
    if let Some(deadline) = &mut caller.data_mut().deadline {
        let now = Instant::now();
        *deadline += now - began;
        let left = deadline.saturating_duration_since(now);
        caller.as_context_mut().set_epoch_deadline(ticks(left));
    }
    made
}
