//! The result of a test in one or two sentences.

use crate::format::{count, percent};
use anoseg_infer::Decision;

use crate::model::ReportImage;

/// The result in words: "Trained on 209 good images. Calibrated for a false-reject rate of 1.0 %,
/// it rejects 1 of 20 good images and finds 61 of 63 defective ones."
///
/// `false_reject` is the rate (0..=1) the thresholds were calibrated for. Only rejected images
/// count as found; those sent to review are counted separately. Without test images the second
/// sentence says so.
pub fn plain_summary(training_images: u64, false_reject: f64, images: &[ReportImage]) -> String {
    let trained = format!("Trained on {}.", counted(training_images, "good"));
    let (defective, good): (Vec<&ReportImage>, Vec<&ReportImage>) =
        images.iter().partition(|i| i.is_defective());
    let rejected =
        |of: &[&ReportImage]| count(of.iter().filter(|i| i.decision == Decision::Reject).count() as u64);
    let mut outcome = Vec::new();
    if !good.is_empty() {
        outcome.push(format!("rejects {} of {}", rejected(&good), counted(good.len() as u64, "good")));
    }
    if !defective.is_empty() {
        let all = if good.is_empty() {
            counted(defective.len() as u64, "defective")
        } else {
            format!(
                "{} defective {}",
                count(defective.len() as u64),
                if defective.len() == 1 { "one" } else { "ones" }
            )
        };
        outcome.push(format!("finds {} of {all}", rejected(&defective)));
    }
    if outcome.is_empty() {
        return format!("{trained} There are no test images, so its accuracy is unknown.");
    }
    let mut text = format!(
        "{trained} Calibrated for a false-reject rate of {}, it {}.",
        percent(false_reject),
        outcome.join(" and ")
    );
    let review = images.iter().filter(|i| i.decision == Decision::Review).count() as u64;
    if review > 0 {
        let noun = if review == 1 { "image" } else { "images" };
        text.push_str(&format!(" It sends {} {noun} to review.", count(review)));
    }
    text
}

/// A number of images of a kind, such as "3 good images".
fn counted(n: u64, kind: &str) -> String {
    format!("{} {kind} {}", count(n), if n == 1 { "image" } else { "images" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several(defect: &str, decision: Decision, n: usize) -> Vec<ReportImage> {
        let image = ReportImage {
            name: "a.png".into(),
            defect: defect.into(),
            score: 0.0,
            decision,
            image: None,
            anomaly_map: None,
            contours: None,
        };
        vec![image; n]
    }

    #[test]
    fn says_what_happened() {
        let all = [
            several("good", Decision::Good, 19),
            several("good", Decision::Reject, 1),
            several("crack", Decision::Reject, 61),
            several("crack", Decision::Good, 2),
        ]
        .concat();
        assert_eq!(
            plain_summary(209, 0.01, &all).replace('\u{a0}', " "),
            "Trained on 209 good images. Calibrated for a false-reject rate of 1.0 %, it rejects 1 of 20 good images \
             and finds 61 of 63 defective ones."
        );
    }

    #[test]
    fn names_review_and_what_is_missing() {
        let text = plain_summary(1, 0.01, &several("crack", Decision::Review, 2));
        assert!(text.starts_with("Trained on 1 good image."), "{text}");
        assert!(text.ends_with("finds 0 of 2 defective images. It sends 2 images to review."), "{text}");
        assert!(plain_summary(5, 0.01, &[]).contains("no test images"));
    }
}
