//! Figures of drift for Prometheus. All are those of the versions that are served.

use std::sync::atomic::AtomicU64;

use anoseg_history::drift::{Settings, Status};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{against, signal};
use crate::metrics::{Label, escaped};
use crate::repository::Served;

/// A number with so many labels.
type Number<const LABELS: usize> = Family<[Label; LABELS], Gauge<f64, AtomicU64>>;

/// Quantiles of [`Status::scores`].
const QUANTILES: [&str; 3] = ["0.5", "0.9", "0.99"];

/// All figures.
#[derive(Default)]
pub(crate) struct Figures {
    scores: Number<4>,
    shares: Number<4>,
    brightness: Number<3>,
    sharpness: Number<3>,
    unlike: Number<2>,
    images: Number<3>,
    stated: Number<2>,
    raised: Number<4>,
    can_alarm: Number<4>,
    alarms: Family<[Label; 4], Counter>,
}

impl Figures {
    /// In a registry of their own, whose prefix names them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("drift");
        registry.register("score", "Quantiles of scores, recent and of the calibration", self.scores.clone());
        let help =
            "Shares of images rejected (rejects), and rejected or to review (reviews), recent and calibrated";
        registry.register("share", help, self.shares.clone());
        registry.register("brightness", "Median, recent and of the baseline", self.brightness.clone());
        registry.register("sharpness", "Median, recent and of the baseline", self.sharpness.clone());
        let help = "Share of the recent images whose sides no training image had";
        registry.register("unlike_training", help, self.unlike.clone());
        let help = "Images of the recent figures, and of the baseline so far";
        registry.register("images", help, self.images.clone());
        let help = "A monitor raises at most one false alarm in so many images, on average";
        registry.register("images_per_false_alarm", help, self.stated.clone());
        registry.register("alarm", "Whether the alarm of a monitor is raised", self.raised.clone());
        let help = "Whether the reference of a monitor is large enough for an alarm";
        registry.register("can_alarm", help, self.can_alarm.clone());
        let help = "Windows that raised an alarm since the version is watched";
        registry.register("alarms", help, self.alarms.clone());
    }

    /// Takes out the figures of versions that were served before.
    pub(crate) fn clear(&self) {
        let Self { scores, shares, brightness, sharpness, unlike, images, stated, raised, can_alarm, alarms } =
            self;
        [scores, shares, raised, can_alarm].into_iter().for_each(Number::clear);
        [brightness, sharpness, images].into_iter().for_each(Number::clear);
        [unlike, stated].into_iter().for_each(Number::clear);
        alarms.clear();
    }

    /// Adds the figures of a version, if it is watched.
    pub(crate) fn add(&self, served: &Served, settings: Settings) {
        let Some(watch) = &served.drift else { return };
        let status = watch.status();
        let of = Of(served);
        let recent = [("recent", status.scores), ("calibration", status.calibration_scores)];
        for (source, quantiles) in recent {
            for (quantile, value) in QUANTILES.into_iter().zip(quantiles.into_iter().flatten()) {
                of.set(&self.scores, [("of", source), ("quantile", quantile)], value);
            }
        }
        if status.recent > 0 {
            of.set(&self.shares, [("signal", "rejects"), ("of", "recent")], status.rejected);
            of.set(&self.shares, [("signal", "reviews"), ("of", "recent")], status.flagged);
        }
        if let Some(calibration) = &served.model.description().calibration {
            of.set(&self.shares, [("signal", "rejects"), ("of", "calibrated")], calibration.false_reject);
            of.set(&self.shares, [("signal", "reviews"), ("of", "calibrated")], calibration.review);
        }
        for (figure, medians) in [(&self.brightness, status.brightness), (&self.sharpness, status.sharpness)]
        {
            for (source, value) in ["recent", "baseline"].into_iter().zip(medians) {
                value.into_iter().for_each(|value| of.set(figure, [("of", source)], value));
            }
        }
        status.unlike_training.into_iter().for_each(|share| of.set(&self.unlike, [], share));
        of.set(&self.images, [("of", "recent")], status.recent as f64);
        of.set(&self.images, [("of", "baseline")], status.baseline[0] as f64);
        of.set(&self.stated, [], settings.images_per_false_alarm as f64);
        self.add_monitors(&of, &status);
    }

    fn add_monitors(&self, of: &Of<'_>, status: &Status) {
        for monitor in &status.monitors {
            let labels = [("signal", signal(monitor.signal)), ("against", against(monitor.against))];
            of.set(&self.raised, labels, f64::from(u8::from(monitor.raised.is_some())));
            of.set(&self.can_alarm, labels, f64::from(u8::from(monitor.can_alarm)));
            self.alarms.get_or_create(&of.labels(labels)).inc_by(monitor.alarms);
        }
    }
}

/// The version that figures are of.
struct Of<'a>(&'a Served);

impl Of<'_> {
    fn set<const LABELS: usize, const FURTHER: usize>(
        &self,
        figure: &Number<LABELS>,
        further: [(&'static str, &str); FURTHER],
        value: f64,
    ) {
        figure.get_or_create(&self.labels(further)).set(value);
    }

    /// Model and version, and further labels; as many as the figure has.
    fn labels<const LABELS: usize, const FURTHER: usize>(
        &self,
        further: [(&'static str, &str); FURTHER],
    ) -> [Label; LABELS] {
        const { assert!(LABELS == FURTHER + 2) };
        let own = [("model", escaped(&self.0.name)), ("version", self.0.version.to_string())];
        let mut all = own.into_iter().chain(further.map(|(name, value)| (name, value.to_owned())));
        std::array::from_fn(|_| all.next().unwrap_or_default())
    }
}
