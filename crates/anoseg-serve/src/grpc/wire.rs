//! The framing of a message, and what it takes when it is read.
//!
//! Repeated fields of two bytes become structures of hundreds, so that a body within its limit could fill the memory.
//! A message with images is therefore walked through before it is read.

use bytes::{Buf as _, Bytes};
use prost::encoding::{WireType, decode_key, decode_varint, skip_field};

use super::status::unimplemented;
use crate::failure::Failure;

/// Most fields of a message, apart from one for each image.
const MOST_FIELDS: usize = 1000;

/// Most bytes of a shape: ten for a number, which is the longest form, and sixteen numbers.
const MOST_SHAPE: usize = 160;

/// The only message of a call.
///
/// # Errors
/// It is compressed, cut short, or there are others behind it.
pub(super) fn message(mut body: Bytes) -> Result<Bytes, Failure> {
    let malformed = || Failure::bad_request("the body of a call is one message with its length before it");
    let compressed = body.try_get_u8().map_err(|_| malformed())?;
    let length = body.try_get_u32().map_err(|_| malformed())?;
    match compressed {
        0 if u64::from(length) == body.len() as u64 => Ok(body),
        1 => Err(unimplemented("compressed messages are not read; send them as they are")),
        _ => Err(malformed()),
    }
}

/// The messages in a [`ModelInferRequest`](super::generated::inference::ModelInferRequest).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Input,
    Contents,
    Output,
    Parameter,
}

/// A message that is being walked through.
struct Walk {
    fields: usize,
    most_fields: usize,
    /// Bytes that numbers take beyond those of the message.
    further: u64,
}

/// Bytes that a request for inference takes beyond its own when it is read.
///
/// # Errors
/// It is malformed, or has more fields than requests have.
pub(super) fn further_bytes(message: Bytes, most_images: usize) -> Result<u64, Failure> {
    let most_fields = MOST_FIELDS.saturating_add(most_images);
    let mut walk = Walk { fields: 0, most_fields, further: 0 };
    walk.message(message, Kind::Request)?;
    Ok(walk.further)
}

impl Walk {
    /// The messages in one another are four deep at most.
    fn message(&mut self, mut bytes: Bytes, kind: Kind) -> Result<(), Failure> {
        let malformed = |_| Failure::bad_request("the message is malformed");
        while bytes.has_remaining() {
            self.fields += 1;
            if self.fields > self.most_fields {
                let message = format!("the message has more than {} fields", self.most_fields);
                return Err(Failure::too_large(message));
            }
            let (tag, wire) = decode_key(&mut bytes).map_err(malformed)?;
            if wire != WireType::LengthDelimited {
                skip_field(wire, tag, &mut bytes, Default::default()).map_err(malformed)?;
                continue;
            }
            let length = decode_varint(&mut bytes).map_err(malformed)?;
            let length = usize::try_from(length).ok().filter(|&length| length <= bytes.len());
            let length = length.ok_or_else(|| Failure::bad_request("the message is cut short"))?;
            self.field(kind, tag, bytes.split_to(length))?;
        }
        Ok(())
    }

    /// A field that has its length before it.
    fn field(&mut self, kind: Kind, tag: u32, bytes: Bytes) -> Result<(), Failure> {
        let part = match (kind, tag) {
            (Kind::Request, 4) | (Kind::Input, 4) | (Kind::Output, 2) => Kind::Parameter,
            (Kind::Request, 5) => Kind::Input,
            (Kind::Request, 6) => Kind::Output,
            (Kind::Input, 5) => Kind::Contents,
            (Kind::Input, 3) if bytes.len() > MOST_SHAPE => {
                return Err(Failure::bad_request("a shape has at most 4 numbers"));
            }
            // Numbers of four bytes, each of which may have one in the message.
            (Kind::Contents, 4) => {
                self.further = self.further.saturating_add(3 * bytes.len() as u64);
                return Ok(());
            }
            (Kind::Contents, 1..=7) if !bytes.is_empty() => return Err(other_contents()),
            _ => return Ok(()),
        };
        self.message(bytes, part)
    }
}

/// The elements of an input are in the field of another datatype.
pub(super) fn other_contents() -> Failure {
    Failure::bad_request("elements of UINT8 are given in uint_contents, those of BYTES in bytes_contents")
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::generated::inference::model_infer_request::InferInputTensor;
    use super::super::generated::inference::{InferTensorContents, ModelInferRequest};
    use super::*;

    fn request(input: InferInputTensor, raw: Vec<Bytes>) -> ModelInferRequest {
        ModelInferRequest { inputs: vec![input], raw_input_contents: raw, ..Default::default() }
    }

    fn walked(request: &ModelInferRequest) -> Result<u64, &'static str> {
        further_bytes(request.encode_to_vec().into(), 2).map_err(|failure| failure.code)
    }

    #[test]
    fn requests_as_clients_send_them_pass() {
        let input = InferInputTensor { name: "image".into(), shape: vec![1, 8, 8, 3], ..Default::default() };
        assert_eq!(walked(&request(input.clone(), vec![vec![7; 192].into()])), Ok(0));
        let contents = InferTensorContents { uint_contents: vec![7; 192], ..Default::default() };
        assert_eq!(
            walked(&request(InferInputTensor { contents: Some(contents), ..input }, Vec::new())),
            Ok(576)
        );
    }

    #[test]
    fn what_would_fill_the_memory_is_refused() {
        let many = ModelInferRequest { inputs: vec![Default::default(); 2000], ..Default::default() };
        assert_eq!(walked(&many), Err("too_large"));
        assert_eq!(walked(&request(Default::default(), vec![Bytes::new(); 2000])), Err("too_large"));
        let files = InferTensorContents { bytes_contents: vec![Bytes::new(); 2000], ..Default::default() };
        let doubles = InferTensorContents { int64_contents: vec![0; 9], ..Default::default() };
        let long = InferInputTensor { shape: vec![1; 200], ..Default::default() };
        let with = |contents| InferInputTensor { contents: Some(contents), ..Default::default() };
        assert_eq!(walked(&request(with(files), Vec::new())), Err("too_large"));
        assert_eq!(walked(&request(with(doubles), Vec::new())), Err("bad_request"));
        assert_eq!(walked(&request(long, Vec::new())), Err("bad_request"));
        assert_eq!(further_bytes(Bytes::from_static(&[0x2a, 9, 1]), 2).unwrap_err().code, "bad_request");
    }

    #[test]
    fn a_body_is_one_message() {
        let framed = |compressed: u8, length: u32, bytes: &[u8]| {
            let mut body = vec![compressed];
            body.extend(length.to_be_bytes());
            body.extend(bytes);
            message(body.into()).map_err(|failure| failure.code)
        };
        assert_eq!(framed(0, 3, b"abc"), Ok(Bytes::from_static(b"abc")));
        assert_eq!(framed(0, 0, b""), Ok(Bytes::new()));
        assert_eq!(framed(1, 3, b"abc"), Err("unimplemented"));
        assert_eq!((framed(0, 2, b"abc"), framed(0, 4, b"abc")), (Err("bad_request"), Err("bad_request")));
        assert_eq!(message(Bytes::from_static(b"\0\0\0")).unwrap_err().code, "bad_request");
    }
}
