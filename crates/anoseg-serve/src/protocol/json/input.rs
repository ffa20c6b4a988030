//! Inputs as JSON, or as bytes behind it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::protocol::tensors::{self, Data, Images, InputKind};

/// An input of a request as it is written.
#[derive(Deserialize)]
pub(super) struct Input<'a> {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// The elements of an input.
enum Elements<'a> {
    Json(&'a RawValue),
    Bytes(Bytes),
}

impl Data for Elements<'_> {
    fn numbers(self, length: usize) -> Result<Bytes, Failure> {
        match self {
            Self::Json(data) => flattened(data, length).map(Bytes::from),
            Self::Bytes(bytes) => bytes.numbers(length),
        }
    }

    fn files(self, most: usize) -> Result<Vec<Bytes>, Failure> {
        match self {
            Self::Json(data) => strings(data, most),
            Self::Bytes(bytes) => bytes.files(most),
        }
    }
}

/// The bytes of a binary input: its parameter `binary_data_size`.
fn binary_size(parameters: &Map<String, Value>) -> Result<Option<usize>, Failure> {
    let Some(size) = parameters.get("binary_data_size") else { return Ok(None) };
    let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
    size.map(Some).ok_or_else(|| Failure::bad_request("binary_data_size must be a number of bytes"))
}

/// The images of the only input of a request; `binary` is what follows its JSON.
///
/// # Errors
/// Name, datatype, shape or data are not those of an input.
pub(super) fn images(inputs: Vec<Input<'_>>, binary: Bytes, most: usize) -> Result<Images, Failure> {
    let input = tensors::only(inputs)?;
    let kind = InputKind::of(&input.name, &input.datatype)?;
    tensors::refuse_shared_memory(input.parameters.keys())?;
    let elements = match (binary_size(&input.parameters)?, input.data) {
        (Some(size), None) if size == binary.len() => Elements::Bytes(binary),
        (Some(size), None) => {
            let message = format!("binary_data_size is {size}, and {} bytes follow the JSON", binary.len());
            return Err(Failure::bad_request(message));
        }
        (None, Some(data)) if binary.is_empty() => Elements::Json(data),
        _ => return Err(Failure::bad_request("an input has either data or binary_data_size with its bytes")),
    };
    tensors::images(kind, &input.shape, elements, most)
}

/// The numbers of a JSON tensor, flat or nested; at most `most`.
fn flattened(data: &RawValue, most: usize) -> Result<Vec<u8>, Failure> {
    let mut samples = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(data.get());
    let result = Numbers { samples: &mut samples, most }.deserialize(&mut reader);
    result.map_err(|error| Failure::bad_request(format!("the data of image: {error}")))?;
    Ok(samples)
}

/// Reads numbers, in arrays of any depth that the parser allows.
struct Numbers<'a> {
    samples: &'a mut Vec<u8>,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Numbers<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Numbers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("arrays of integers")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        if self.samples.len() >= self.most {
            return Err(E::custom("more numbers than the shape asks for"));
        }
        self.samples.push(u8::try_from(number).map_err(|_| E::custom("numbers of UINT8 are 0 to 255"))?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let Self { samples, most } = self;
        while array.next_element_seed(Numbers { samples, most })?.is_some() {}
        Ok(())
    }
}

/// The files of a JSON tensor: Base64, because a JSON string holds no other bytes than text.
fn strings(data: &RawValue, most: usize) -> Result<Vec<Bytes>, Failure> {
    let wrong = || Failure::bad_request("the data of image_bytes are files as Base64 strings, one an image");
    let texts: Vec<String> = serde_json::from_str(data.get()).map_err(|_| wrong())?;
    if texts.len() > most {
        return Err(wrong());
    }
    texts.into_iter().map(|text| STANDARD.decode(text).map(Bytes::from).map_err(|_| wrong())).collect()
}
