//! What an ONNX file says of itself, for programs that run it.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::proto::{DataType, GraphProto, ModelProto, ValueInfoProto};
use crate::{DIGEST_KEY, EXPORT_KEY};

/// Constants of fewer numbers say nothing about how weights are stored.
const FEWEST_WEIGHTS: usize = 1024;

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ONNX file, or cut short ({what})")]
pub struct NotOnnx {
    /// The reader's message.
    what: String,
}

/// How the weights of a graph are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// 32-bit floats.
    Floats,
    /// 16-bit floats, some of them.
    Halves,
    /// 8-bit integers, some of them.
    Bytes,
}

/// An ONNX file without its operators and weights.
#[derive(Clone, Debug)]
pub struct OnnxFile {
    /// Version of ONNX's operators.
    pub opset: i64,
    /// How many operators the graph has.
    pub operators: usize,
    /// Names of the inputs.
    pub inputs: Vec<String>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// How the weights are stored.
    pub weights: Weights,
    metadata: BTreeMap<String, String>,
}

impl OnnxFile {
    /// Reads the bytes of a file, of any program.
    ///
    /// # Errors
    /// It is not an ONNX file, or not all of it.
    ///
    /// ```
    /// use anoseg_export::OnnxFile;
    ///
    /// assert!(OnnxFile::parse(b"a text").is_err());
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, NotOnnx> {
        let not = |what: &str| NotOnnx { what: what.to_owned() };
        let file = ModelProto::decode(bytes).map_err(|error| not(&error.to_string()))?;
        let graph = file.graph.as_ref().ok_or_else(|| not("it has no graph"))?;
        let is_onnx = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        let mut sets = file.opset_import.iter();
        let own = sets.find(|set| set.domain.as_deref().is_none_or(is_onnx));
        let opset = own.and_then(|set| set.version).ok_or_else(|| not("it names no version of operators"))?;
        let (weights, operators) = (weights(graph), graph.node.len());
        let [inputs, outputs] = [&graph.input, &graph.output].map(|infos| names(infos));
        let entries = file.metadata_props.into_iter();
        let metadata = entries.filter_map(|entry| Some((entry.key?, entry.value?))).collect();
        Ok(Self { opset, operators, inputs, outputs, weights, metadata })
    }

    /// The metadata of this key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The digest of the model that was exported (`Model::digest`); None for files of other programs.
    pub fn model_digest(&self) -> Option<&str> {
        self.metadata(DIGEST_KEY)
    }

    /// Whether the graph takes bytes and resamples them ([`Options::with_preprocessing`]); None for files of
    /// other programs.
    ///
    /// [`Options::with_preprocessing`]: crate::Options::with_preprocessing
    pub fn with_preprocessing(&self) -> Option<bool> {
        let export: serde_json::Value = serde_json::from_str(self.metadata(EXPORT_KEY)?).ok()?;
        export.get("with_preprocessing")?.as_bool()
    }
}

fn names(infos: &[ValueInfoProto]) -> Vec<String> {
    infos.iter().filter_map(|info| info.name.clone()).collect()
}

fn weights(graph: &GraphProto) -> Weights {
    let large = |kind: DataType| {
        graph.initializer.iter().any(|constant| {
            let numbers = constant
                .dims
                .iter()
                .try_fold(1_usize, |product, &size| product.checked_mul(usize::try_from(size).ok()?));
            constant.data_type == Some(kind as i32) && numbers.is_none_or(|count| count >= FEWEST_WEIGHTS)
        })
    };
    if large(DataType::Int8) || large(DataType::Uint8) {
        Weights::Bytes
    } else if large(DataType::Float16) {
        Weights::Halves
    } else {
        Weights::Floats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{AttributeProto, NodeProto};

    /// Graphs within graphs would let a reader run out of stack.
    #[test]
    fn graphs_within_graphs_have_a_limit() {
        let mut graph = GraphProto::default();
        for _ in 0..200 {
            let attribute = AttributeProto { g: Some(graph), ..AttributeProto::default() };
            let node = NodeProto { attribute: vec![attribute], ..NodeProto::default() };
            graph = GraphProto { node: vec![node], ..GraphProto::default() };
        }
        let bytes = ModelProto { graph: Some(graph), ..ModelProto::default() }.encode_to_vec();
        assert!(OnnxFile::parse(&bytes).unwrap_err().to_string().contains("recursion"));
    }

    #[test]
    fn files_that_are_no_onnx_are_refused() {
        let empty = ModelProto { graph: Some(GraphProto::default()), ..ModelProto::default() };
        for bytes in [&b""[..], b"text", &[0xff; 40], &empty.encode_to_vec()] {
            assert!(OnnxFile::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
