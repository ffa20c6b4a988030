//! Whether images and scores are still those that a model was calibrated on, with alarms whose false-alarm
//! rate is stated.
//!
//! Each monitor compares the images that come with a reference: the model's calibration, or its baseline (the
//! first images of the model in the history). It does so in windows that follow each other, of 32 and of 256
//! images. A window of `s` images raises an alarm at a level of `s / (2 N)`. If the images and the reference
//! are exchangeable, each window raises one with at most this probability, so that a monitor raises at most
//! one false alarm in N images on average: expectations add up whatever the dependence between windows on one
//! reference. No distribution is assumed.
//!
//! | monitor | test |
//! |---|---|
//! | score, brightness, sharpness | rank sum, both sides, exact (Mann and Whitney, 1947) |
//! | rejects, reviews, against calibration | beta-binomial: what an order statistic promises of the next images |
//! | rejects, reviews, against the baseline | Fisher's exact test, too many only |
//!
//! Decisions are those of the model's own thresholds on the scores, whatever thresholds a request gave.
//!
//! Scores are compared below the image threshold only: defects that are rejected are no drift, and above a
//! threshold that is one of the calibration scores the rest is still exchangeable.
//!
//! **What few calibration scores can promise.** The false-alarm rate holds for any number of scores, on
//! average over calibrations. Where the few scores lie apart from most others by chance, alarms come in every
//! window: by Markov's inequality that happens to at most 3 of 10,000 calibrations, at one alarm in a million
//! images. What is found depends on the number: 7 scores tell a change of three standard deviations, 200 one of
//! one, and 30 scores tell no share of rejects below a quarter. Monitors against the baseline find smaller
//! changes, but take the first 256 images of the model as right. Images of one lot are more alike than
//! exchangeable ones; where that is so, there are more alarms than stated.

mod counts;
mod monitor;
mod rank;
mod reference;
mod settings;
mod status;

use std::collections::VecDeque;

use anoseg_infer::{Calibration, Decision, TrainingImages};

use self::monitor::{Marks, Values, Verdict};
use self::reference::{Baseline, drawn};
pub use self::settings::Settings;
use self::status::quantiles;
pub use self::status::{Against, Alarm, MonitorStatus, Signal, Status};
use crate::{Error, Filter, History, ModelKey, Reader, Result, ScoreRow, Used};

/// Images of a window, short and long.
pub const WINDOWS: [usize; 2] = [32, 256];

/// Images of a baseline, and of the recent figures in [`Status`].
pub const BASELINE: usize = 256;

/// A monitor and how it stands.
#[derive(Clone, Debug)]
struct Monitor {
    signal: Signal,
    against: Against,
    test: Test,
    statistic: Option<f64>,
    /// Of each size of window.
    raised: [Option<Alarm>; WINDOWS.len()],
    alarms: u64,
}

#[derive(Clone, Debug)]
enum Test {
    Values(Values),
    Marks(Marks),
}

/// Watches the images of one model.
#[derive(Clone, Debug)]
pub struct Drift {
    model: ModelKey,
    settings: Settings,
    used: Used,
    calibration_scores: Vec<f64>,
    training: Option<TrainingImages>,
    baseline: Baseline,
    monitors: Vec<Monitor>,
    recent: VecDeque<ScoreRow>,
}

