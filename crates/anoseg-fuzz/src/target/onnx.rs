//! ONNX files.

use anoseg_export::{OnnxFile, Options, onnx};
use anoseg_infer::Model;

pub(super) fn parse(bytes: &[u8]) -> bool {
    let file = OnnxFile::parse(bytes);
    file.is_ok_and(|file| file.model_digest().is_some() && file.with_preprocessing().is_some())
}

/// The export of a small model.
pub(super) fn generated() -> Vec<Vec<u8>> {
    let model = include_bytes!("../../../anoseg-infer/tests/fixtures/format1/compact.anoseg");
    let model = Model::from_bytes(model).expect("the fixture is a model");
    [false, true]
        .map(|with_preprocessing| Options { with_preprocessing, ..Options::default() })
        .iter()
        .filter_map(|options| onnx(&model, options).ok())
        .collect()
}
