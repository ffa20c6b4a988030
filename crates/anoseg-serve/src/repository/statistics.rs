//! What a version did since it was loaded, for the extension `statistics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

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

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn json(&self) -> Value {
        json!({ "count": self.count(), "ns": self.nanoseconds.load(Ordering::Relaxed) })
    }
}

impl Statistics {
    /// An image was inspected in this time.
    pub(crate) fn inspected(&self, time: Duration) {
        self.infer.add(time);
        self.images.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.latest.store(now.as_millis() as u64, Ordering::Relaxed);
    }

    /// The entry of a version, as the protocol writes it. Images of a request are computed one after
    /// the other, each in an execution of its own.
    pub(crate) fn json(&self, name: &str, version: u64) -> Value {
        let images = self.images.load(Ordering::Relaxed);
        json!({
            "name": name,
            "version": version.to_string(),
            "last_inference": self.latest.load(Ordering::Relaxed),
            "inference_count": images,
            "execution_count": images,
            "inference_stats": {
                "success": self.success.json(),
                "fail": self.fail.json(),
                "queue": self.queue.json(),
                "compute_input": self.input.json(),
                "compute_infer": self.infer.json(),
                "compute_output": self.output.json(),
            },
            "batch_stats": [],
        })
    }
}
