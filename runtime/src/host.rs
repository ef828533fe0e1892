//! What all databases of a server share: engines, caches, limits.

use std::{path::PathBuf, sync::Arc, time::Duration};

/// Limits and places for all databases of a server.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where compiled programs are kept between starts. None: they are compiled at every start.
    pub program_cache: Option<PathBuf>,
    /// How much memory one instance of a module may have, in bytes.
    pub memory_limit: u64,
    /// How long one call may take.
    pub time_limit: Duration,
    /// How many calls of one database may wait; one more is refused.
    pub queue_capacity: usize,
    /// How many views of one database run at the same time.
    pub view_instances: usize,
}

/// What all databases of a server share.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
}

impl Host {
    /// Starts the engines. The error says what the machine lacks.
    pub fn new(config: HostConfig) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self { config }))
    }

    /// The limits in force.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }
}
