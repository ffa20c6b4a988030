//! Output tensors: as JSON, or as bytes behind it.

use anoseg::batch::RegionRecord;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::inspect::Judged;
use crate::metrics::decision_name;

/// The outputs of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Map,
    Score,
    Decision,
    Regions,
}

impl Output {
    pub(super) const ALL: [Self; 4] = [Self::Map, Self::Score, Self::Decision, Self::Regions];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Map => "anomaly_map",
            Self::Score => "score",
            Self::Decision => "decision",
            Self::Regions => "regions",
        }
    }

    pub(super) fn datatype(self) -> &'static str {
        match self {
            Self::Map | Self::Score => "FP32",
            Self::Decision | Self::Regions => "BYTES",
        }
    }

    pub(super) fn shape(self) -> &'static [i64] {
        match self {
            Self::Map => &[-1, -1, -1],
            _ => &[-1],
        }
    }
}

/// An output that a request asks for, as it is written.
#[derive(Deserialize)]
pub(super) struct Asked {
    name: String,
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// An output, and whether it is given as bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) output: Output,
    binary: bool,
}

/// The outputs that a request asks for; all of them where it names none.
///
/// # Errors
/// A name is unknown or there twice, or a parameter has another type.
pub(super) fn wanted(
    asked: Option<&[Asked]>,
    parameters: &Map<String, Value>,
) -> Result<Vec<Wanted>, Failure> {
    let flag = |parameters: &Map<String, Value>, name: &str| match parameters.get(name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(Failure::bad_request(format!("{name} must be true or false"))),
    };
    let default = flag(parameters, "binary_data_output")?.unwrap_or(false);
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(Output::ALL.map(|output| Wanted { output, binary: default }).to_vec());
    };
    let mut wanted: Vec<Wanted> = Vec::new();
    for Asked { name, parameters } in asked {
        let output = Output::ALL.into_iter().find(|output| output.name() == name);
        let output = output.filter(|output| wanted.iter().all(|other| other.output != *output));
        let output = output.ok_or_else(|| {
            let names = Output::ALL.map(Output::name).join(", ");
            Failure::bad_request(format!("the outputs of a model are {names}, each at most once"))
        })?;
        if parameters.keys().any(|name| name.starts_with("shared_memory") || name == "classification") {
            return Err(Failure::bad_request("shared memory and classification are not supported"));
        }
        let binary = flag(parameters, "binary_data")?.unwrap_or(default);
        wanted.push(Wanted { output, binary });
    }
    Ok(wanted)
}

/// What is kept of an inspected image until the answer is written.
#[derive(Debug)]
pub(super) struct Outcome {
    size: (usize, usize),
    /// None where the map is not wanted.
    map: Option<Vec<f32>>,
    score: f32,
    decision: &'static str,
    regions: String,
    /// The number of the verdict in the history, where it was kept.
    pub(super) verdict: Option<i64>,
}

impl Outcome {
    pub(super) fn of(judged: Judged, wanted: &[Wanted]) -> Result<Self, Failure> {
        let Judged { inspected, verdict } = judged;
        let inspection = inspected.inspection;
        let size = (inspection.map.width(), inspection.map.height());
        let regions: Vec<RegionRecord> = inspection.regions.iter().map(RegionRecord::from).collect();
        let regions = serde_json::to_string(&regions).map_err(internal)?;
        let map = wanted.iter().any(|wanted| wanted.output == Output::Map);
        let map = map.then(|| inspection.map.as_slice().to_vec());
        let decision = decision_name(inspection.decision);
        Ok(Self { size, map, score: inspection.score, decision, regions, verdict })
    }
}

/// An output as it is written.
#[derive(Serialize)]
pub(super) struct Written {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// An output of all images. Bytes are appended to `binary`.
///
/// # Errors
/// The maps differ in size, so that they are no tensor.
pub(super) fn write(wanted: Wanted, outcomes: &[Outcome], binary: &mut Vec<u8>) -> Result<Written, Failure> {
    let output = wanted.output;
    let mut shape = vec![outcomes.len()];
    if output == Output::Map {
        let (width, height) = outcomes.first().map_or((0, 0), |outcome| outcome.size);
        if outcomes.iter().any(|outcome| outcome.size != (width, height)) {
            let message = "images of different sizes have no anomaly_map in common: ask for other outputs, or send one at a time";
            return Err(Failure::bad_request(message));
        }
        shape.extend([height, width]);
    }
    let (mut parameters, mut data) = (None, None);
    if wanted.binary {
        let before = binary.len();
        bytes(output, outcomes, binary);
        parameters = Some(BinarySize { binary_data_size: binary.len() - before });
    } else {
        data = Some(json(output, outcomes)?);
    }
    Ok(Written { name: output.name(), datatype: output.datatype(), shape, parameters, data })
}

fn bytes(output: Output, outcomes: &[Outcome], binary: &mut Vec<u8>) {
    let maps = || outcomes.iter().flat_map(|outcome| outcome.map.as_deref().unwrap_or_default());
    match output {
        Output::Map => {
            binary.reserve(4 * outcomes.iter().map(|outcome| outcome.size.0 * outcome.size.1).sum::<usize>());
            maps().for_each(|value| binary.extend(value.to_le_bytes()));
        }
        Output::Score => outcomes.iter().for_each(|outcome| binary.extend(outcome.score.to_le_bytes())),
        Output::Decision => outcomes.iter().for_each(|outcome| element(outcome.decision, binary)),
        Output::Regions => outcomes.iter().for_each(|outcome| element(&outcome.regions, binary)),
    }
}

/// An element of a tensor of BYTES: its length in four bytes, little-endian, before it.
fn element(text: &str, binary: &mut Vec<u8>) {
    // Regions of an image have at most some megabytes.
    binary.extend((text.len() as u32).to_le_bytes());
    binary.extend(text.as_bytes());
}

fn json(output: Output, outcomes: &[Outcome]) -> Result<Box<RawValue>, Failure> {
    let text = match output {
        Output::Map => {
            let maps = outcomes.iter().flat_map(|outcome| outcome.map.as_deref().unwrap_or_default());
            serde_json::value::to_raw_value(&maps.collect::<Vec<_>>())
        }
        Output::Score => to_raw(outcomes.iter().map(|outcome| outcome.score)),
        Output::Decision => to_raw(outcomes.iter().map(|outcome| outcome.decision)),
        Output::Regions => to_raw(outcomes.iter().map(|outcome| &outcome.regions)),
    };
    text.map_err(internal)
}

fn to_raw<T: Serialize>(values: impl Iterator<Item = T>) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&values.collect::<Vec<_>>())
}

/// Text, numbers and lists have a form in JSON.
fn internal(error: serde_json::Error) -> Failure {
    Failure::internal(error.to_string())
}
