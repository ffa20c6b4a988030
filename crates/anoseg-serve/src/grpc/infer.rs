//! `ModelInfer`: messages as images, and what was found as messages.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::MOST_ANSWER;
use super::generated::inference::infer_parameter::ParameterChoice;
use super::generated::inference::model_infer_response::InferOutputTensor;
use super::generated::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse,
};
use super::wire::other_contents;
use crate::failure::Failure;
use crate::inspect::Inspector;
use crate::options::Options;
use crate::protocol::inspect;
use crate::protocol::output::{self, Outcome, Output};
use crate::protocol::parameters::Parameters;
use crate::protocol::tensors::{self, Data, Images, InputKind};
use crate::thresholds::Chosen;

/// Inspects the images of a request, and writes the answer.
///
/// # Errors
/// The request is malformed, an image is refused, or the time is over.
pub(super) fn infer(
    inspector: &Inspector<'_>,
    request: ModelInferRequest,
) -> Result<ModelInferResponse, Failure> {
    let mut wanted = Vec::new();
    for asked in &request.outputs {
        wanted.push(Output::named(&asked.name, wanted.iter().copied())?);
        output::refuse_parameters(asked.parameters.keys())?;
    }
    if wanted.is_empty() {
        wanted = Output::ALL.to_vec();
    }
    let options = Options::of_parameters(&parameters(&request.parameters))?;
    let chosen = Chosen::of(options, &inspector.served.model, &inspector.app.settings.limits)?;
    let inspector = &Inspector { chosen: chosen.as_ref(), ..*inspector };
    let id = request.id.clone();
    let images = images(request, inspector.app.settings.most_images)?;
    let outcomes = inspect(inspector, images, wanted.contains(&Output::Map))?;
    let begun = std::time::Instant::now();
    let (mut outputs, mut raw) = (Vec::new(), Vec::new());
    for output in wanted {
        let (tensor, bytes) = write(output, &outcomes)?;
        outputs.push(tensor);
        raw.push(bytes);
    }
    if raw.iter().map(Bytes::len).sum::<usize>() > MOST_ANSWER - (1 << 20) {
        let message = "the answer is larger than a message: send fewer images, or ask for other outputs";
        return Err(Failure::too_large(message));
    }
    inspector.served.statistics.output.add(begun.elapsed());
    Ok(ModelInferResponse {
        model_name: inspector.served.name.clone(),
        model_version: inspector.served.version.to_string(),
        id,
        parameters: told(Parameters::of(&outcomes, inspector.chosen)?),
        outputs,
        raw_output_contents: raw,
    })
}

/// The parameters of a request as those of a request in JSON.
fn parameters(given: &HashMap<String, InferParameter>) -> Map<String, Value> {
    let value = |parameter: &InferParameter| match parameter.parameter_choice.as_ref()? {
        ParameterChoice::BoolParam(value) => Some(Value::from(*value)),
        ParameterChoice::Int64Param(value) => Some(Value::from(*value)),
        ParameterChoice::Uint64Param(value) => Some(Value::from(*value)),
        ParameterChoice::DoubleParam(value) => Some(Value::from(*value)),
        ParameterChoice::StringParam(value) => Some(Value::from(value.as_str())),
    };
    given.iter().filter_map(|(name, parameter)| Some((name.clone(), value(parameter)?))).collect()
}

/// Parameters of an answer as a message has them.
fn told(parameters: Option<Parameters>) -> HashMap<String, InferParameter> {
    let Some(Parameters { verdicts, thresholds }) = parameters else { return HashMap::new() };
    let named = [("verdicts", verdicts), ("thresholds", thresholds)].into_iter();
    let text = |text| InferParameter { parameter_choice: Some(ParameterChoice::StringParam(text)) };
    named.filter_map(|(name, value)| Some((name.to_owned(), text(value?)))).collect()
}

fn write(output: Output, outcomes: &[Outcome]) -> Result<(InferOutputTensor, Bytes), Failure> {
    // A side of an image has at most five digits.
    let shape = output::shape(output, outcomes)?.into_iter().map(|length| length as i64).collect();
    let mut bytes = Vec::new();
    output::bytes(output, outcomes, &mut bytes);
    let (name, datatype) = (output.name().to_owned(), output.datatype().to_owned());
    Ok((InferOutputTensor { name, datatype, shape, ..Default::default() }, bytes.into()))
}

/// The images of the only input of a request.
fn images(request: ModelInferRequest, most: usize) -> Result<Images, Failure> {
    let ModelInferRequest { inputs, mut raw_input_contents, .. } = request;
    let input = tensors::only(inputs)?;
    let kind = InputKind::of(&input.name, &input.datatype)?;
    tensors::refuse_shared_memory(input.parameters.keys())?;
    let elements = match (input.contents, raw_input_contents.len()) {
        (None, 1) => raw_input_contents.pop().map(Elements::Bytes),
        (Some(contents), 0) => Some(Elements::Typed(contents)),
        _ => None,
    };
    let elements = elements.ok_or_else(|| {
        Failure::bad_request("an input has either contents or its bytes in raw_input_contents")
    })?;
    let shape: Result<Vec<u64>, _> = input.shape.iter().map(|&length| u64::try_from(length)).collect();
    let shape = shape.map_err(|_| Failure::bad_request("a shape has no negative numbers"))?;
    tensors::images(kind, &shape, elements, most)
}

/// The elements of an input.
enum Elements {
    Bytes(Bytes),
    Typed(InferTensorContents),
}

impl Data for Elements {
    fn numbers(self, length: usize) -> Result<Bytes, Failure> {
        let contents = match self {
            Self::Bytes(bytes) => return bytes.numbers(length),
            Self::Typed(contents) => contents,
        };
        let InferTensorContents { uint_contents, .. } = contents;
        if uint_contents.is_empty() {
            return Err(other_contents());
        }
        let numbers: Result<Vec<u8>, _> = uint_contents.into_iter().map(u8::try_from).collect();
        let numbers = numbers.map_err(|_| Failure::bad_request("numbers of UINT8 are 0 to 255"))?;
        Ok(numbers.into())
    }

    fn files(self, most: usize) -> Result<Vec<Bytes>, Failure> {
        let files = match self {
            Self::Bytes(bytes) => return bytes.files(most),
            Self::Typed(InferTensorContents { bytes_contents, .. }) => bytes_contents,
        };
        if files.is_empty() {
            return Err(other_contents());
        }
        Ok(files)
    }
}
