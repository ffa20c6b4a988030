//! Models as ONNX files, for engines other than anoseg's own runtime.
//!
//! The graph is written by the forward pass that inference runs ([`Model::forward`]): there is no second
//! description of a network that could differ. Operators are those of ONNX's opset 18. Normalisation is
//! folded into the filters; smoothing, probabilities and the score are part of the graph.
//!
//! ```no_run
//! use anoseg_export::{Options, onnx};
//! use anoseg_infer::Model;
//!
//! let model = Model::load("part.anoseg".as_ref())?;
//! std::fs::write("part.onnx", onnx(&model, &Options::default())?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | value | shape | what |
//! |---|---|---|
//! | [`INPUT`] | `[batch, 3, height, width]` | red, green and blue, 0..=1, at the network's size |
//! | [`INPUT`] with preprocessing | `[batch, height, width, 3]` | bytes, of any size |
//! | [`WINDOW`] | `[batch, 4]` | tiles: column, row, and the plane's width and height |
//! | [`ANOMALY_MAP`] | `[batch, 1, height, width]` | probabilities at the network's size |
//! | [`PRED_SCORE`] | `[batch]` | the score, 0..=1 |
//! | [`LOGITS`] | `[batch, 1, height, width]` | tiles, regions of interest: the map before smoothing |
//!
//! On whole images map and score are those of [`Model::analyse`], the map before it is resampled to the
//! image's size. Thresholds are in the file's metadata ([`DESCRIPTION_KEY`]).

mod coordinates;
mod distance;
mod executor;
mod graph;
mod input;
mod metadata;
mod output;
mod proto;
mod quantisation;
mod read;

use anoseg_infer::Model;
use prost::Message as _;

use executor::{OnnxGraph, WindowInput};
use graph::Graph;
pub use metadata::{DESCRIPTION_KEY, DIGEST_KEY, EXPORT_KEY, remarks};
use proto::{
    DataType, DimensionProto, ModelProto, OperatorSetIdProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};
use quantisation::Layers;
pub use quantisation::{FEWEST_SAMPLES, Loss, Quantisation, Sample, quantise};
pub use read::{NotOnnx, OnnxFile, Weights};

/// Name of the input that has the images.
pub const INPUT: &str = "input";

/// Name of the input that says where each tile lies: x and y of its first pixel in the plane (negative where
/// it is wider than the plane), then width and height of the plane, all in pixels of the network.
pub const WINDOW: &str = "window";

/// Name of the output that has the anomaly maps.
pub const ANOMALY_MAP: &str = "anomaly_map";

/// Name of the output that has the scores.
pub const PRED_SCORE: &str = "pred_score";

/// Name of the output that has the map before it is smoothed, where smoothing and score stay outside of the graph:
/// tiles, and models with a region of interest.
pub const LOGITS: &str = "logits";

/// Version of ONNX's operators.
pub const OPSET: i64 = 18;

/// Version of ONNX's file format.
const IR: i64 = 8;

/// How a model is exported.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Whether 8-bit images are converted and resampled in the graph.
    pub with_preprocessing: bool,
    /// The numbers of filters and memory banks.
    pub numbers: Numbers<'a>,
}

/// The numbers of filters and memory banks.
#[derive(Clone, Copy, Debug, Default)]
pub enum Numbers<'a> {
    /// 32-bit floats.
    #[default]
    Float32,
    /// Stored as 16-bit floats, and computed with as 32-bit floats.
    Float16,
    /// Signed bytes, computed with as such, in these layers; 32-bit floats in the others.
    Int8(&'a Quantisation),
}

/// Why a model cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The parameters are those of another network, or the description does not serialise.
    #[error(transparent)]
    Model(#[from] anoseg_infer::Error),
    /// Too few samples, or samples of several sizes.
    #[error("{count} samples: scales of bytes take at least {FEWEST_SAMPLES}, all of one size")]
    Samples {
        /// How many.
        count: usize,
    },
    /// A layer of the network gave a value that is not finite.
    #[error("a layer of the network gives values that are not finite")]
    NotFinite,
    /// The figures of samples cannot be computed.
    #[error(transparent)]
    Metrics(#[from] anoseg_metrics::MetricsError),
}

/// An input or output of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// The type of its numbers, `uint8` or `float32`.
    pub numbers: &'static str,
    /// Its sizes, outermost first; a name where any is right.
    pub shape: Vec<String>,
}

/// An exported model.
#[derive(Clone, Debug)]
pub struct Export {
    /// The file.
    pub bytes: Vec<u8>,
    /// The graph's inputs.
    pub inputs: Vec<Port>,
    /// The graph's outputs.
    pub outputs: Vec<Port>,
    /// What the graph leaves to its user; usually nothing.
    pub remarks: Vec<String>,
}

