//! `anoseg calibrate`.

use anoseg::evaluation::{CalibrationSettings, calibrate};
use anoseg::{Model, TrainError};
use anoseg_image::{Image, Limits, dataset, decode};
use anyhow::Result;

use crate::args::Calibrate;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Calibrate) -> Result<Outcome> {
    let mut model = Model::load(&options.model)?;
    let paths = dataset::list_images(&options.normals)?;
    let (mut normals, mut failures): (Vec<Image>, Vec<_>) = (Vec::new(), Vec::new());
    for path in &paths {
        match decode::load(path, &Limits::default()) {
            Ok(image) => normals.push(model.prepare(&image)),
            Err(error) => failures.push(error),
        }
    }
    for failure in &failures {
        console::warning(&format!("left out: {failure}"));
    }
    if normals.is_empty() {
        let what = "none of its images can be read".into();
        return Err(TrainError::Data { path: options.normals.clone(), what }.into());
    }
    let review = options.review.unwrap_or((5.0 * options.false_reject).min(0.5).max(options.false_reject));
    let settings = CalibrationSettings { false_reject: options.false_reject, review, ..Default::default() };
    let calibration = calibrate(&model, normals, &settings)?;
    console::result(&format!("normals   {}", calibration.normal_scores.len()));
    console::result(&format!("reject    score > {}", super::level(calibration.image_threshold)));
    super::show_further_limits(&calibration);
    for caution in calibration.cautions() {
        console::warning(&caution);
    }
    model.set_calibration(calibration);
    model.save(&options.model)?;
    Ok(if failures.is_empty() { Outcome::Fine } else { Outcome::SomeBadData })
}