impl Drift {
    /// Watches a model from its first image on. Takes a part of a second where there are a thousand calibration
    /// scores or more. Thresholds from scores of verdicts are no reference: those were not chosen at random.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(
        model: &ModelKey,
        calibration: &Calibration,
        training: Option<&TrainingImages>,
        settings: Settings,
    ) -> Result<Self> {
        settings.validate()?;
        let mut drift = Self {
            model: model.clone(),
            settings,
            used: Used::from(calibration),
            calibration_scores: calibration.normal_scores.iter().copied().map(f64::from).collect(),
            training: training.cloned(),
            baseline: Baseline::default(),
            monitors: Vec::new(),
            recent: VecDeque::new(),
        };
        // Scores of images that were trained on, and those of other networks, are not like those to come.
        if calibration.is_representative() {
            drift.watch_calibration(calibration);
        }
        Ok(drift)
    }

    /// Watches a model from where the history stands: takes up its stored baseline, or its first verdicts,
    /// and the last ones. The windows begin anew.
    ///
    /// # Errors
    /// A setting is out of range, or the history cannot be read.
    pub fn resume(
        reader: &Reader,
        model: &ModelKey,
        (calibration, training): (&Calibration, Option<&TrainingImages>),
        settings: Settings,
    ) -> Result<Self> {
        let mut drift = Self::new(model, calibration, training, settings)?;
        let stored = reader.baseline(model)?;
        let stored = stored.and_then(|text| serde_json::from_str::<Baseline>(&text).ok());
        if let Some(baseline) = stored.filter(Baseline::is_whole) {
            drift.baseline = baseline;
            drift.watch_baseline();
        }
        let filter = Filter {
            digest: Some(model.digest.clone()),
            model: Some(model.name.clone()),
            ..Filter::default()
        };
        if drift.baseline.is_whole() {
            let mut newest = reader.newest_scores(&filter, BASELINE)?;
            newest.reverse();
            newest.iter().for_each(|row| _ = drift.add(row));
        } else {
            // Fewer than a baseline takes, as a rule.
            reader.scores(&filter, 0, |row| _ = drift.add(&row))?;
        }
        drift.monitors.iter_mut().for_each(|monitor| monitor.alarms = 0);
        Ok(drift)
    }

    /// Takes the next image, and stores the baseline when it becomes whole. Gives the alarms that are raised, and
    /// why the baseline could not be stored.
    pub fn observe(&mut self, history: &History, row: &ScoreRow) -> (Vec<Alarm>, Option<Error>) {
        let before = self.baseline.is_whole();
        let alarms = self.add(row);
        let stored = if before { Ok(()) } else { self.store_baseline(history) };
        (alarms, stored.err())
    }

    /// Stores the baseline, if it is whole.
    ///
    /// # Errors
    /// The history cannot be written.
    pub fn store_baseline(&self, history: &History) -> Result<()> {
        if !self.baseline.is_whole() {
            return Ok(());
        }
        let text = serde_json::to_string(&self.baseline).map_err(|error| Error::value(error.to_string()))?;
        history.set_baseline(&self.model, &text)
    }

    /// The alarms that are raised now, at most one of each size of window for a monitor.
    pub fn raised(&self) -> impl Iterator<Item = &Alarm> {
        self.monitors.iter().flat_map(|monitor| monitor.raised.iter().flatten())
    }

    /// Takes the next image. Gives the alarms that are raised.
    pub fn add(&mut self, row: &ScoreRow) -> Vec<Alarm> {
        let row = &ScoreRow { decision: self.used.decide(row.score), ..row.clone() };
        self.recent.push_back(row.clone());
        if self.recent.len() > BASELINE {
            self.recent.pop_front();
        }
        let mut alarms = Vec::new();
        for monitor in &mut self.monitors {
            monitor.add(row, self.used.image, &mut alarms);
        }
        if !self.baseline.is_whole() {
            self.baseline.add(row, self.used.image);
            if self.baseline.is_whole() {
                self.watch_baseline();
            }
        }
        alarms
    }

    /// How the images stand.
    pub fn status(&self) -> Status {
        let share = |passes: &dyn Fn(&ScoreRow) -> bool| {
            let count = self.recent.iter().filter(|row| passes(row)).count();
            count as f64 / (self.recent.len() as f64).max(1.0)
        };
        let recent = |value: fn(&ScoreRow) -> f64| self.recent.iter().map(value).collect::<Vec<f64>>();
        let whole = self.baseline.is_whole();
        let medians = |recent: Vec<f64>, baseline: &[f64]| {
            [quantiles(recent), whole.then(|| quantiles(baseline.to_vec())).flatten()]
                .map(|q| q.map(|q| q[0]))
        };
        let unlike = |training: &TrainingImages| share(&|row| is_unlike(row, training));
        Status {
            recent: self.recent.len(),
            scores: quantiles(recent(|row| f64::from(row.score))),
            calibration_scores: quantiles(self.calibration_scores.clone()),
            rejected: share(&|row| row.decision == Decision::Reject),
            flagged: share(&|row| row.decision != Decision::Good),
            brightness: medians(recent(|row| row.brightness), &self.baseline.brightness),
            sharpness: medians(recent(|row| row.sharpness), &self.baseline.sharpness),
            unlike_training: self.training.as_ref().map(unlike),
            baseline: [self.baseline.brightness.len(), BASELINE],
            monitors: self.monitors.iter().map(Monitor::status).collect(),
        }
    }

    /// Windows with the level of each, so that one false alarm comes in so many images.
    fn levels(&self) -> [(usize, f64); WINDOWS.len()] {
        let images = self.settings.images_per_false_alarm as f64 * WINDOWS.len() as f64;
        WINDOWS.map(|size| (size, size as f64 / images))
    }

    fn watch_calibration(&mut self, calibration: &Calibration) {
        let levels = self.levels();
        let scores = &calibration.normal_scores;
        let above =
            |threshold: f32| (scores.len(), scores.iter().filter(|&&score| score > threshold).count());
        let below = scores.iter().copied().filter(|&score| score < calibration.image_threshold);
        let values = Values::new(drawn(below.map(f64::from).collect()), &levels);
        let marks =
            |threshold| Test::Marks(Marks::of_threshold(above(threshold), self.settings.defects, &levels));
        let tests = [
            (Signal::Score, Test::Values(values)),
            (Signal::Rejects, marks(calibration.image_threshold)),
            (Signal::Reviews, marks(calibration.review_threshold)),
        ];
        self.monitors.extend(tests.map(|(signal, test)| Monitor::new(signal, Against::Calibration, test)));
    }

    fn watch_baseline(&mut self) {
        let (levels, baseline) = (self.levels(), &self.baseline);
        let values = |values: Vec<f64>| Test::Values(Values::new(values, &levels));
        let marks = |marked| Test::Marks(Marks::of_baseline((BASELINE, marked), &levels));
        let tests = [
            (Signal::Score, values(baseline.scores.iter().copied().map(f64::from).collect())),
            (Signal::Rejects, marks(baseline.rejects)),
            (Signal::Reviews, marks(baseline.reviews)),
            (Signal::Brightness, values(baseline.brightness.clone())),
            (Signal::Sharpness, values(baseline.sharpness.clone())),
        ];
        self.monitors.extend(tests.map(|(signal, test)| Monitor::new(signal, Against::Baseline, test)));
    }
}

