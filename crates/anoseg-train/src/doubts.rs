//! What makes the figures of a test run doubtful.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anoseg_image::Mask;
use anoseg_image::dataset::{self, display_name};
use anoseg_infer::{Description, InspectionWarning};
use anoseg_metrics::EvaluatedImage;

use crate::evaluate::Judged;

/// Above this score a map is saturated: values differ in late decimals only.
const SATURATED: f32 = 0.999;

/// Collects what is doubtful while the test images pass by.
pub(crate) struct Doubts<'a> {
    trained_on: HashSet<&'a str>,
    calibrated_on: HashSet<&'a str>,
    /// Test images among either.
    trained: usize,
    calibrated: usize,
    /// By the code of a warning: how many images have it, and the first of them.
    warnings: BTreeMap<&'static str, (usize, String)>,
    /// The share of the image in which defects count, where it is not all of it.
    region: Option<f64>,
    /// Images whose ground truth lies outside of it.
    outside: usize,
}

impl<'a> Doubts<'a> {
    /// For a model of this description.
    pub(crate) fn new(description: &'a Description) -> Self {
        let set = |digests: &'a [String]| digests.iter().map(String::as_str).collect();
        let calibrated_on = description.calibration.as_ref().map_or(&[][..], |it| &it.calibrated_on);
        Self {
            trained_on: set(&description.provenance.trained_on),
            calibrated_on: set(calibrated_on),
            trained: 0,
            calibrated: 0,
            warnings: BTreeMap::new(),
            region: None,
            outside: 0,
        }
    }

    /// Adds a test image: its file, the digest of that, and the model's warnings.
    pub(crate) fn add(&mut self, path: &Path, digest: &str, warnings: &[InspectionWarning]) {
        self.trained += usize::from(self.trained_on.contains(digest));
        self.calibrated += usize::from(self.calibrated_on.contains(digest));
        for warning in warnings {
            let first = || (0, format!("{}: {warning}", display_name(path)));
            self.warnings.entry(warning.code()).or_insert_with(first).0 += 1;
        }
    }

    /// Adds a test image whose file has further images, which are not inspected.
    pub(crate) fn add_further_images(&mut self, path: &Path) {
        self.warnings.entry("further_pages").or_insert_with(|| (0, display_name(path))).0 += 1;
    }

    /// Adds where on a test image defects count.
    pub(crate) fn add_region(&mut self, image: &EvaluatedImage, inside: Option<&Mask>) {
        let Some(inside) = inside else { return };
        self.region = Some(inside.count() as f64 / inside.as_slice().len().max(1) as f64);
        let Some(truth) = &image.mask else { return };
        let mut both = truth.as_slice().iter().zip(inside.as_slice());
        self.outside += usize::from(truth.any() && !both.any(|(defect, inside)| *defect && *inside));
    }

    /// The doubts about the figures of these images, a sentence each without its full stop.
    pub(crate) fn lines(&self, judged: &[Judged]) -> Vec<String> {
        let of = |count: usize| format!("{count} of {} test images", judged.len());
        let were = |count: usize| if count == 1 { "was" } else { "were" };
        let mut lines = Vec::new();
        lines.extend(self.region.map(outside_left_out));
        if self.outside > 0 {
            let (count, have) = (of(self.outside), if self.outside == 1 { "has its" } else { "have their" });
            lines.push(format!(
                "{count} {have} defect outside the region of interest: they count as defective in the figures of images"
            ));
        }
        if self.trained > 0 {
            let (count, were) = (of(self.trained), were(self.trained));
            lines.push(format!("{count} {were} trained on: the figures are better than on new images"));
        }
        if self.calibrated > 0 {
            let (count, were) = (of(self.calibrated), were(self.calibrated));
            lines.push(format!(
                "{count} {were} used for the thresholds: the share of good images rejected is lower than on new ones"
            ));
        }
        for (code, (count, first)) in &self.warnings {
            lines.push(format!("{} {}, such as {first}", of(*count), InspectionWarning::summary(code)));
        }
        lines.extend(ties(judged));
        lines
    }
}

/// What the figures of pixels leave out.
fn outside_left_out(share: f64) -> String {
    format!(
        "defects count in {:.0} % of the image, the region of interest: the figures of pixels leave out the rest",
        100.0 * share
    )
}

/// A remark where the scores hardly rank the images.
fn ties(judged: &[Judged]) -> Option<String> {
    let mut levels: BTreeMap<u32, Vec<&Judged>> = BTreeMap::new();
    judged.iter().for_each(|image| levels.entry(image.score.to_bits()).or_default().push(image));
    let level = levels.values().max_by_key(|images| images.len())?;
    let (tied, all, score) = (level.len(), judged.len(), level[0].score);
    let good =
        |images: &mut dyn Iterator<Item = &Judged>| images.filter(|it| it.defect == dataset::GOOD).count();
    let tied_good = good(&mut level.iter().copied());
    if tied == all && all > 1 {
        return Some(format!(
            "all {all} test images have the same score, {score}: it tells nothing apart, and the figures of whole \
             images say nothing"
        ));
    }
    if 2 * tied > all && tied_good > 0 && tied_good < tied {
        return Some(format!(
            "{tied} of {all} test images have the same score, {score}, good and defective ones: it does not tell \
             these apart"
        ));
    }
    let saturated = judged.iter().all(|image| image.score > SATURATED);
    (saturated && good(&mut judged.iter()) > 0).then(|| {
        format!(
            "all {all} test images score above {SATURATED}, the good ones too: the images differ from those of the \
             training, or it was too short"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anoseg_infer::Decision;

    fn judged(scores: &[(&str, f32)]) -> Vec<Judged> {
        let image = |&(defect, score): &(&str, f32)| Judged {
            path: "a.png".into(),
            defect: defect.to_owned(),
            score,
            decision: Decision::Good,
            map: None,
        };
        scores.iter().map(image).collect()
    }

    /// Equal scores were shown as an AUROC of 50 % with an interval from 50 to 50, and no more.
    #[test]
    fn scores_that_tell_nothing_apart_are_named() {
        let told = |scores: &[(&str, f32)]| ties(&judged(scores)).unwrap_or_default();
        assert!(
            told(&[("good", 1.0), ("hole", 1.0)]).starts_with("all 2 test images have the same score, 1:")
        );
        assert!(told(&[("good", 1.0), ("hole", 1.0), ("good", 0.2)]).starts_with("2 of 3 test images"));
        assert!(told(&[("good", 0.9999), ("hole", 0.99995)]).contains("score above 0.999"));
        for fine in
            [&[("good", 0.1), ("hole", 1.0), ("hole", 1.0)][..], &[("hole", 0.9999), ("hole", 1.0)], &[]]
        {
            assert_eq!(told(fine), "");
        }
    }
}
