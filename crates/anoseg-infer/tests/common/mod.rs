//! A small network on tiles, with parameters that a test sets.

use std::collections::BTreeMap;

use anoseg_image::Filter;
use anoseg_infer::network::{Architecture, Blueprint, ImageGenerator};
use anoseg_infer::parameters::{ParameterData, ParameterStore};
use anoseg_infer::{
    Calibration, Description, Geometry, Model, Network, Postprocess, Preprocess, Provenance, RegionFilter,
    Rule, ScoreRule,
};

/// `set` is given the name and the values of each parameter, which are zeros.
pub(crate) fn model(
    geometry: Geometry,
    [image_threshold, review_threshold, pixel_threshold]: [f32; 3],
    set: impl Fn(&str, &mut [f32]),
) -> Model {
    let architecture =
        Architecture { widths: vec![16], coordinates: false, context: false, ..Architecture::default() };
    let mut blueprint = Blueprint::default();
    ImageGenerator::new(&mut blueprint, &architecture).unwrap();
    let tensors = blueprint.parameters().iter().map(|spec| {
        let mut values = vec![0.0; spec.len()];
        set(&spec.name, &mut values);
        (spec.name.clone(), ParameterData { shape: spec.shape.clone(), values })
    });
    let tensors: BTreeMap<_, _> = tensors.collect();
    let generator = ParameterStore::import(&tensors, blueprint.parameters()).unwrap();
    let description = Description {
        preset: "fast".into(),
        architecture,
        preprocess: Preprocess::square(256, Filter::Bilinear).with_geometry(geometry),
        postprocess: Postprocess { score: ScoreRule::Logits, ..Postprocess::default() },
        synthesis: serde_json::Value::Null,
        calibration: Some(Calibration {
            image_threshold,
            review_threshold,
            pixel_threshold,
            regions: RegionFilter::default(),
            regions_if_not_good: None,
            false_reject: 0.01,
            review: 0.05,
            rule: Rule::Conformal,
            held_out: true,
            folds: None,
            normal_scores: vec![0.0],
            synthetic_rejected: None,
            calibrated_on: Vec::new(),
            verdicts: None,
        }),
        former_calibrations: Vec::new(),
        provenance: Provenance::default(),
        training_images: None,
    };
    Model::new(description, Network::Images { generator, detector: None }).unwrap()
}
