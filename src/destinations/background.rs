//! The one bridge between this program's destinations, which wait, and libraries that are async. A destination is fed
//! from a thread that may belong to an async runtime or to none. Its library runs on a thread of its own, so that a
//! connection lives on while the run reads for hours, and parts are sent while the caller writes on.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};

/// An async runtime with one worker thread.
pub struct Background {
    /// The runtime. `None` once it was shut down.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the background thread. `name` is the thread's name.
    pub fn start(name: &str) -> Result<Background> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
        let runtime = runtime.map_err(|e| {
            Error::new(Kind::Internal, format!("the thread for {name} cannot be started: {e}")).caused_by(&e)
        })?;
        Ok(Background { runtime: Some(runtime) })
    }

    /// Starts `work` on the background thread, and does not wait for it.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        Ok(runtime.spawn(work))
    }

    /// Runs `work` on the background thread, and waits for its result.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        wait(self.spawn(work)?).map_err(|_| ended())
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

/// Waits on this thread for a future that needs no runtime, because the background thread does its work. (A runtime's
/// own `block_on` refuses to wait on a thread of another runtime, and a run checks its destinations on such a thread.)
pub fn wait<F: Future>(future: F) -> F::Output {
    futures_executor::block_on(future)
}

fn ended() -> Error {
    Error::new(Kind::Internal, "the background thread has ended")
}
