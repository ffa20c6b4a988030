//! The threads that a model computes on.

use std::sync::Arc;

use crate::{Error, Result};

/// A pool of threads for [`Model::with_threads`](crate::Model::with_threads). Clones share it.
///
/// ```
/// let threads = anoseg_infer::Threads::new(2)?;
/// assert_eq!(threads.count(), 2);
/// # Ok::<(), anoseg_infer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Threads {
    pool: Arc<rayon::ThreadPool>,
}

impl Threads {
    /// `count` threads; 0 = one for each processor.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(count: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
        let pool = pool.map_err(|source| Error::Threads { source: Box::new(source) })?;
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Starts the process's global pool, on which models compute that are not given threads: one for
    /// each processor, or as many as `RAYON_NUM_THREADS` says. It must not be running yet.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start_global() -> Result<()> {
        Self::start_global_of(0)
    }

    /// As [`Threads::start_global`], of `count` threads; 0 = as many as without a number.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start_global_of(count: usize) -> Result<()> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build_global();
        pool.map_err(|source| Error::Threads { source: Box::new(source) })
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` on these threads.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}
