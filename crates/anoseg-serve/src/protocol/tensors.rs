//! Inputs of a request, whichever way they come: their checks, and the images in them.

use anoseg::decode::LONGEST_SIDE;
use bytes::{Buf as _, Bytes};

use crate::failure::Failure;

/// The inputs that a model takes, one of them in each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// Pixels of images of one size.
    Pixels,
    /// Image files.
    Files,
}

impl InputKind {
    pub(crate) const ALL: [Self; 2] = [Self::Pixels, Self::Files];

    /// The input of this name.
    ///
    /// # Errors
    /// There is none, or it has another datatype.
    pub(crate) fn of(name: &str, datatype: &str) -> Result<Self, Failure> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        let kind =
            kind.ok_or_else(|| Failure::bad_request("the inputs of a model are image and image_bytes"))?;
        if kind.datatype() != datatype {
            let message = format!("{} has the datatype {}", kind.name(), kind.datatype());
            return Err(Failure::bad_request(message));
        }
        Ok(kind)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pixels => "image",
            Self::Files => "image_bytes",
        }
    }

    pub(crate) fn datatype(self) -> &'static str {
        match self {
            Self::Pixels => "UINT8",
            Self::Files => "BYTES",
        }
    }

    pub(crate) fn shape(self) -> &'static [i64] {
        match self {
            Self::Pixels => &[-1, -1, -1, 3],
            Self::Files => &[-1],
        }
    }
}

/// The images of a request.
#[derive(Debug)]
pub(crate) enum Images {
    /// Red, green, blue of one byte each, image after image.
    Pixels { samples: Bytes, size: (usize, usize) },
    /// A file each.
    Files(Vec<Bytes>),
}

impl Images {
    pub(crate) fn count(&self) -> usize {
        match self {
            // The sizes were compared with the number of bytes.
            Self::Pixels { samples, size: (width, height) } => samples.len() / (3 * width * height),
            Self::Files(files) => files.len(),
        }
    }
}

/// The elements of an input, in the form in which they came.
pub(crate) trait Data {
    /// The elements as numbers of UINT8. More than `length` need not be read.
    ///
    /// # Errors
    /// They are none.
    fn numbers(self, length: usize) -> Result<Bytes, Failure>;

    /// The elements as files, at most `most`.
    ///
    /// # Errors
    /// They are none, or more.
    fn files(self, most: usize) -> Result<Vec<Bytes>, Failure>;
}

/// The bytes of a tensor: numbers as they are, files with their lengths.
impl Data for Bytes {
    fn numbers(self, _: usize) -> Result<Bytes, Failure> {
        Ok(self)
    }

    fn files(self, most: usize) -> Result<Vec<Bytes>, Failure> {
        elements(self, most)
    }
}

/// The only input of a request.
///
/// # Errors
/// There are none or several.
pub(crate) fn only<T>(inputs: Vec<T>) -> Result<T, Failure> {
    <[T; 1]>::try_from(inputs).map(|[input]| input).map_err(|inputs| {
        let message = format!("a request has one input, image or image_bytes, and this has {}", inputs.len());
        Failure::bad_request(message)
    })
}

/// # Errors
/// A parameter of an input asks for shared memory.
pub(crate) fn refuse_shared_memory<'a>(
    parameters: impl IntoIterator<Item = &'a String>,
) -> Result<(), Failure> {
    if parameters.into_iter().any(|name| name.starts_with("shared_memory")) {
        return Err(Failure::bad_request("shared memory is not supported"));
    }
    Ok(())
}

/// The images of an input; at most `most`.
///
/// # Errors
/// Shape or data are not those of the input.
pub(crate) fn images(
    kind: InputKind,
    shape: &[u64],
    data: impl Data,
    most: usize,
) -> Result<Images, Failure> {
    match kind {
        InputKind::Pixels => pixels(shape, data, most),
        InputKind::Files => files(shape, data, most),
    }
}

fn pixels(shape: &[u64], data: impl Data, most: usize) -> Result<Images, Failure> {
    let &[count, height, width, 3] = shape else {
        return Err(Failure::bad_request("the shape of image is [images, height, width, 3]"));
    };
    check_count(count, most)?;
    if !(1..=LONGEST_SIDE as u64).contains(&width) || !(1..=LONGEST_SIDE as u64).contains(&height) {
        return Err(Failure::bad_request(format!("sides of an image are 1 to {LONGEST_SIDE}")));
    }
    // At most 2^32 pixels an image by the sides, and `most` images.
    let length = usize::try_from(count.saturating_mul(3 * width * height)).unwrap_or(usize::MAX);
    let samples = data.numbers(length)?;
    if samples.len() != length {
        let message = format!("the shape asks for {length} numbers, and there are {}", samples.len());
        return Err(Failure::bad_request(message));
    }
    Ok(Images::Pixels { samples, size: (width as usize, height as usize) })
}

fn files(shape: &[u64], data: impl Data, most: usize) -> Result<Images, Failure> {
    let count = match shape {
        &[count] | &[count, 1] => count,
        _ => return Err(Failure::bad_request("the shape of image_bytes is [images]")),
    };
    check_count(count, most)?;
    let files = data.files(most)?;
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
