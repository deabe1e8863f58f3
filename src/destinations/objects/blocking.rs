//! The thread that requests run on. The caller waits for an answer, or goes on writing while parts are under way; it may
//! itself be a plain thread or one that a runtime works on.

use std::future::Future;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};

/// A runtime of one thread.
pub struct Background {
    /// Taken when it ends.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts it.
    pub fn start() -> Result<Background> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("objects").enable_all().build();
        let runtime = runtime
            .map_err(|e| Error::new(Kind::Internal, format!("the thread for requests cannot be started: {e}")))?;
        Ok(Background { runtime: Some(runtime) })
    }

    /// Begins `work`, which goes on by itself.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        Ok(runtime.spawn(work))
    }

    /// Does `work` and waits for it.
    pub fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let (done, result) = mpsc::sync_channel(1);
        self.spawn(async move {
            let _ = done.send(work.await);
        })?;
        result.recv().map_err(|_| ended())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Waiting for it here would panic where a runtime works on this thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn ended() -> Error {
    Error::new(Kind::Internal, "the thread for requests has ended")
}
