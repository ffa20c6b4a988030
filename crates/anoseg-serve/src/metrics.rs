//! Figures for Prometheus. Labels have few values: routes of the router, names of loaded models.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anoseg::Decision;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::drift;
use crate::repository::Served;

/// A label with its value.
pub(crate) type Label = (&'static str, String);

/// All figures. Cloning is not needed; the server shares one.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<[Label; 2], Counter>,
    failures: Family<[Label; 1], Counter>,
    decisions: Family<[Label; 2], Counter>,
    queue: Gauge,
    batch: Histogram,
    decode: Histogram,
    network: Histogram,
    total: Family<[Label; 1], Histogram, fn() -> Histogram>,
    changes: Family<[Label; 1], Counter>,
    models: Family<[Label; 4], Gauge<u64, AtomicU64>>,
    drift: drift::Figures,
    /// Held while the text is made: figures of models are written anew each time.
    writing: Mutex<()>,
}

/// Upper bounds of the times, in seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 10.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("anoseg"),
            requests: Family::default(),
            failures: Family::default(),
            decisions: Family::default(),
            queue: Gauge::default(),
            batch: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]),
            decode: seconds(),
            network: seconds(),
            total: Family::new_with_constructor(seconds),
            changes: Family::default(),
            models: Family::default(),
            drift: drift::Figures::default(),
            writing: Mutex::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Answered requests by route and status", metrics.requests.clone());
        registry.register("failures", "Requests that failed, by reason", metrics.failures.clone());
        registry.register("decisions", "Decisions on images, by model", metrics.decisions.clone());
        registry.register("queue_length", "Requests that wait to be computed", metrics.queue.clone());
        registry.register("batch_size", "Images of a request", metrics.batch.clone());
        registry.register("decode_seconds", "Time to decode an image", metrics.decode.clone());
        registry.register("network_seconds", "Time to inspect a decoded image", metrics.network.clone());
        registry.register("request_seconds", "Time from a request to its answer", metrics.total.clone());
        registry.register("model_changes", "Models loaded, unloaded and refused", metrics.changes.clone());
        registry.register("model_info", "Models that are loaded", metrics.models.clone());
        metrics.drift.register(registry);
        metrics
    }

    /// An answered request.
    pub(crate) fn answered(&self, route: &str, status: u16, time: Duration) {
        let route = || ("route", route.to_owned());
        self.requests.get_or_create(&[route(), ("status", status.to_string())]).inc();
        self.total.get_or_create(&[route()]).observe(time.as_secs_f64());
    }

    /// A request that failed, by the name of the reason.
    pub(crate) fn failed(&self, reason: &str) {
        self.failures.get_or_create(&[("reason", reason.to_owned())]).inc();
    }

    /// A request of so many images begins to be computed.
    pub(crate) fn began(&self, images: usize) {
        self.batch.observe(images as f64);
    }

    pub(crate) fn decoded(&self, time: Duration) {
        self.decode.observe(time.as_secs_f64());
    }

    pub(crate) fn inspected(&self, model: &str, decision: Decision, time: Duration) {
        self.network.observe(time.as_secs_f64());
        let labels = [("model", escaped(model)), ("decision", decision.name().to_owned())];
        self.decisions.get_or_create(&labels).inc();
    }

    /// A model was loaded, unloaded or refused.
    pub(crate) fn changed(&self, what: &str) {
        self.changes.get_or_create(&[("change", what.to_owned())]).inc();
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// None is known.
    pub(crate) fn text(
        &self,
        waiting: usize,
        served: &[Arc<Served>],
        drift: anoseg_history::drift::Settings,
    ) -> Result<String, fmt::Error> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.queue.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.models.clear();
        self.drift.clear();
        for served in served {
            let labels = [
                ("model", escaped(&served.name)),
                ("version", served.version.to_string()),
                ("preset", escaped(&served.model.description().preset)),
                ("digest", served.digest.clone()),
            ];
            self.models.get_or_create(&labels).set(1);
            self.drift.add(served, drift);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A label's value, which the encoder writes as it is.
pub(crate) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_do_not_end_them() {
        let metrics = Metrics::new();
        metrics.inspected("a\"b\\c", Decision::Good, Duration::ZERO);
        let text = metrics.text(3, &[], anoseg_history::drift::Settings::default()).unwrap();
        assert!(text.contains(r#"anoseg_decisions_total{model="a\"b\\c",decision="good"} 1"#), "{text}");
        assert!(text.contains("anoseg_queue_length 3\n"), "{text}");
    }
}
