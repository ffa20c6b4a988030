//! What a training's user can expect of the model, in two sentences and the next command.

use std::ffi::OsString;

use anoseg::Calibration;
use anoseg_infer::Rule;

use crate::args::Train;
use crate::shell;

/// A model that rejects a smaller share of synthetic anomalies is expected to miss most defects.
const FEW_REJECTED: f64 = 0.5;

/// The verdict on a model, a line each. `calibrated`: its thresholds come from `anoseg calibrate`.
pub(super) fn lines(calibration: &Calibration, calibrated: bool) -> [String; 2] {
    let promise = false_rejects(calibration, calibrated);
    [format!("expected  {}", detection(calibration)), format!("          {promise}")]
}

/// How many anomalies are rejected. Real defects are of more kinds than synthetic ones.
fn detection(calibration: &Calibration) -> String {
    match calibration.synthetic_rejected {
        None => "How many anomalies are rejected is not known: the settings draw none.".to_owned(),
        Some(share) if share < FEW_REJECTED => format!(
            "Only {} of the images with synthetic anomalies are rejected, and perhaps as few of the real defects: \
             train again with a larger --time, or on more good images.",
            percent(share)
        ),
        Some(share) => format!(
            "{} of the images with synthetic anomalies are rejected; expect it of real defects that resemble them.",
            percent(share)
        ),
    }
}

/// What the number of good images promises.
fn false_rejects(calibration: &Calibration, calibrated: bool) -> String {
    let (n, rate) = (calibration.normal_scores.len(), calibration.false_reject);
    if !calibration.held_out {
        return format!(
            "The thresholds come from the {n} images that were also trained on, and will reject too many good \
             ones: calibrate with others."
        );
    }
    let source = if calibrated { "of a later calibration" } else { "that were held out" };
    let images = format!("The thresholds come from {n} good images {source}");
    match calibration.rule {
        Rule::Conformal => {
            format!("{images}: at most {} of good images like them are rejected.", percent(rate))
        }
        // The threshold is at least the highest of the scores.
        Rule::Gumbel => format!(
            "{images}: at most {} of good images like them are rejected; {} is an estimate, which {} images would guarantee.",
            percent(1.0 / (n as f64 + 1.0)),
            percent(rate),
            calibration.images_needed()
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
            false_reject: 0.01,
            review: 0.05,
            rule,
            held_out: true,
            normal_scores: vec![0.1; n],
            synthetic_rejected,
        }
    }

    #[test]
    fn the_promise_is_that_of_the_number_of_images() {
        let enough = calibration(120, Rule::Conformal, Some(0.876));
        assert!(detection(&enough).starts_with("88 % of the images"));
        assert!(
            false_rejects(&enough, false).contains("120 good images that were held out")
                && false_rejects(&enough, false).contains("at most 1 %")
        );
        assert!(false_rejects(&enough, true).contains("120 good images of a later calibration: at most 1 %"));
        let few = calibration(31, Rule::Gumbel, Some(0.41));
        assert!(detection(&few).starts_with("Only 41 %"));
        let told = false_rejects(&few, false);
        assert!(
            told.contains("at most 3.1 %") && told.contains("1 % is an estimate, which 99 images"),
            "{told}"
        );
        let trained_on = Calibration { held_out: false, ..calibration(8, Rule::Gumbel, None) };
        assert!(false_rejects(&trained_on, false).contains("8 images that were also trained on"));
        assert!(detection(&trained_on).contains("not known"));
    }
}
