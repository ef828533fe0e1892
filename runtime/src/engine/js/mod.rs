//! JavaScript on V8.
//!
//! Three things, by how long they live: a [`JsEngine`] for the process, a [`JsProgram`] for each module (its text, and
//! what V8 made of it, shared), and any number of [`JsInstance`]s of it, each an isolate of its own that stays
//! on one thread.
//!
//! **A call** sets a deadline, moves the session into the isolate's state, and calls one of the hooks that were found when
//! the instance started. Host calls find the session through the isolate. V8 calls most of them directly from
//! compiled code; they read and write the module's buffers where they are. The isolate stays entered until the
//! thread runs another one (`entered`), and the bigints of callers that come back are kept (`callers`).
//!
//! **Time** is limited by a thread that looks every [`TICK`](super::TICK) and has V8 end what is late. What ends a call
//! cannot be caught.
//!
//! **Memory** is limited in the module `limits`. Whatever V8 cannot survive, the process does: see `contain`.
//!
//! This is V8 itself, without the runtime of Deno around it: a module has no event loop, no operations, no
//! other modules and nothing in its global scope that the contract does not name, and an isolate starts in a sixth of the
//! time and a third of the memory.

mod builtins;
mod callers;
mod contain;
mod entered;
mod fault;
mod hooks;
mod imports;
mod instance;
mod limits;
mod load;
mod platform;
mod program;
mod promises;
mod source;
mod stack;
mod state;
mod throw;
mod values;
mod vm;
mod watchdog;

use std::path::PathBuf;

use bytes::Bytes;
use orrery_host_abi::Hash;

use super::{LoadError, cache::CodeCache};

pub use instance::JsInstance;
pub use program::JsProgram;

/// Limits and places for all modules of a process.
#[derive(Debug, Clone)]
pub struct JsConfig {
    /// Where compiled code is kept. None: every program is compiled each time.
    pub cache_dir: Option<PathBuf>,
    /// Memory that one instance may have, in bytes: so much for its objects, and so much for its buffers.
    pub memory_limit: u64,
}

/// Loads modules. One for a process; cheap to clone.
#[derive(Clone, Debug)]
pub struct JsEngine {
    memory_limit: u64,
    cache: Option<CodeCache>,
}

impl JsEngine {
    /// An engine. V8 itself starts with the first program. The error says what the machine or the configuration lacks.
    pub fn new(config: &JsConfig) -> Result<Self, String> {
        let cache = match &config.cache_dir {
            None => None,
            Some(dir) => Some(CodeCache::open(dir, compiler_hash()).map_err(|e| {
                format!("the directory `{}` cannot keep compiled modules: {e}", dir.display())
            })?),
        };
        Ok(Self { memory_limit: config.memory_limit, cache })
    }

    /// Takes a program's text. Whether it is valid JavaScript comes to light when an instance starts. `hash` is the hash
    /// of `bytes`.
    pub fn compile(&self, hash: Hash, bytes: &Bytes) -> Result<JsProgram, LoadError> {
        platform::start(self.memory_limit);
        JsProgram::new(hash, bytes, self.memory_limit, self.cache.clone())
    }
}

/// The hash of all that matters to what V8 makes of a text. It looks at its settings itself.
fn compiler_hash() -> blake3::Hash {
    blake3::hash(format!("V8 {}", v8::VERSION_STRING).as_bytes())
}
