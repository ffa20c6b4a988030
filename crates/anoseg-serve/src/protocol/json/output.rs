//! Outputs as JSON, or as bytes behind it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::protocol::output::{self, Outcome, Output};

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
        let output = Output::named(name, wanted.iter().map(|other| other.output))?;
        output::refuse_parameters(parameters.keys())?;
        let binary = flag(parameters, "binary_data")?.unwrap_or(default);
        wanted.push(Wanted { output, binary });
    }
    Ok(wanted)
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
    let shape = output::shape(output, outcomes)?;
    let (mut parameters, mut data) = (None, None);
    if wanted.binary {
        let before = binary.len();
        output::bytes(output, outcomes, binary);
        parameters = Some(BinarySize { binary_data_size: binary.len() - before });
    } else {
        data = Some(json(output, outcomes)?);
    }
    Ok(Written { name: output.name(), datatype: output.datatype(), shape, parameters, data })
}

fn json(output: Output, outcomes: &[Outcome]) -> Result<Box<RawValue>, Failure> {
    let text = match output {
        Output::Map => {
            let maps = outcomes.iter().flat_map(Outcome::map);
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
