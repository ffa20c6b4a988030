//! What a training's user can expect of the model, in two sentences and the next command.

use std::ffi::OsString;

use anoseg::{Calibration, Description};
use anoseg_infer::{Rule, images_to_be_sure};

use crate::args::Train;
use crate::{console, shell};

/// The verdict on a model with these thresholds, a line each. `calibrated`: they come from
/// `anoseg calibrate`.
pub(super) fn lines(model: &Description, calibration: &Calibration, calibrated: bool) -> [String; 2] {
    let detection = detection(model, calibration);
    [format!("expected  {detection}"), format!("          {}", false_rejects(calibration, calibrated))]
}

/// How many anomalies are rejected. Real defects are of more kinds than synthetic ones.
fn detection(model: &Description, calibration: &Calibration) -> String {
    match (model.detection_caution(), calibration.synthetic_rejected) {
        (Some(caution), _) => format!("{}.", console::capitalised(&caution)),
        (None, None) => "How many anomalies are rejected is not known: the settings draw none.".to_owned(),
        (None, Some(share)) => format!(
            "{} of the images with synthetic anomalies are rejected; expect it of real defects that resemble them.",
            percent(share)
        ),
    }
}

/// What the number of good images promises. The guarantee is an average over all choices of as many good
/// images: of one choice, more may be rejected.
fn false_rejects(calibration: &Calibration, calibrated: bool) -> String {
    let (n, rate) = (calibration.normal_scores.len(), calibration.false_reject);
    if !calibration.held_out {
        return format!(
            "The thresholds come from the {n} images that were also trained on, and will reject too many good \
             ones: calibrate with others."
        );
    }
    if calibration.verdicts.is_some() {
        return format!(
            "The thresholds come from the scores of {n} verdicts: no rate of good images rejected is guaranteed."
        );
    }
    if let Some(folds) = calibration.folds {
        return format!(
            "The thresholds come from the {n} training images, each scored by the one of {folds} networks that was not \
             trained on it: rejecting {} of good images like them is aimed at, not guaranteed, as a calibration with {} \
             other good images would.",
            percent(rate),
            calibration.images_needed()
        );
    }
    let source = if calibrated { "of a later calibration" } else { "that were held out" };
    let images = format!("The thresholds come from {n} good images {source}");
    let sure = calibration
        .sure_rate()
        .map_or_else(String::new, |rate| format!(", and with 95 % confidence at most {}", at_most(rate)));
    match calibration.rule {
        Rule::Conformal => format!(
            "{images}: on average at most {} of good images like them are rejected{sure}.",
            at_most(rate)
        ),
        // The threshold is at least the highest of the scores.
        Rule::Gumbel => format!(
            "{images}: on average at most {} of good images like them are rejected{sure}; {} is an estimate, which {} \
             images would guarantee on average, and {} with 95 % confidence.",
            at_most(1.0 / (n as f64 + 1.0)),
            percent(rate),
            calibration.images_needed(),
            images_to_be_sure(rate)
        ),
    }
}

/// The line with the command that tells or uses most: a calibration where the thresholds cannot be
/// relied on, an evaluation where the folder of the training `has_tests`, and otherwise an inspection.
pub(super) fn next_step(calibration: &Calibration, options: &Train, has_tests: bool) -> String {
    let model = shell::not_an_option(&options.output);
    let mut arguments: Vec<OsString> = Vec::new();
    if !calibration.held_out {
        arguments.extend(["calibrate".into(), model, "OTHER_GOOD_IMAGES".into()]);
    } else if has_tests {
        arguments.extend(["eval".into(), model, shell::not_an_option(&options.data)]);
        let layout = options.data_options.layout.map(|layout| ["--layout".into(), layout.to_string().into()]);
        arguments.extend(layout.into_iter().flatten());
        arguments.extend(["--report".into(), "report.html".into()]);
    } else {
        arguments.extend(["predict".into(), model, "NEW_IMAGES".into(), "-o".into(), "verdicts".into()]);
    }
    format!("next      {}", shell::command_of_program(&arguments))
}

/// A bound in percent, with one decimal at most, rounded up.
fn at_most(share: f64) -> String {
    // A little less, so that 1 % stays 1 %.
    let tenths = (1000.0 * share - 1e-9).ceil();
    format!("{} %", tenths / 10.0)
}

/// A share in percent, without decimals that say nothing.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = usize::from(percent < 10.0 && (percent - percent.round()).abs() > 0.05);
    format!("{percent:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anoseg::RegionFilter;

    fn calibration(n: usize, rule: Rule, synthetic_rejected: Option<f64>) -> Calibration {
        Calibration {
            image_threshold: 0.5,
            review_threshold: 0.2,
            pixel_threshold: 0.5,
            regions: RegionFilter::default(),
            regions_if_not_good: None,
            false_reject: 0.01,
            review: 0.05,
            rule,
            held_out: true,
            folds: None,
            normal_scores: vec![0.1; n],
            synthetic_rejected,
            calibrated_on: Vec::new(),
            verdicts: None,
        }
    }

    /// One in eight was once called at most 12 %.
    #[test]
    fn bounds_are_rounded_up() {
        assert_eq!(at_most(1.0 / 8.0), "12.5 %");
        assert_eq!(at_most(1.0 / 17.0), "5.9 %");
        assert_eq!(at_most(1.0 / 32.0), "3.2 %");
        assert_eq!(at_most(0.01), "1 %");
        assert_eq!(at_most(0.0005), "0.1 %");
    }

    #[test]
    fn the_promise_is_that_of_the_number_of_images() {
        let enough = false_rejects(&calibration(120, Rule::Conformal, Some(0.876)), false);
        assert!(enough.contains("120 good images") && enough.contains("on average at most 1 %"), "{enough}");
        // The threshold is the highest of 120 scores.
        assert!(enough.ends_with("and with 95 % confidence at most 2.5 %."), "{enough}");
        let later = false_rejects(&calibration(120, Rule::Conformal, None), true);
        assert!(later.contains("120 good images of a later calibration"), "{later}");
        let told = false_rejects(&calibration(31, Rule::Gumbel, Some(0.41)), false);
        assert!(
            told.contains("at most 3.2 %") && told.contains("1 % is an estimate, which 99 images"),
            "{told}"
        );
        assert!(
            told.contains("95 % confidence at most 9.3 %") && told.contains("and 299 with 95 %"),
            "{told}"
        );
        let of_folds = Calibration { folds: Some(4), ..calibration(31, Rule::Gumbel, None) };
        let told = false_rejects(&of_folds, false);
        assert!(told.contains("31 training images") && told.contains("not guaranteed"), "{told}");
        let trained_on = Calibration { held_out: false, ..calibration(8, Rule::Gumbel, None) };
        assert!(false_rejects(&trained_on, false).contains("8 images that were also trained on"));
    }
}