/// The bytes of an ONNX file of the model.
///
/// # Errors
/// The model's parts do not fit each other.
pub fn onnx(model: &Model, options: &Options<'_>) -> Result<Vec<u8>, ExportError> {
    Ok(export(model, options)?.bytes)
}

/// As [`onnx`], and what the file has.
///
/// # Errors
/// As [`onnx`].
pub fn export(model: &Model, options: &Options<'_>) -> Result<Export, ExportError> {
    let description = model.description();
    let preprocess = &description.preprocess;
    let tiled = preprocess.geometry.is_tiled();
    let floats = Layers::new();
    let (half, bytes) = match options.numbers {
        Numbers::Float32 => (false, &floats),
        Numbers::Float16 => (true, &floats),
        Numbers::Int8(quantisation) => (false, &quantisation.layers),
    };
    let mut graph = Graph::new(half);
    let (image, window) = if options.with_preprocessing {
        let prepared = input::prepared(&mut graph, INPUT, &preprocess.geometry, preprocess.filter);
        (prepared.image, prepared.window.map(|name| WindowInput { name, single: true }))
    } else {
        (INPUT.to_owned(), tiled.then(|| WindowInput { name: WINDOW.to_owned(), single: false }))
    };
    let (mut x, image) = OnnxGraph::new(graph, (&image, 3, preprocess.size()), window, bytes);
    let outputs = model.forward(&mut x, &image)?;
    let mut graph = x.graph;
    let distance = outputs.score.as_ref().map(|score| &*score.name);
    let output::Outputs { map, score } =
        output::outputs(&mut graph, description, (&outputs.logits.name, distance));
    graph.rename(&map, ANOMALY_MAP);
    graph.rename(&score, PRED_SCORE);
    let are_tiles = tiled && !options.with_preprocessing;
    let (inputs, mut ports) = if are_tiles {
        tile_ports()
    } else {
        image_ports(preprocess.size(), tiled, options.with_preprocessing)
    };
    if are_tiles || preprocess.region.is_some() {
        graph.rename(&outputs.logits.name, LOGITS);
        ports.push(Port { name: LOGITS, ..ports[0].clone() });
    }
    let outputs = ports;
    let infos = |ports: &[Port]| ports.iter().map(Port::info).collect();
    let graph = graph.finish(&description.preset, infos(&inputs), infos(&outputs));
    let file = ModelProto {
        ir_version: Some(IR),
        producer_name: Some("anoseg".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        doc_string: Some(format!("anoseg {}, {}", description.preset, description.provenance.category)),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) }],
        metadata_props: metadata::entries(description, model.digest()?, options)?,
    };
    let remarks = remarks(description, options.with_preprocessing);
    Ok(Export { bytes: file.encode_to_vec(), inputs, outputs, remarks })
}

/// Inputs and outputs of a graph for tiles. Height and width are open: an image that is smaller than a tile
/// is a tile of its own size.
fn tile_ports() -> (Vec<Port>, Vec<Port>) {
    let map = ["batch", "1", "height", "width"];
    let inputs =
        vec![Port::floats(INPUT, &["batch", "3", "height", "width"]), Port::floats(WINDOW, &["batch", "4"])];
    (inputs, vec![Port::floats(ANOMALY_MAP, &map), Port::floats(PRED_SCORE, &["batch"])])
}

/// Inputs and outputs of a graph for whole images.
fn image_ports([height, width]: [usize; 2], tiled: bool, with_preprocessing: bool) -> (Vec<Port>, Vec<Port>) {
    let [height, width] = [height, width].map(|side| side.to_string());
    let input = if with_preprocessing {
        Port { numbers: "uint8", ..Port::floats(INPUT, &["batch", "height", "width", "3"]) }
    } else {
        Port::floats(INPUT, &["batch", "3", &height, &width])
    };
    let [height, width] = if tiled { ["map_height", "map_width"] } else { [&*height, &*width] };
    let map = Port::floats(ANOMALY_MAP, &["batch", "1", height, width]);
    (vec![input], vec![map, Port::floats(PRED_SCORE, &["batch"])])
}

impl Port {
    fn floats(name: &'static str, shape: &[&str]) -> Self {
        let shape = shape.iter().map(|&size| size.to_owned()).collect();
        Self { name, numbers: "float32", shape }
    }

    fn info(&self) -> ValueInfoProto {
        let size = |size: &String| match size.parse() {
            Ok(number) => DimensionProto { dim_value: Some(number), dim_param: None },
            Err(_) => DimensionProto { dim_value: None, dim_param: Some(size.clone()) },
        };
        let shape = TensorShapeProto { dim: self.shape.iter().map(size).collect() };
        let kind = if self.numbers == "uint8" { DataType::Uint8 } else { DataType::Float };
        let tensor = TensorTypeProto { elem_type: Some(kind as i32), shape: Some(shape) };
        let kind = Some(TypeProto { tensor_type: Some(tensor) });
        ValueInfoProto { name: Some(self.name.to_owned()), kind, doc_string: None }
    }
}
