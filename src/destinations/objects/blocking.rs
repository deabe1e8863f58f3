//! Runs async requests on a background thread. The caller waits for an answer, or continues to write while parts are
//! sent. The caller may be a plain thread or a thread of an async runtime.

use std::future::Future;
use std::sync::mpsc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};

/// An async runtime with one worker thread.
pub struct Background {
    /// The runtime. `None` once it was shut down.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the background thread.
    pub fn start() -> Result<Background> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("objects").enable_all().build();
        let runtime = runtime.map_err(|e| {
            Error::new(Kind::Internal, format!("the thread for requests cannot be started: {e}")).caused_by(&e)
        })?;
        Ok(Background { runtime: Some(runtime) })
    }

    /// Starts `work` on the background thread, and does not wait for it.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        Ok(runtime.spawn(work))
    }

    /// Runs `work` on the background thread, and waits for its result.
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
        // Dropping the runtime would wait for it, and panics on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn ended() -> Error {
    Error::new(Kind::Internal, "the thread for requests has ended")
}
