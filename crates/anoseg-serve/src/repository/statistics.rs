//! What a version did since it was loaded, for the extension `statistics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Counts and times of a version.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    /// Images that were inspected.
    images: AtomicU64,
    /// When the latest one was, in milliseconds since 1970.
    latest: AtomicU64,
    /// Requests with a result, and without one.
    pub(crate) success: Sum,
    pub(crate) fail: Sum,
    /// Requests until they are begun.
    pub(crate) queue: Sum,
    /// Images being decoded, and inspected.
    pub(crate) input: Sum,
    infer: Sum,
    /// Requests whose answer is written.
    pub(crate) output: Sum,
}

/// How often, and how long in all.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Sum {
    pub(crate) fn add(&self, time: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    fn read(&self) -> Total {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Total { count: read(&self.count), ns: read(&self.nanoseconds) }
    }
}

/// A [`Sum`] at some time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Total {
    pub(crate) count: u64,
    /// Nanoseconds.
    pub(crate) ns: u64,
}

/// The statistics of a version at some time, with the protocol's names.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Counted {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) last_inference: u64,
    pub(crate) inference_count: u64,
    pub(crate) execution_count: u64,
    pub(crate) inference_stats: Totals,
    batch_stats: [(); 0],
}

/// The sums of [`Counted`].
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Totals {
    pub(crate) success: Total,
    pub(crate) fail: Total,
    pub(crate) queue: Total,
    pub(crate) compute_input: Total,
    pub(crate) compute_infer: Total,
    pub(crate) compute_output: Total,
}

impl Statistics {
    /// An image was inspected in this time.
    pub(crate) fn inspected(&self, time: Duration) {
        self.infer.add(time);
        self.images.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.latest.store(now.as_millis() as u64, Ordering::Relaxed);
    }

    /// The entry of a version. Images of a request are computed one after the other, each in an execution
    /// of its own.
    pub(crate) fn read(&self, name: &str, version: u64) -> Counted {
        let images = self.images.load(Ordering::Relaxed);
        Counted {
            name: name.to_owned(),
            version: version.to_string(),
            last_inference: self.latest.load(Ordering::Relaxed),
            inference_count: images,
            execution_count: images,
            inference_stats: Totals {
                success: self.success.read(),
                fail: self.fail.read(),
                queue: self.queue.read(),
                compute_input: self.input.read(),
                compute_infer: self.infer.read(),
                compute_output: self.output.read(),
            },
            batch_stats: [],
        }
    }
}
