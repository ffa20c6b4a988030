//! What a comparison found.

use std::collections::BTreeSet;

use anoseg_infer::{Analysis, Decision};
use serde::Serialize;

/// Version of the JSON document.
const SCHEMA: u32 = 1;

/// What a comparison found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    schema: u32,
    version: &'static str,
    /// Images that were compared.
    pub images: usize,
    /// Each engine.
    pub engines: Vec<Compared>,
    /// Images that were not compared.
    pub left_out: Vec<NotCompared>,
    /// Images that cannot be read.
    pub unreadable: Vec<NotCompared>,
    /// Why ONNX Runtime was not compared, where it was neither named nor left out on purpose.
    pub missing: Option<String>,
}

/// A report with its result, as a JSON document when serialised.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict<'a> {
    #[serde(flatten)]
    report: &'a Report,
    tolerance: f64,
    agrees: bool,
}

/// An engine compared with native inference.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The engine's name.
    pub engine: &'static str,
    /// Where its library is; None for the one that is part of this program.
    pub library: Option<String>,
    /// Differences of the values of maps, at the images' own size.
    pub map: Difference,
    /// Differences of scores.
    pub score: Difference,
    /// Images with another decision.
    pub changed: Vec<Changed>,
}

/// Differences between values in 0..=1.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Difference {
    /// The largest.
    pub largest: f64,
    /// Their mean.
    pub mean: f64,
    /// The image that has the largest; None while there is no image.
    pub image: Option<String>,
    #[serde(skip)]
    sum: f64,
    #[serde(skip)]
    count: f64,
}

/// An image with another decision in an engine.
#[derive(Clone, Debug, Serialize)]
pub struct Changed {
    /// The image.
    pub image: String,
    /// Native inference.
    pub native: Judged,
    /// The engine.
    pub engine: Judged,
}

/// A score and its decision.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Judged {
    /// The score.
    pub score: f32,
    /// The decision; None without thresholds.
    pub decision: Option<Decision>,
}

/// An image that was not compared.
#[derive(Clone, Debug, Serialize)]
pub struct NotCompared {
    /// The image.
    pub image: String,
    /// Why not.
    pub reason: String,
}

impl Difference {
    /// Adds the differences of an image: their largest, sum and number.
    fn add(&mut self, image: &str, largest: f64, (sum, count): (f64, f64)) {
        if self.image.is_none() || largest > self.largest {
            (self.largest, self.image) = (largest, Some(image.to_owned()));
        }
        (self.sum, self.count) = (self.sum + sum, self.count + count);
        self.mean = self.sum / self.count.max(1.0);
    }
}

impl Compared {
    pub(crate) fn new(engine: &'static str, library: Option<String>) -> Self {
        let (map, score) = (Difference::default(), Difference::default());
        Self { engine, library, map, score, changed: Vec::new() }
    }

    /// Adds the results for an image.
    pub(crate) fn add(&mut self, image: &str, native: &Analysis, found: &Analysis) {
        let pairs = native.map.as_slice().iter().zip(found.map.as_slice());
        let (mut largest, mut sum) = (0.0_f64, 0.0);
        for (a, b) in pairs {
            let difference = f64::from((a - b).abs());
            (largest, sum) = (largest.max(difference), sum + difference);
        }
        self.map.add(image, largest, (sum, native.map.as_slice().len() as f64));
        let difference = f64::from((native.score - found.score).abs());
        self.score.add(image, difference, (difference, 1.0));
    }

    /// Whether no difference is above `tolerance`.
    pub fn is_within(&self, tolerance: f64) -> bool {
        self.map.largest <= tolerance && self.score.largest <= tolerance
    }
}

impl Report {
    pub(crate) fn new(engines: Vec<Compared>, missing: Option<String>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self {
            schema: SCHEMA,
            version,
            images: 0,
            engines,
            left_out: Vec::new(),
            unreadable: Vec::new(),
            missing,
        }
    }

    /// The document with its result: whether it [`agrees`](Report::agrees) within `tolerance`.
    pub fn judged(&self, tolerance: f64) -> Verdict<'_> {
        Verdict { report: self, tolerance, agrees: self.agrees(tolerance) }
    }

    /// Images with another decision in any engine.
    pub fn changed(&self) -> usize {
        let changed = self.engines.iter().flat_map(|engine| &engine.changed);
        changed.map(|changed| &changed.image).collect::<BTreeSet<_>>().len()
    }

    /// Adds an image that was not compared.
    pub(crate) fn leave_out(&mut self, image: &str, reason: &str) {
        self.left_out.push(NotCompared { image: image.to_owned(), reason: reason.to_owned() });
    }

    /// Whether all engines have no difference above `tolerance`, and no other decision.
    pub fn agrees(&self, tolerance: f64) -> bool {
        self.engines.iter().all(|engine| engine.is_within(tolerance) && engine.changed.is_empty())
    }
}
