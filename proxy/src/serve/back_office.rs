//! The threads of everything that is not a visitor's request: the store's connections, the ticks, the admin plane. However
//! many requests wait for the visitors' threads, the line moves and its operator is answered. Knows nothing of what runs
//! here.

use std::future::Future;
use std::io;

use anyhow::Context;
use tokio::runtime::{Builder, Handle, Runtime};

/// Two: a long answer of the admin plane keeps no tick waiting.
const THREADS: usize = 2;

/// Dropping it drops what runs here, without waiting for it.
pub struct BackOffice {
    here: Handle,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl BackOffice {
    /// # Errors
    /// No threads are to be had.
    pub fn open() -> io::Result<BackOffice> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("stanchion-line")
            .enable_all()
            .build()?;
        Ok(BackOffice {
            here: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// For what is made here later.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.here.clone()
    }

    /// What `make` spawns and opens lives here.
    pub fn within<T>(&self, make: impl FnOnce() -> T) -> T {
        let _here = self.here.enter();
        make()
    }

    /// Runs here what the caller waits for.
    ///
    /// # Errors
    /// `work`'s own, or that it did not end.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.here.spawn(work).await.context("starting was cut off")?
    }
}

impl Drop for BackOffice {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
