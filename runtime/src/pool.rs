//! Threads beside the worker: each has an instance of its own, so that what runs there delays no reducer.

use std::{collections::VecDeque, io, sync::Arc, thread, time::Duration};

use orrery_host_abi::{Call, Fault, Outcome};
use parking_lot::{Condvar, Mutex};

use crate::{
    database::CallError, program::Instance, running::Running, session::Session, shared::Shared,
    worker::STACK_BYTES,
};

/// A thread that has had nothing to do for so long ends, and its instance with it.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// How much threads stand back when there are more threads than cores. (The unit is that of `nice`: a thread at ten
/// gets a tenth of what another one gets, so it goes on however busy the others are.)
const STAND_BACK: i32 = 10;

/// Something to do on a thread of a [`Pool`].
pub(crate) trait Work: Send + 'static {
    /// Does it.
    fn run(self, seat: &mut Seat);
}

/// What kind of pool it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolConfig {
    /// The name of its threads.
    pub(crate) name: &'static str,
    /// How many threads there may be.
    pub(crate) threads_max: usize,
    /// How much work may wait for a thread.
    pub(crate) waiting_max: usize,
    /// Whether its threads let the worker go first.
    pub(crate) stands_back: bool,
}

/// Threads that come when there is work for them and go when there has been none for long.
#[derive(Debug)]
pub(crate) struct Pool<W> {
    config: PoolConfig,
    state: Mutex<State<W>>,
    wake: Condvar,
}

#[derive(Debug)]
struct State<W> {
    waiting: VecDeque<W>,
    /// How much more work has been announced.
    reserved: usize,
    threads: usize,
    /// Threads that wait for work.
    idle: usize,
    is_closed: bool,
}

/// Why work was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("too much is waiting already")]
    Full,
    #[error("the database has stopped")]
    Closed,
    #[error("no thread can be started: {0}")]
    NoThread(io::Error),
}

impl<W: Work> Pool<W> {
    pub(crate) fn new(config: PoolConfig) -> Arc<Self> {
        let state = State { waiting: VecDeque::new(), reserved: 0, threads: 0, idle: 0, is_closed: false };
        Arc::new(Self { config, state: Mutex::new(state), wake: Condvar::new() })
    }

    /// Has something done as soon as a thread is free.
    pub(crate) fn submit(self: &Arc<Self>, shared: &Arc<Shared>, work: W) -> Result<(), NotTaken> {
        self.reserve()?.submit(shared, work)
    }

    /// A place for work that is to be submitted in a moment.
    pub(crate) fn reserve(self: &Arc<Self>) -> Result<Place<W>, NotTaken> {
        self.reserve_within(self.config.waiting_max)
    }

    /// The same, if so little waits that the work begins soon: no more than there are threads.
    pub(crate) fn reserve_soon(self: &Arc<Self>) -> Result<Place<W>, NotTaken> {
        self.reserve_within(self.config.threads_max.min(self.config.waiting_max))
    }

    /// The same however much waits, for work of which there is only so much anyway.
    pub(crate) fn reserve_in_any_case(self: &Arc<Self>) -> Result<Place<W>, NotTaken> {
        self.reserve_within(usize::MAX)
    }

    fn reserve_within(self: &Arc<Self>, waiting_max: usize) -> Result<Place<W>, NotTaken> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(NotTaken::Closed);
        }
        if state.waiting.len() + state.reserved >= waiting_max {
            return Err(NotTaken::Full);
        }
        state.reserved += 1;
        Ok(Place { pool: Arc::clone(self) })
    }

    /// Drops what waits, and lets each thread go when it is done with what it does.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.wake.notify_all();
        // Whoever waits for an answer notices.
        drop(waiting);
    }

    fn start_thread(self: &Arc<Self>, shared: &Arc<Shared>) -> io::Result<()> {
        let (pool, shared) = (Arc::clone(self), Arc::clone(shared));
        let run = move || {
            // Made here, because an instance stays on the thread that it was started on.
            let mut seat = Seat { shared, session: None, running: None };
            let thread = Thread(&pool);
            if pool.config.stands_back {
                stand_back();
            }
            while let Some(work) = thread.next() {
                work.run(&mut seat);
            }
        };
        thread::Builder::new()
            .name(format!("orrery-{}", self.config.name))
            .stack_size(STACK_BYTES)
            .spawn(run)
            .map(drop)
    }
}

