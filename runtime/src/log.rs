//! A module's log: lines of JSON in a file, and live to those who follow.

use bytes::Bytes;

/// The log of one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ModuleLog {}

impl ModuleLog {
    /// The last `lines` lines (all if none is given), each a JSON object with a newline.
    pub async fn tail(&self, lines: Option<usize>) -> std::io::Result<Bytes> {
        let _ = lines;
        unimplemented!()
    }

    /// New lines as they come. A reader that is too slow misses some.
    pub fn follow(&self) -> tokio::sync::broadcast::Receiver<Bytes> {
        unimplemented!()
    }
}
