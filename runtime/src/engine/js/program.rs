//! A program, and how its instances start.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use orrery_host_abi::{Hash, HostCalls};
use parking_lot::Mutex;

use super::{instance::JsInstance, source::Source};
use crate::engine::{LoadError, cache::CodeCache};

/// How often a program may make V8 give up. What the instance had is lost to the process each time.
const CRASHES_MAX: u32 = 3;

/// A program of which instances can be started. Cheap to clone.
#[derive(Clone)]
pub struct JsProgram(Arc<Inner>);

struct Inner {
    hash: Hash,
    source: Arc<Source>,
    memory_limit: u64,
    /// What V8 made of the text, once it is known.
    code: Mutex<Option<Arc<[u8]>>>,
    /// Where that is kept between starts.
    cache: Option<CodeCache>,
    /// How often it has made V8 give up.
    crashes: AtomicU32,
}

impl std::fmt::Debug for JsProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsProgram").finish_non_exhaustive()
    }
}

impl JsProgram {
    /// Takes a program's text.
    pub(super) fn new(
        hash: Hash,
        bytes: &Bytes,
        memory_limit: u64,
        cache: Option<CodeCache>,
    ) -> Result<Self, LoadError> {
        let source = Arc::new(Source::new(bytes)?);
        let code = cache.as_ref().and_then(|cache| cache.load(hash));
        Ok(Self(Arc::new(Inner {
            hash,
            source,
            memory_limit,
            code: Mutex::new(code.map(Arc::from)),
            cache,
            crashes: AtomicU32::new(0),
        })))
    }

    /// Starts an instance on this thread, which it stays on: runs the module's top level and finds its hooks.
    ///
    /// `time_limit` is for all of it together. The session is handed back whatever happens; in the meantime it is
    /// asked for what the module asks for, above all to write to the log.
    ///
    /// The calling thread needs 2 MiB of stack, now and for every call.
    pub fn start<H: HostCalls + 'static>(
        &self,
        session: H,
        time_limit: Duration,
    ) -> (H, Result<JsInstance<H>, LoadError>) {
        if self.0.crashes.load(Relaxed) >= CRASHES_MAX {
            let text = format!(
                "it has brought the JavaScript engine down {CRASHES_MAX} times and is not started again; publish \
                 a corrected one"
            );
            return (session, Err(LoadError::Setup(text)));
        }
        JsInstance::start(self, self.0.memory_limit, session, time_limit)
    }

    /// Has the program describe itself: a BSATN `RawModuleDef`. Starts an instance for it, and keeps for later ones
    /// what V8 made of the text.
    pub fn describe<H: HostCalls + 'static>(
        &self,
        session: H,
        time_limit: Duration,
    ) -> (H, Result<Vec<u8>, LoadError>) {
        match self.start(session, time_limit) {
            (session, Ok(mut instance)) => instance.describe(session, time_limit),
            (session, Err(error)) => (session, Err(error)),
        }
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.0.source
    }

    /// What V8 made of the text in an earlier instance.
    pub(super) fn code(&self) -> Option<Arc<[u8]>> {
        self.0.code.lock().clone()
    }

    /// V8 does not take what it made of the text some time ago.
    pub(super) fn drop_code(&self) {
        *self.0.code.lock() = None;
    }

    /// Keeps what V8 made of the text, for instances to come.
    pub(super) fn keep_code(&self, code: &[u8]) {
        *self.0.code.lock() = Some(code.into());
        if let Some(cache) = &self.0.cache {
            cache.store(self.0.hash, code);
        }
    }

    /// V8 has given up on an instance.
    pub(super) fn count_crash(&self) {
        self.0.crashes.fetch_add(1, Relaxed);
    }
}
