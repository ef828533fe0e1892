//! What an isolate carries beside the module: all that host calls need, in one place.

use std::{any::Any, ffi::c_void, ptr::NonNull, sync::Arc};

use orrery_host_abi::HostError;

use super::{limits::Limits, source::Source, watchdog::Watch};

/// Where an isolate keeps the pointer to its state. The binding uses the one before.
const SLOT: u32 = 1;

/// All that host calls need.
pub(super) struct State<H> {
    /// The session of the present call. None between calls.
    session: Option<H>,
    /// Why the present call is being ended.
    pub(super) end: Option<End>,
    pub(super) limits: Arc<Limits>,
    pub(super) source: Arc<Source>,
    /// Ends calls whose time is up, once the isolate is there.
    pub(super) watch: Option<Arc<Watch>>,
    /// What makes the errors that host calls throw, once the module has said.
    pub(super) error_constructor: Option<v8::Global<v8::Function>>,
    /// A function that does nothing. Calling it is when V8 notices that a call is to end.
    pub(super) nothing: Option<v8::Global<v8::Function>>,
    /// The modules that the module imports, by their specifiers.
    pub(super) imports: Vec<(String, v8::Global<v8::Module>)>,
    /// The hooks that were registered so far, in the way of version 1.
    pub(super) registered: Registered,
}

/// The hooks of a module that was built for version 1.
#[derive(Default)]
pub(super) struct Registered {
    pub(super) describe: Option<v8::Global<v8::Function>>,
    pub(super) reducer: Option<v8::Global<v8::Function>>,
    pub(super) view: Option<v8::Global<v8::Function>>,
    pub(super) anonymous_view: Option<v8::Global<v8::Function>>,
    pub(super) procedure: Option<v8::Global<v8::Function>>,
}

/// Why a host call ends the call into the module.
pub(super) enum End {
    /// The contract demands it.
    Trapped(String),
    /// The host holds too much on behalf of the module.
    OutOfMemory,
    /// The host itself failed.
    Panicked(Box<dyn Any + Send>),
}

/// Why a host call does not answer.
pub(super) enum Failure {
    /// The session says so.
    Host(HostError),
    /// An argument is not of the type that it should have.
    Type(String),
    /// An argument is out of range.
    Range(String),
    /// The call into the module is ending.
    Ending,
    /// A function of the module that the host had called has thrown.
    Thrown,
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl<H> State<H> {
    pub(super) fn new(limits: Arc<Limits>, source: Arc<Source>) -> Self {
        Self {
            session: None,
            end: None,
            limits,
            source,
            watch: None,
            error_constructor: None,
            nothing: None,
            imports: Vec::new(),
            registered: Registered::default(),
        }
    }

    /// Begins a call: takes the session in.
    #[inline]
    pub(super) fn begin(&mut self, session: H) {
        self.session = Some(session);
        self.end = None;
        self.limits.reset();
    }

    /// Ends a call: gives the session back.
    #[inline]
    pub(super) fn finish(&mut self) -> H {
        self.session.take().expect("the session stays in the state for the length of a call")
    }

    /// The session of the present call.
    #[inline]
    pub(super) fn session(&mut self) -> Result<&mut H, Failure> {
        match &mut self.session {
            Some(session) if self.end.is_none() => Ok(session),
            _ => Err(Failure::Ending),
        }
    }

    /// The session of the present call, even if it is ending.
    pub(super) fn session_anyway(&mut self) -> Option<&mut H> {
        self.session.as_mut()
    }
}

/// The state of an isolate, which host calls get at through the isolate and the instance owns.
pub(super) struct Shared<H>(NonNull<State<H>>);

impl<H> Shared<H> {
    pub(super) fn new(state: State<H>) -> Self {
        Self(NonNull::from(Box::leak(Box::new(state))))
    }

    /// Lets host calls of that isolate find the state.
    pub(super) fn attach(&self, isolate: &mut v8::Isolate) {
        isolate.set_data(SLOT, self.0.as_ptr().cast());
    }

    /// The state. None of the module's code may be run while it is borrowed.
    #[inline]
    pub(super) fn get(&mut self) -> &mut State<H> {
        // SAFETY: It is alive as long as this is; host calls borrow it for their own length only, and none is running
        // while none of the module's code is.
        unsafe { self.0.as_mut() }
    }
}

impl<H> Drop for Shared<H> {
    fn drop(&mut self) {
        // SAFETY: It comes from a box, and the isolate that knows of it is gone or will not run again.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The state of the isolate that a host call came from.
///
/// # Safety
///
/// The isolate must be one whose state is a `State<H>`.
#[inline]
pub(super) unsafe fn of_isolate<H>(isolate: &v8::Isolate) -> *mut State<H> {
    let data: *mut c_void = isolate.get_data(SLOT);
    data.cast()
}