/// A place in the queue that nobody else can take.
#[derive(Debug)]
pub(crate) struct Place<W> {
    pool: Arc<Pool<W>>,
}

impl<W: Work> Place<W> {
    /// Has something done as soon as a thread is free.
    pub(crate) fn submit(self, shared: &Arc<Shared>, work: W) -> Result<(), NotTaken> {
        let pool = Arc::clone(&self.pool);
        drop(self);
        let mut state = pool.state.lock();
        if state.is_closed {
            return Err(NotTaken::Closed);
        }
        state.waiting.push_back(work);
        // A thread that has been woken counts as idle until it is awake.
        if state.waiting.len() <= state.idle {
            pool.wake.notify_one();
            return Ok(());
        }
        if state.threads == pool.config.threads_max {
            return Ok(());
        }
        state.threads += 1;
        drop(state);
        let Err(error) = pool.start_thread(shared) else { return Ok(()) };
        let mut state = pool.state.lock();
        state.threads -= 1;
        if state.threads > 0 {
            // They will come to it.
            return Ok(());
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
        Err(NotTaken::NoThread(error))
    }
}

impl<W> Drop for Place<W> {
    fn drop(&mut self) {
        self.pool.state.lock().reserved -= 1;
    }
}

/// A thread of the pool.
struct Thread<'a, W>(&'a Pool<W>);

impl<W> Thread<'_, W> {
    /// Waits for work. None: the thread is not needed any more, and not counted as one from now on.
    fn next(&self) -> Option<W> {
        let mut state = self.0.state.lock();
        let mut has_waited_long = false;
        loop {
            if state.is_closed || (has_waited_long && state.waiting.is_empty()) {
                state.threads -= 1;
                return None;
            }
            if let Some(work) = state.waiting.pop_front() {
                return Some(work);
            }
            state.idle += 1;
            has_waited_long = self.0.wake.wait_for(&mut state, IDLE_MAX).timed_out();
            state.idle -= 1;
        }
    }
}

impl<W> Drop for Thread<'_, W> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state.lock().threads -= 1;
        }
    }
}

/// Where a thread of a pool works: an instance, and what it may touch.
pub(crate) struct Seat {
    pub(crate) shared: Arc<Shared>,
    /// None while it is in a call.
    session: Option<Session>,
    running: Option<(Arc<Running>, Instance)>,
}

impl Seat {
    /// Runs one call of a function of that program. `begin` gives the session what it may touch, and `end` takes it
    /// back.
    pub(crate) fn call<T>(
        &mut self,
        running: &Arc<Running>,
        call: &Call,
        begin: impl FnOnce(&mut Session),
        end: impl FnOnce(&mut Session) -> T,
    ) -> Result<(Outcome, T), CallError> {
        self.ensure_instance(running)?;
        let (Some(mut session), Some((_, instance))) = (self.session.take(), &mut self.running) else {
            unreachable!("the instance was just ensured, and between calls the session is at home");
        };
        begin(&mut session);
        let (mut session, outcome) = instance.call(session, call);
        let is_spent = instance.is_spent();
        let ended = end(&mut session);
        self.shared.call_soon(session.take_immediate_calls());
        self.session = Some(session);
        if is_spent {
            self.running = None;
        }
        Ok((outcome, ended))
    }

    /// Has an instance of that program at hand.
    fn ensure_instance(&mut self, running: &Arc<Running>) -> Result<(), CallError> {
        if self.running.as_ref().is_some_and(|(present, _)| present.generation == running.generation) {
            return Ok(());
        }
        self.running = None;
        let mut session = self.session.take().unwrap_or_else(|| self.shared.new_session());
        session.set_catalog(Arc::clone(&running.catalog));
        let (session, instance) = running.program.start(session, self.shared.host.config().time_limit);
        self.session = Some(session);
        let instance = instance.map_err(|error| CallError::Broke(Fault::Trapped(error)))?;
        self.running = Some((Arc::clone(running), instance));
        Ok(())
    }
}

/// Lowers the priority of this thread. If the system does not let it, the thread is only less polite.
pub(crate) fn stand_back() {
    // On Linux this is about the thread; elsewhere it would be about the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(STAND_BACK);
}
