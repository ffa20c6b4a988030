//! Input tensors: as JSON, or as bytes behind it.

use anoseg::decode::LONGEST_SIDE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The inputs that a model takes, one of them in each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputKind {
    /// Pixels of images of one size.
    Pixels,
    /// Image files.
    Files,
}

impl InputKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pixels => "image",
            Self::Files => "image_bytes",
        }
    }

    pub(super) fn datatype(self) -> &'static str {
        match self {
            Self::Pixels => "UINT8",
            Self::Files => "BYTES",
        }
    }

    pub(super) fn shape(self) -> &'static [i64] {
        match self {
            Self::Pixels => &[-1, -1, -1, 3],
            Self::Files => &[-1],
        }
    }
}

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

/// The images of a request.
#[derive(Debug)]
pub(super) enum Images {
    /// Red, green, blue of one byte each, image after image.
    Pixels { samples: Bytes, size: (usize, usize) },
    /// A file each.
    Files(Vec<Bytes>),
}

impl Images {
    pub(super) fn count(&self) -> usize {
        match self {
            // The sizes were compared with the number of bytes.
            Self::Pixels { samples, size: (width, height) } => samples.len() / (3 * width * height),
            Self::Files(files) => files.len(),
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
pub(super) fn images(inputs: &[Input<'_>], binary: &Bytes, most: usize) -> Result<Images, Failure> {
    let [input] = inputs else {
        let message = format!("a request has one input, image or image_bytes, and this has {}", inputs.len());
        return Err(Failure::bad_request(message));
    };
    let kinds = [InputKind::Pixels, InputKind::Files];
    let kind = kinds.into_iter().find(|kind| kind.name() == input.name);
    let kind = kind.ok_or_else(|| Failure::bad_request("the inputs of a model are image and image_bytes"))?;
    if kind.datatype() != input.datatype {
        let message = format!("{} has the datatype {}", kind.name(), kind.datatype());
        return Err(Failure::bad_request(message));
    }
    if input.parameters.keys().any(|name| name.starts_with("shared_memory")) {
        return Err(Failure::bad_request("shared memory is not supported"));
    }
    let bytes = match (binary_size(&input.parameters)?, input.data) {
        (Some(size), None) if size == binary.len() => Some(binary),
        (Some(size), None) => {
            let message = format!("binary_data_size is {size}, and {} bytes follow the JSON", binary.len());
            return Err(Failure::bad_request(message));
        }
        (None, Some(_)) if binary.is_empty() => None,
        _ => return Err(Failure::bad_request("an input has either data or binary_data_size with its bytes")),
    };
    match kind {
        InputKind::Pixels => pixels(input, bytes, most),
        InputKind::Files => files(input, bytes, most),
    }
}

fn pixels(input: &Input<'_>, bytes: Option<&Bytes>, most: usize) -> Result<Images, Failure> {
    let &[count, height, width, 3] = input.shape.as_slice() else {
        return Err(Failure::bad_request("the shape of image is [images, height, width, 3]"));
    };
    check_count(count, most)?;
    if !(1..=LONGEST_SIDE as u64).contains(&width) || !(1..=LONGEST_SIDE as u64).contains(&height) {
        return Err(Failure::bad_request(format!("sides of an image are 1 to {LONGEST_SIDE}")));
    }
    // At most 2^32 pixels an image by the sides, and `most` images.
    let length = usize::try_from(count.saturating_mul(3 * width * height)).unwrap_or(usize::MAX);
    let samples = match bytes {
        Some(bytes) => bytes.clone(),
        None => Bytes::from(flattened(input, length)?),
    };
    if samples.len() != length {
        let message = format!("the shape asks for {length} numbers, and there are {}", samples.len());
        return Err(Failure::bad_request(message));
    }
    Ok(Images::Pixels { samples, size: (width as usize, height as usize) })
}

fn files(input: &Input<'_>, bytes: Option<&Bytes>, most: usize) -> Result<Images, Failure> {
    let count = match input.shape.as_slice() {
        &[count] | &[count, 1] => count,
        _ => return Err(Failure::bad_request("the shape of image_bytes is [images]")),
    };
    check_count(count, most)?;
    let files = match bytes {
        Some(bytes) => elements(bytes.clone(), most)?,
        None => strings(input, most)?,
    };
    if files.len() as u64 != count {
        let message = format!("the shape asks for {count} files, and there are {}", files.len());
        return Err(Failure::bad_request(message));
    }
    Ok(Images::Files(files))
}

fn check_count(count: u64, most: usize) -> Result<(), Failure> {
    match count {
        0 => Err(Failure::bad_request("a request has at least one image")),
        _ if count > most as u64 => Err(Failure::too_large(format!("a request has at most {most} images"))),
        _ => Ok(()),
    }
}

/// The elements of a binary tensor of BYTES: four bytes of length, little-endian, before each.
fn elements(mut bytes: Bytes, most: usize) -> Result<Vec<Bytes>, Failure> {
    let mut files = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.try_get_u32_le().ok().map(|length| length as usize);
        let length =
            length.filter(|&length| length <= bytes.len() && files.len() < most).ok_or_else(|| {
                Failure::bad_request("the lengths before the elements of image_bytes do not fit their bytes")
            })?;
        files.push(bytes.split_to(length));
    }
    Ok(files)
}

/// The numbers of a JSON tensor, flat or nested; at most `most`.
fn flattened(input: &Input<'_>, most: usize) -> Result<Vec<u8>, Failure> {
    let mut samples = Vec::new();
    let text = input.data.map_or("null", RawValue::get);
    let mut reader = serde_json::Deserializer::from_str(text);
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
fn strings(input: &Input<'_>, most: usize) -> Result<Vec<Bytes>, Failure> {
    let wrong = || Failure::bad_request("the data of image_bytes are files as Base64 strings, one an image");
    let texts: Vec<String> =
        serde_json::from_str(input.data.map_or("null", RawValue::get)).map_err(|_| wrong())?;
    if texts.len() > most {
        return Err(wrong());
    }
    texts.into_iter().map(|text| STANDARD.decode(text).map(Bytes::from).map_err(|_| wrong())).collect()
}
