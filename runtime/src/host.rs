//! What all databases of a server share: engines, caches, limits.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, SystemClock},
    engine::{
        js::{JsConfig, JsEngine},
        wasm::{WasmConfig, WasmEngine},
    },
    log::LogOptions,
    outbound::Outbound,
    store::StoreOptions,
};

/// Limits and places for all databases of a server.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where compiled programs are kept between starts. None: they are compiled at every start.
    pub program_cache: Option<PathBuf>,
    /// How much memory one instance of a module may have, in bytes.
    pub memory_limit: u64,
    /// How long one call may take. For procedures and HTTP handlers only the time counts in which they compute.
    pub time_limit: Duration,
    /// How long a procedure or HTTP handler may take in all: computing, sleeping, and waiting for others.
    pub procedure_limit: Duration,
    /// How long a procedure or HTTP handler may have a transaction open, in which nobody else can write.
    pub transaction_limit: Duration,
    /// How many calls of one database may wait; one more is refused.
    pub queue_capacity: usize,
    /// How many views of one database run at the same time.
    pub view_instances: usize,
    /// How many bytes the answers of one database's views take that are kept because they still hold.
    pub view_cache_bytes: u64,
    /// How many bytes of rows a view may give, in BSATN.
    pub view_limit: u64,
    /// By how many bytes the journal of a database grows before a checkpoint is written. It takes some seconds to
    /// open a database with a journal of 64 MiB, the default.
    pub checkpoint_journal_bytes: u64,
    /// How many bytes the rows of one database may take, without what is kept about them. A call that would make
    /// them take more fails; one that frees some never does.
    pub storage_limit: u64,
    /// How a module's log is kept.
    pub module_log: LogOptions,
    /// How many procedures and HTTP handlers of one database run at the same time.
    pub procedure_instances: usize,
    /// What sends the HTTP requests of procedures. None: they can send none.
    pub outbound: Option<Arc<dyn Outbound>>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for HostConfig {
    /// Limits that suit a small machine.
    fn default() -> Self {
        Self {
            program_cache: None,
            memory_limit: 512 * 1024 * 1024,
            time_limit: Duration::from_secs(30),
            procedure_limit: Duration::from_secs(600),
            transaction_limit: Duration::from_secs(5),
            queue_capacity: 16 * 1024,
            view_instances: 2,
            view_cache_bytes: 64 << 20,
            view_limit: 64 << 20,
            checkpoint_journal_bytes: StoreOptions::default().checkpoint_journal_bytes,
            storage_limit: 2 << 30,
            module_log: LogOptions::default(),
            procedure_instances: 8,
            outbound: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// What all databases of a server share.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    wasm: WasmEngine,
    js: JsEngine,
}

impl Host {
    /// Starts the engines. The error says what the machine lacks.
    pub fn new(config: HostConfig) -> Result<Arc<Self>, String> {
        let wasm = WasmEngine::new(&WasmConfig {
            cache_dir: config.program_cache.clone(),
            memory_limit: config.memory_limit,
        })?;
        let js = JsEngine::new(&JsConfig {
            cache_dir: config.program_cache.clone(),
            memory_limit: config.memory_limit,
        })?;
        Ok(Arc::new(Self { config, wasm, js }))
    }

    /// The limits in force.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// How the stores of all databases behave.
    pub(crate) fn store_options(&self) -> StoreOptions {
        StoreOptions {
            checkpoint_journal_bytes: self.config.checkpoint_journal_bytes,
            ..StoreOptions::default()
        }
    }

    pub(crate) fn wasm(&self) -> &WasmEngine {
        &self.wasm
    }

    pub(crate) fn js(&self) -> &JsEngine {
        &self.js
    }
}
