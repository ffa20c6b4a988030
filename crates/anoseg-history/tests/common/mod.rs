//! Verdicts to write.
#![allow(dead_code, reason = "each test file uses a part")]

use anoseg_history::{History, ImageSummary, ModelKey, Record, Retention, Used};
use anoseg_image::Image;
use anoseg_infer::Decision;

pub(crate) const USED: Used = Used { image: 0.6, review: 0.4, pixel: 0.5 };

/// No limits.
pub(crate) const FOR_EVER: Retention = Retention { age: None, feedback_age: None, bytes: None };

pub(crate) fn model(name: &str) -> ModelKey {
    ModelKey {
        name: name.to_owned(),
        version: "1".to_owned(),
        digest: format!("digest of {name}"),
        network: format!("network of {name}"),
    }
}

/// A summary with a thumbnail of so many bytes, which is no image.
pub(crate) fn summary(bytes: usize) -> ImageSummary {
    ImageSummary { width: 640, height: 480, brightness: 0.4, sharpness: 0.02, thumbnail: vec![7; bytes] }
}

/// Writes a verdict by [`USED`], at this time.
pub(crate) fn write(history: &History, time: i64, name: &str, score: f32) -> i64 {
    write_of(history, &model("token"), time, name, score)
}

pub(crate) fn write_of(history: &History, model: &ModelKey, time: i64, name: &str, score: f32) -> i64 {
    let summary = summary(3000);
    let record = Record { time, ..Record::new(name, model, (USED.decide(score), score), USED, &summary) };
    history.record(&record).unwrap()
}

/// An image file whose content follows from a number.
pub(crate) fn image_file(number: u32) -> Vec<u8> {
    let image = Image::from_fn(40, 30, |x, y| {
        [0, 1, 2].map(|c| ((x * 7 + y * 13 + c * 5 + number as usize * 31) % 97) as f32 / 97.0)
    });
    anoseg_image::write::encode_png(&image)
}

pub(crate) const DECISIONS: [Decision; 3] = [Decision::Good, Decision::Review, Decision::Reject];
