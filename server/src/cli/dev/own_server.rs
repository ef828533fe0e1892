//! A server for one project, for as long as somebody works on it.

use std::{net::SocketAddr, path::Path};

use anyhow::{Result, anyhow};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::cli::{
    build::own_folder,
    start::{Start, default_data_dir},
};

/// A server in this process.
pub(super) struct OwnServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<()>>,
}

impl OwnServer {
    /// Starts one that keeps its data in the project, and waits until it answers.
    ///
    /// The keys that sign tokens are those of `orrery start`: both are at the same address, one after the other, and
    /// who has a token of one is to be the same for the other.
    pub(super) fn start(runtime: &Runtime, root: &Path, address: Option<&str>) -> Result<Self> {
        let mut arguments = vec![
            "--data-dir".into(),
            own_folder(root)?.join("server").into(),
            "--jwt-key-dir".into(),
            default_data_dir()?.into(),
        ];
        if let Some(address) = address {
            arguments.extend(["--listen-addr".into(), address.into()]);
        }
        let start = Start::with_arguments(&arguments)?;
        start.init_logging();
        let (stop, stopped) = oneshot::channel::<()>();
        let (listening, address) = oneshot::channel();
        let serving = runtime.spawn(start.serve(
            async {
                // Dropped or sent to, it means the same.
                let _ = stopped.await;
            },
            |address| {
                let _ = listening.send(address);
            },
        ));
        match runtime.block_on(address) {
            Ok(address) => Ok(Self { address, stop, serving }),
            Err(_) => {
                runtime.block_on(serving)??;
                Err(anyhow!("the server has ended at once"))
            }
        }
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets it finish what it is doing.
    pub(super) fn stop(self, runtime: &Runtime) -> Result<()> {
        let _ = self.stop.send(());
        runtime.block_on(self.serving)?
    }
}
