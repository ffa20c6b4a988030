//! PBM, PGM, PPM and PAM (P1 to P7; netpbm's format descriptions). The declared maximum is full
//! scale.

use image::metadata::Orientation;

use super::Header;
use super::error::Fault;
use super::raster::{Raster, Samples};

/// The header of one image.
struct Head {
    width: usize,
    height: usize,
    /// Samples per pixel.
    depth: usize,
    max: u32,
    coding: Coding,
    /// Where the samples begin.
    data: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// Digits 0 and 1, which need no space between them; 1 is black.
    TextBits,
    /// Eight pixels per byte, each row filled up; 1 is black.
    PackedBits,
    Text,
    Binary,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut tokens = Tokens { bytes, at: 2 };
        let (coding, depth) = match bytes.get(..2) {
            Some(b"P1") => (Coding::TextBits, 1),
            Some(b"P2") => (Coding::Text, 1),
            Some(b"P3") => (Coding::Text, 3),
            Some(b"P4") => (Coding::PackedBits, 1),
            Some(b"P5") => (Coding::Binary, 1),
            Some(b"P6") => (Coding::Binary, 3),
            Some(b"P7") => return Self::any_map(tokens),
            _ => return Err(Fault::damaged("it has no header")),
        };
        let (width, height) = (tokens.number()?, tokens.number()?);
        let bits = matches!(coding, Coding::TextBits | Coding::PackedBits);
        let max = if bits { 1 } else { tokens.number()? };
        Self::checked(width, height, depth, max, coding, tokens.at + 1)
    }

    /// The header of PAM: a name and a value per line.
    fn any_map(mut tokens: Tokens) -> Result<Self, Fault> {
        let (mut width, mut height, mut depth, mut max) = (0, 0, 0, 0);
        loop {
            match tokens.word()? {
                b"WIDTH" => width = tokens.number()?,
                b"HEIGHT" => height = tokens.number()?,
                b"DEPTH" => depth = tokens.number()?,
                b"MAXVAL" => max = tokens.number()?,
                b"TUPLTYPE" => {
                    tokens.word()?;
                }
                b"ENDHDR" => break,
                _ => return Err(Fault::damaged("its header has an unknown line")),
            }
        }
        if !(1..=4).contains(&depth) {
            return Err(Fault::unsupported(format!("it is a PAM of {depth} samples per pixel")));
        }
        Self::checked(width, height, depth, max, Coding::Binary, tokens.at + 1)
    }

    fn checked(
        w: usize,
        h: usize,
        depth: usize,
        max: usize,
        coding: Coding,
        data: usize,
    ) -> Result<Self, Fault> {
        if w == 0 || h == 0 || !(1..=65_535).contains(&max) {
            return Err(Fault::damaged("its header gives no size or no full scale"));
        }
        Ok(Self { width: w, height: h, depth, max: max as u32, coding, data })
    }

    /// Bytes of the samples; `None` where they are text.
    fn data_bytes(&self) -> Option<usize> {
        match self.coding {
            Coding::PackedBits => self.width.div_ceil(8).checked_mul(self.height),
            Coding::Binary => {
                let size = if self.max > 255 { 2 } else { 1 };
                self.width.checked_mul(self.height)?.checked_mul(self.depth * size)
            }
            Coding::Text | Coding::TextBits => None,
        }
    }

    /// The values in `bytes`, which begin with the first sample.
    fn values(&self, bytes: &[u8]) -> Result<Vec<u32>, Fault> {
        let count = self.width * self.height * self.depth;
        let cut = || Fault::damaged("it ends too early");
        let values: Vec<u32> = match self.coding {
            Coding::TextBits => {
                let digits = bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).take(count);
                // A value that is neither is above the maximum.
                digits.map(|&digit| u32::from(digit ^ b'1')).collect()
            }
            Coding::PackedBits => {
                let rows = bytes.chunks_exact(self.width.div_ceil(8)).take(self.height);
                let bit = |row: &[u8], x: usize| u32::from(row[x / 8] >> (7 - x % 8) & 1 == 0);
                rows.flat_map(|row| (0..self.width).map(move |x| bit(row, x))).collect()
            }
            Coding::Text => {
                let mut tokens = Tokens { bytes, at: 0 };
                (0..count).map(|_| tokens.number().map(|v| v as u32)).collect::<Result<_, _>>()?
            }
            Coding::Binary if self.max > 255 => {
                let pairs = bytes.as_chunks().0.iter().take(count);
                pairs.map(|pair| u32::from(u16::from_be_bytes(*pair))).collect()
            }
            Coding::Binary => bytes.iter().take(count).map(|&byte| u32::from(byte)).collect(),
        };
        if values.len() < count {
            return Err(cut());
        }
        if values.iter().any(|&value| value > self.max) {
            return Err(Fault::damaged("it holds values above the maximum that it declares"));
        }
        Ok(values)
    }
}

pub(super) fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let head = Head::read(bytes)?;
    Ok(Header {
        width: head.width,
        height: head.height,
        orientation: Orientation::NoTransforms,
        // Values as read, and at full scale.
        bytes_per_pixel: head.depth as u64 * if head.max > 255 { 6 } else { 5 },
        extra_bytes: 0,
        lossy: false,
        further_pages: further_images(bytes, &head),
        states_depth: (256..65_535).contains(&head.max),
    })
}

pub(super) fn pixels(bytes: &[u8]) -> Result<Raster, Fault> {
    let head = Head::read(bytes)?;
    let data = bytes.get(head.data..).ok_or_else(|| Fault::damaged("it ends too early"))?;
    if head.data_bytes().is_some_and(|length| data.len() < length) {
        return Err(Fault::damaged("it ends too early"));
    }
    let values = head.values(data)?;
    let (max, half) = (head.max, head.max / 2);
    let samples = if max > 255 {
        Samples::U16(values.into_iter().map(|v| ((v * 65_535 + half) / max) as u16).collect())
    } else {
        Samples::U8(values.into_iter().map(|v| ((v * 255 + half) / max) as u8).collect())
    };
    Ok(Raster::new(head.width, head.height, head.depth, samples))
}

/// Binary files may hold several images behind each other.
fn further_images(bytes: &[u8], first: &Head) -> usize {
    let (mut count, mut rest) = (0, bytes);
    let mut end = first.data_bytes().and_then(|length| first.data.checked_add(length));
    while let Some(next) = end.and_then(|end| rest.get(end..)) {
        rest = next;
        end = match Head::read(rest) {
            Ok(head) => {
                count += 1;
                head.data_bytes().and_then(|length| head.data.checked_add(length))
            }
            Err(_) => None,
        };
    }
    count
}

/// The words of a header, past white space and comments.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    fn word(&mut self) -> Result<&'a [u8], Fault> {
        let cut = || Fault::damaged("its header ends too early");
        loop {
            match self.bytes.get(self.at).ok_or_else(cut)? {
                b'#' => {
                    let line = self.bytes[self.at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                    self.at += line.ok_or_else(cut)?;
                }
                byte if byte.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'#');
        let word = &rest[..length.unwrap_or(rest.len())];
        self.at += word.len();
        Ok(word)
    }

    fn number(&mut self) -> Result<usize, Fault> {
        let word = self.word()?;
        let digits = std::str::from_utf8(word).ok().filter(|text| text.len() < 10);
        let number = digits.and_then(|text| text.parse::<u32>().ok());
        number.map(|n| n as usize).ok_or_else(|| Fault::damaged("it has text where a number belongs"))
    }
}
