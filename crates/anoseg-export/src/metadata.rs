//! What an exported file says of itself beside the graph.

use anoseg_infer::{Description, Geometry};
use serde_json::json;

use crate::proto::StringStringEntryProto;
use crate::{ANOMALY_MAP, ExportError, INPUT, LOGITS, Numbers, Options, PRED_SCORE, WINDOW};

/// Key of the model's description as JSON, thresholds included.
pub const DESCRIPTION_KEY: &str = "anoseg";

/// Key of the model's digest (`Model::digest`).
pub const DIGEST_KEY: &str = "anoseg_model_blake3";

/// Key of a JSON object on what the graph computes, and what it leaves to its user.
pub const EXPORT_KEY: &str = "anoseg_export";

/// What the graph leaves to its user.
pub fn remarks(description: &Description, with_preprocessing: bool) -> Vec<String> {
    let preprocess = &description.preprocess;
    let mut remarks = Vec::new();
    if preprocess.geometry.is_tiled() && with_preprocessing {
        remarks.push(
            "an image is one tile: those that are larger than a tile of the model are cut, joined and scored \
             outside the graph; the score of those that are smaller than the parts in training is another than \
             that of inference"
                .to_owned(),
        );
    } else if preprocess.geometry.is_tiled() {
        let text = format!(
            "the graph takes tiles, and {PRED_SCORE} is that of the tile: {LOGITS} of the tiles are joined, \
             smoothed and scored outside the graph"
        );
        remarks.push(text);
    }
    if matches!(preprocess.geometry, Geometry::Fitted { .. }) {
        remarks.push("images of another shape than the input are put in its middle outside the graph".into());
    }
    if preprocess.region.is_some() {
        let text = format!(
            "the region of interest stays outside the graph: {ANOMALY_MAP} and {PRED_SCORE} are those of the \
             whole image; {LOGITS}, the map before smoothing, serve to compute those of the region"
        );
        remarks.push(text);
    }
    if preprocess.alignment.is_some() {
        remarks.push("images are brought into the part's frame outside the graph".to_owned());
    }
    remarks
}

/// All entries of a model's file.
pub(crate) fn entries(
    description: &Description,
    digest: String,
    options: &Options<'_>,
) -> Result<Vec<StringStringEntryProto>, ExportError> {
    let with_preprocessing = options.with_preprocessing;
    let tiled = description.preprocess.geometry.is_tiled();
    let export = json!({
        "version": 1,
        "program_version": env!("CARGO_PKG_VERSION"),
        "with_preprocessing": with_preprocessing,
        "numbers": match options.numbers {
            Numbers::Float32 => "float32",
            Numbers::Float16 => "float16",
            Numbers::Int8(_) => "int8",
        },
        "score_of": if tiled && !with_preprocessing { "tile" } else { "image" },
        "outside": remarks(description, with_preprocessing),
    });
    let own = [
        (DESCRIPTION_KEY.to_owned(), description.to_json().to_string()),
        (DIGEST_KEY.to_owned(), digest),
        (EXPORT_KEY.to_owned(), export.to_string()),
    ];
    let model_info = model_info(description, with_preprocessing);
    let model_info = model_info.into_iter().map(|(key, value)| (format!("model_info {key}"), value));
    let entry = |(key, value)| StringStringEntryProto { key: Some(key), value: Some(value) };
    Ok(own.into_iter().chain(model_info).map(entry).collect())
}

/// What OpenVINO's Model API reads, there under keys that begin with `model_info`:
/// `load_parameters_from_onnx` in `model_api/adapters/utils.py`, the names of
/// `model_api/models/parameters.py` (openvino-model-api 0.4.7). Its `AnomalyDetection` divides bytes by 255
/// itself.
fn model_info(description: &Description, with_preprocessing: bool) -> Vec<(&'static str, String)> {
    let layout = match (with_preprocessing, description.preprocess.geometry.is_tiled()) {
        (true, _) => format!("{INPUT}:NHWC"),
        (false, false) => format!("{INPUT}:NCHW"),
        (false, true) => format!("{INPUT}:NCHW,{WINDOW}:NC"),
    };
    let thresholds = description.calibration.iter().flat_map(|calibration| {
        [
            ("image_threshold", calibration.image_threshold.to_string()),
            ("pixel_threshold", calibration.pixel_threshold.to_string()),
        ]
    });
    let fixed = [
        ("model_type", "AnomalyDetection"),
        ("task", "segmentation"),
        ("labels", "Normal Anomaly"),
        // Map and score are probabilities: nothing is to be scaled.
        ("normalization_scale", "1"),
        ("mean_values", "0 0 0"),
        ("scale_values", if with_preprocessing { "1 1 1" } else { "255 255 255" }),
        // Its images are read by OpenCV, as blue, green and red.
        ("reverse_input_channels", "True"),
        ("resize_type", "standard"),
        ("interpolation_mode", "LINEAR"),
    ];
    let fixed = fixed.map(|(key, value)| (key, value.to_owned()));
    fixed.into_iter().chain([("layout", layout)]).chain(thresholds).collect()
}
