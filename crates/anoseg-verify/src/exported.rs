//! An exported file, and whether it is that of a model.

use std::path::{Path, PathBuf};

use anoseg_export::{
    ANOMALY_MAP, DESCRIPTION_KEY, INPUT, LOGITS, OPSET, OnnxFile, PRED_SCORE, WINDOW, Weights,
};
use anoseg_image::{Image, SampleType, read};
use anoseg_infer::{Extent, Model};

use crate::VerifyError;

/// Bytes that an ONNX file may have beside the weights.
const BESIDE_WEIGHTS: u64 = 64 << 20;

/// Bytes that an ONNX file may have for each of the model's numbers.
const EACH_NUMBER: u64 = 8;

/// A file that was exported from a model.
#[derive(Debug)]
pub struct Exported {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) with_preprocessing: bool,
    weights: Weights,
}

/// Graphs of more operators are not exports.
const MOST_OPERATORS: usize = 5000;

/// Which values of the graph are compared for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Its map and score.
    Graph,
    /// Its logits, from which the model's own steps make map and score.
    Logits,
}

impl Exported {
    /// Reads an ONNX file that was exported from `model`.
    ///
    /// # Errors
    /// It cannot be read, is not an ONNX file, was exported from another model or by another program, or has
    /// other inputs and outputs than an export.
    pub fn read(path: &Path, model: &Model) -> Result<Self, VerifyError> {
        let tensors = model.to_file().tensors;
        let numbers: usize = tensors.values().map(|tensor| tensor.values.len()).sum();
        let bytes = read::regular(path, BESIDE_WEIGHTS + EACH_NUMBER * numbers as u64);
        let bytes = bytes.map_err(|source| VerifyError::Io { path: path.to_owned(), source })?;
        let file = OnnxFile::parse(&bytes);
        let file = file.map_err(|fault| VerifyError::NotOnnx { path: path.to_owned(), fault })?;
        let own = file.model_digest().zip(file.with_preprocessing());
        let Some((digest, with_preprocessing)) = own else {
            return Err(VerifyError::NotExported { path: path.to_owned() });
        };
        let expected = model.digest()?;
        if digest != expected {
            let (path, model, found) = (path.to_owned(), model.path().to_owned(), digest.to_owned());
            return Err(VerifyError::OtherModel { path, model, found, expected });
        }
        let exported = Self { path: path.to_owned(), with_preprocessing, weights: file.weights, bytes };
        exported.check_graph(&file)?;
        exported.check_thresholds(&file, model)?;
        exported.check_ports(&file, model)?;
        if with_preprocessing && model.description().preprocess.alignment.is_some() {
            return Err(VerifyError::Aligned { path: exported.path });
        }
        Ok(exported)
    }

    /// Checks that the graph has the operators of an export. Engines differ in what they do with others, and
    /// one that goes through a very long graph runs out of stack.
    fn check_graph(&self, file: &OnnxFile) -> Result<(), VerifyError> {
        let OnnxFile { opset, operators, .. } = *file;
        let what = if opset != OPSET {
            format!("its operators are of version {opset}, and not {OPSET}")
        } else if operators > MOST_OPERATORS {
            format!("it has {operators} operators, and an export has a few hundred")
        } else {
            return Ok(());
        };
        Err(VerifyError::Interface { path: self.path.clone(), what })
    }

    /// Checks the thresholds by which users of the file decide. They are no part of the graph.
    fn check_thresholds(&self, file: &OnnxFile, model: &Model) -> Result<(), VerifyError> {
        let description = file.metadata(DESCRIPTION_KEY).and_then(|text| serde_json::from_str(text).ok());
        let description: serde_json::Value = description.unwrap_or_default();
        let expected = model.description().to_json();
        let calibration = model.description().calibration.as_ref();
        let limits = calibration.map(|limits| [limits.image_threshold, limits.pixel_threshold]);
        let keys = ["model_info image_threshold", "model_info pixel_threshold"];
        let told = |(key, limit): (&str, Option<f32>)| {
            file.metadata(key).map(str::parse::<f32>).transpose().is_ok_and(|found| found == limit)
        };
        let [image, pixel] = limits.map_or([None; 2], |limits| limits.map(Some));
        if description.get("calibration") == expected.get("calibration")
            && [(keys[0], image), (keys[1], pixel)].into_iter().all(told)
        {
            return Ok(());
        }
        let what = "the thresholds in its metadata are not those of the model".to_owned();
        Err(VerifyError::Interface { path: self.path.clone(), what })
    }

    /// Checks that the file has the inputs and outputs of an export.
    fn check_ports(&self, file: &OnnxFile, model: &Model) -> Result<(), VerifyError> {
        let preprocess = &model.description().preprocess;
        let tiles = preprocess.geometry.is_tiled() && !self.with_preprocessing;
        let inputs: &[&str] = if tiles { &[INPUT, WINDOW] } else { &[INPUT] };
        let mut outputs = vec![ANOMALY_MAP, PRED_SCORE];
        outputs.extend((tiles || preprocess.region.is_some()).then_some(LOGITS));
        let wrong = |kind: &str, found: &[String], expected: &[&str]| {
            let what = format!("its {kind} are {}, and not {}", found.join(", "), expected.join(", "));
            Err(VerifyError::Interface { path: self.path.clone(), what })
        };
        let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
        if file.inputs.len() != inputs.len() || !inputs.iter().all(|name| has(&file.inputs, name)) {
            return wrong("inputs", &file.inputs, inputs);
        }
        if !outputs.iter().all(|name| has(&file.outputs, name)) {
            return wrong("outputs", &file.outputs, &outputs);
        }
        Ok(())
    }

    /// How the weights are stored: 16-bit floats and integers change the results a little.
    pub fn weights(&self) -> Weights {
        self.weights
    }

    /// The error of an engine on this file.
    pub(crate) fn refused(&self, engine: &'static str, what: String) -> VerifyError {
        VerifyError::Engine { path: self.path.clone(), engine, what }
    }

    /// What is compared for an image; why it cannot be compared otherwise.
    pub(crate) fn route(&self, model: &Model, image: &Image) -> Result<Route, String> {
        let preprocess = &model.description().preprocess;
        let geometry = &preprocess.geometry;
        let frame = preprocess.alignment.as_ref().map(anoseg_infer::Alignment::frame);
        let [width, height] = frame.unwrap_or([image.width(), image.height()]);
        let plane @ Extent { width, height } = geometry.plane(width, height);
        let is_one = geometry.window_size(plane) == [height, width];
        let has_region = preprocess.region.is_some();
        let [most_high, most_wide] = geometry.size();
        let usual = Extent { width: most_wide, height: most_high };
        let is_usual = geometry.reference_area(plane) == geometry.reference_area(usual);
        if self.with_preprocessing {
            if image.sample_type() != SampleType::U8 {
                return Err("the graph takes 8-bit images".to_owned());
            }
            if !is_one && geometry.is_tiled() {
                return Err("it is larger than a tile, and the graph takes it as one".to_owned());
            }
        }
        match (geometry.is_tiled(), is_one) {
            (_, true) if has_region => Ok(Route::Logits),
            (true, true) if is_usual => Ok(Route::Graph),
            (true, _) if !self.with_preprocessing => Ok(Route::Logits),
            (true, _) => {
                Err("it is smaller than the parts in training, and the graph scores it otherwise".to_owned())
            }
            (false, true) => Ok(Route::Graph),
            (false, false) if has_region && !self.with_preprocessing => Ok(Route::Logits),
            (false, false) => Err("it has another shape than the network's input".to_owned()),
        }
    }
}