impl Monitor {
    fn new(signal: Signal, against: Against, test: Test) -> Self {
        Self { signal, against, test, statistic: None, raised: [None; WINDOWS.len()], alarms: 0 }
    }

    fn add(&mut self, row: &ScoreRow, image_threshold: f32, alarms: &mut Vec<Alarm>) {
        let mut ended = Vec::new();
        match (&mut self.test, self.signal) {
            (Test::Marks(marks), Signal::Rejects) => marks.add(row.decision == Decision::Reject, &mut ended),
            (Test::Marks(marks), _) => marks.add(row.decision != Decision::Good, &mut ended),
            (Test::Values(values), Signal::Brightness) => values.add(row.brightness, &mut ended),
            (Test::Values(values), Signal::Sharpness) => values.add(row.sharpness, &mut ended),
            (Test::Values(values), _) if row.score < image_threshold => {
                values.add(f64::from(row.score), &mut ended);
            }
            _ => {}
        }
        for Verdict { size, statistic, raised } in ended {
            self.statistic = Some(statistic);
            let (signal, against, verdict, time) = (self.signal, self.against, row.id, row.time);
            let alarm = raised.map(|higher| Alarm {
                signal,
                against,
                higher,
                statistic,
                window: size,
                verdict,
                time,
            });
            self.alarms += u64::from(alarm.is_some());
            alarms.extend(alarm);
            let of_size = WINDOWS.iter().zip(&mut self.raised).find(|(window, _)| **window == size);
            of_size.into_iter().for_each(|(_, raised)| *raised = alarm);
        }
    }

    fn status(&self) -> MonitorStatus {
        let can_alarm = match &self.test {
            Test::Values(values) => values.can_alarm(),
            Test::Marks(marks) => marks.can_alarm(),
        };
        let raised = self.raised.iter().flatten().max_by_key(|alarm| alarm.verdict).copied();
        let (signal, against, statistic) = (self.signal, self.against, self.statistic);
        MonitorStatus { signal, against, can_alarm, statistic, raised, alarms: self.alarms }
    }
}

fn is_unlike(row: &ScoreRow, training: &TrainingImages) -> bool {
    let outside = |[least, most]: [usize; 2], value: usize| value < least || value > most;
    let aspect = row.width as f32 / row.height.max(1) as f32;
    // Ratios of stored sizes are exact to rounding.
    let ratio = aspect < training.aspects[0] * 0.999 || aspect > training.aspects[1] * 1.001;
    outside(training.widths, row.width) || outside(training.heights, row.height) || ratio
}
