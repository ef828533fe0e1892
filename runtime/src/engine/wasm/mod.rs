//! WebAssembly on wasmtime.
//!
//! Three things, by how long they live: a [`WasmEngine`] for the process, a [`WasmProgram`] for each module (compiled
//! once, checked, its imports resolved), and any number of [`WasmInstance`]s of it, each with a memory of its own
//! and used by one thread at a time.
//!
//! **A call** sets a deadline, moves the session into the store, and enters the module through a function that
//! was looked up when the instance started. The module's imports find the session and the memory in the store:
//! nothing is looked up, boxed or allocated on the way.
//!
//! **Time** is limited by epochs: a thread advances the engine's epoch every [`TICK`](super::TICK), and compiled code compares it
//! with the call's deadline at each function entry and loop. That costs a load and a compare, where counting
//! instructions as fuel would cost an addition in every block.
//!
//! **Memory** of an instance is reserved on demand as address space and committed as it is touched; the initial
//! contents are mapped copy-on-write from the program. There is no pool of instances: a pool must know in
//! advance how many there will be, reserves the address space for all of them at once, and turns away
//! modules with larger tables or more globals than its slots hold. It buys microseconds at instantiation,
//! but instances here live long, and running a module's start sequence costs far more than mapping its memory.

mod abi;
mod bytes;
mod effort;
mod fault;
mod imports;
mod instance;
mod limits;
mod memory;
mod program;
mod state;

use std::{
    hash::{Hash as _, Hasher},
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    path::PathBuf,
    thread,
};

use orrery_host_abi::{Hash, HostCalls};
use wasmtime::{Config, Engine, Module, OptLevel};

use super::{LoadError, TICK, cache::CodeCache};

pub use instance::WasmInstance;
pub use program::{Started, WasmProgram};

/// Stack for the module's own frames. Threads have 2 MiB unless they ask for more, and whatever runs above and
/// below the module (the worker, host calls) must fit as well: half for each. Compiled Rust keeps what it
/// takes the address of in a stack of its own inside the memory, 1 MiB by default, so neither runs out long
/// before the other.
const STACK_BYTES: usize = 1 << 20;

/// Frames of a trap's backtrace. A module's panic machinery takes about eight; endless recursion has no end
/// worth logging.
const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(48).unwrap();

/// Limits and places for all modules of a process.
#[derive(Debug, Clone)]
pub struct WasmConfig {
    /// Where compiled code is kept. None: every program is compiled each time.
    pub cache_dir: Option<PathBuf>,
    /// Memory that one instance may have, in bytes. What it hands to the host in one call is held to the same
    /// number.
    pub memory_limit: u64,
}

impl Default for WasmConfig {
    fn default() -> Self {
        // A quarter of what a 32-bit module can address. Memory is committed as it is touched, so a high limit
        // costs nothing until a module uses it.
        Self { cache_dir: None, memory_limit: 1 << 30 }
    }
}

/// Compiles modules. One for a process; cheap to clone.
#[derive(Clone, Debug)]
pub struct WasmEngine {
    engine: Engine,
    cache: Option<CodeCache>,
    memory_limit: u64,
}

impl WasmEngine {
    /// Starts the engine and the thread that keeps its time. The error says what the machine or the
    /// configuration lacks.
    pub fn new(config: &WasmConfig) -> Result<Self, String> {
        let engine = Engine::new(&wasmtime_config())
            .map_err(|e| format!("the WebAssembly engine cannot start: {e:#}"))?;
        let cache = match &config.cache_dir {
            None => None,
            Some(dir) => Some(CodeCache::open(dir, compiler_hash(&engine)).map_err(|e| {
                format!("the directory `{}` cannot keep compiled modules: {e}", dir.display())
            })?),
        };
        start_ticking(&engine)?;
        Ok(Self { engine, cache, memory_limit: config.memory_limit })
    }

    /// Compiles a module, or takes its code from the cache, and checks that it can run here. `hash` is the hash of
    /// `bytes`.
    pub fn compile<H: HostCalls + Send + 'static>(
        &self,
        hash: Hash,
        bytes: &[u8],
    ) -> Result<WasmProgram<H>, LoadError> {
        let cached = self.cache.as_ref().and_then(|cache| self.compiled_before(cache, hash));
        let module = match cached {
            Some(module) => module,
            None => self.compile_anew(hash, bytes)?,
        };
        abi::check_start_section(bytes)?;
        abi::check_version(&module)?;
        let exports = abi::check_exports(&module)?;
        WasmProgram::link(&self.engine, &module, exports, self.memory_limit)
    }

    fn compiled_before(&self, cache: &CodeCache, hash: Hash) -> Option<Module> {
        let code = cache.load(hash)?;
        // SAFETY: The code comes from `Module::serialize`: a checksum covers all of it, and only this engine writes
        // files with its own hash and such a checksum, into a directory that nobody else may write to. wasmtime
        // compares its own version and settings besides.
        match unsafe { Module::deserialize(&self.engine, code) } {
            Ok(module) => Some(module),
            Err(e) => {
                tracing::warn!("a compiled module does not load: {e:#}");
                None
            }
        }
    }

    fn compile_anew(&self, hash: Hash, bytes: &[u8]) -> Result<Module, LoadError> {
        effort::check(bytes)?;
        // Validation turns bad modules away, so a panic here is a bug of the compiler. Whoever sent the module
        // should still learn that it was not taken, and everybody else should notice nothing.
        let compiled =
            std::panic::catch_unwind(AssertUnwindSafe(|| Module::from_binary(&self.engine, bytes)));
        let module = match compiled {
            Ok(Ok(module)) => module,
            Ok(Err(e)) => return Err(LoadError::Invalid(format!("{e:#}"))),
            Err(_) => return Err(LoadError::Invalid("the compiler gave up on it".to_owned())),
        };
        if let Some(cache) = &self.cache {
            match module.serialize() {
                Ok(code) => cache.store(hash, &code),
                Err(e) => tracing::warn!("a compiled module cannot be kept: {e:#}"),
            }
        }
        Ok(module)
    }
}

fn wasmtime_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES))
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        // Only for unwinders from outside; registering it slows down loading.
        .native_unwind_info(false)
        // Backtraces name functions and not offsets, so the map from machine code to offsets would be unused.
        .generate_address_map(false)
        // Pointers of the contract are 32 bits wide, and lead into the one memory that the module exports.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        // What differs by processor otherwise.
        .relaxed_simd_deterministic(true);
    // Everything else that compilers and `wasm-opt` emit is on by default: bulk memory, sign extension, saturating
    // conversions, multi-value, SIMD, tail calls, references to functions.
    config
}

/// The hash of all that matters to what the compiler makes of a module.
fn compiler_hash(engine: &Engine) -> blake3::Hash {
    let mut compiler = Blake3Hasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut compiler);
    compiler.0.finalize()
}

/// The standard library's hasher promises no stable result; this one does.
struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash is longer than eight bytes"))
    }
}

/// Advances the epoch for as long as anything of the engine is alive.
fn start_ticking(engine: &Engine) -> Result<(), String> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("wasm-epoch".to_owned())
        .spawn(move || {
            // When the machine is busy and a tick comes late, calls get more time than they should. Making up
            // for it with several ticks at once would end calls that have only just begun.
            loop {
                thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })
        .map(drop)
        .map_err(|e| format!("the thread that limits the time of calls cannot start: {e}"))
}
