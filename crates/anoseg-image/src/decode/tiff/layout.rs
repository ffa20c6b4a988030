//! What a page of a TIFF says about the layout and meaning of its samples.

use super::super::error::Fault;
use super::directory::{Directory, tag};

/// How the values of a pixel make a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    BlackIsZero,
    WhiteIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

impl Meaning {
    /// Values per pixel, without extra samples.
    pub(super) fn colours(self) -> usize {
        match self {
            Self::BlackIsZero | Self::WhiteIsZero | Self::Palette => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// A supported compression (TIFF 6.0, technical notes 1 and 2, and the registered private ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Group3,
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
    Zstandard,
}

impl Compression {
    fn of(number: u64) -> Result<Self, Fault> {
        let name = match number {
            1 => return Ok(Self::None),
            3 => return Ok(Self::Group3),
            4 => return Ok(Self::Group4),
            5 => return Ok(Self::Lzw),
            7 => return Ok(Self::Jpeg),
            8 | 32_946 => return Ok(Self::Deflate),
            32_773 => return Ok(Self::PackBits),
            50_000 => return Ok(Self::Zstandard),
            2 => "CCITT run lengths",
            6 => "old-style JPEG",
            32_809 => "ThunderScan",
            32_909 => "PixarLog",
            33_003 | 33_004 | 33_005 | 34_712 => "JPEG 2000",
            34_676 | 34_677 => "SGI Log",
            34_887 => "LERC",
            34_892 | 52_546 => "lossless JPEG",
            34_925 => "LZMA",
            50_001 => "WebP",
            50_002 | 52_545 => "JPEG XL",
            _ => return Err(Fault::unsupported(format!("it is a TIFF of the unknown compression {number}"))),
        };
        Err(Fault::unsupported(format!("it is a TIFF with {name} compression")))
    }
}

/// The type of the stored samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Unsigned,
    Float,
}

/// The layout of a page.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits per sample.
    pub(super) bits: usize,
    pub(super) format: Format,
    /// Samples per pixel as stored.
    pub(super) samples: usize,
    /// Whether each colour has its own strips or tiles.
    pub(super) planar: bool,
    pub(super) meaning: Meaning,
    pub(super) compression: Compression,
    pub(super) predictor: u64,
    /// Whether the first sample is in the low bits of a byte.
    pub(super) low_bit_first: bool,
    /// Width and height of a strip or tile.
    pub(super) chunk: (usize, usize),
    pub(super) tiled: bool,
    /// Whether the low byte of a number comes first.
    pub(super) little: bool,
    /// Columns and rows of a cell of pixels that share one colour (YCbCr).
    pub(super) subsampling: (usize, usize),
}

impl Layout {
    pub(super) fn of(page: &Directory) -> Result<Self, Fault> {
        let (width, height) = size(page)?;
        let number = |tag, default| page.number(tag).map(|value| value.unwrap_or(default));
        let raw_camera = page.has(tag::DNG_VERSION) && number(tag::PHOTOMETRIC, 1)? >= 32_768;
        if raw_camera || number(tag::PHOTOMETRIC, 1)? == 32_803 {
            return Err(Fault::unsupported("it is a raw camera image, a kind that is not read"));
        }
        let compression = Compression::of(number(tag::COMPRESSION, 1)?)?;
        if compression == Compression::Group3 && number(tag::T4_OPTIONS, 0)? & 1 == 1 {
            return Err(Fault::unsupported("it is a TIFF with two-dimensional Group 3 fax compression"));
        }
        let samples = number(tag::SAMPLES_PER_PIXEL, 1)? as usize;
        if !(1..=64).contains(&samples) {
            return Err(Fault::unsupported(format!("it is a TIFF of {samples} samples per pixel")));
        }
        if number(tag::IMAGE_DEPTH, 1)? > 1 {
            return Err(Fault::unsupported("it is a TIFF of a volume"));
        }
        let bits = same(page, tag::BITS_PER_SAMPLE, 1, "of different depths")? as usize;
        let format = match same(page, tag::SAMPLE_FORMAT, 1, "of samples of different types")? {
            1 | 4 => Format::Unsigned,
            2 => return Err(Fault::unsupported("it is a TIFF of signed integers, which have no full scale")),
            3 => Format::Float,
            _ => return Err(Fault::unsupported("it is a TIFF of complex numbers")),
        };
        let depth_is_known = match format {
            Format::Unsigned => (1..=32).contains(&bits),
            Format::Float => matches!(bits, 16 | 24 | 32 | 64),
        };
        if !depth_is_known {
            return Err(Fault::unsupported(format!("it is a TIFF of {bits} bits per sample")));
        }
        let tiled = page.has(tag::TILE_OFFSETS) || page.has(tag::TILE_WIDTH);
        let chunk = if tiled {
            (number(tag::TILE_WIDTH, 0)? as usize, number(tag::TILE_LENGTH, 0)? as usize)
        } else {
            let rows = number(tag::ROWS_PER_STRIP, u64::MAX)?.min(height as u64);
            (width, rows as usize)
        };
        if chunk.0 == 0 || chunk.1 == 0 {
            return Err(Fault::damaged("its strips or tiles have no size"));
        }
        let layout = Self {
            width,
            height,
            bits,
            format,
            samples,
            planar: number(tag::PLANAR_CONFIGURATION, 1)? == 2 && samples > 1,
            meaning: meaning(page, samples)?,
            compression,
            predictor: number(tag::PREDICTOR, 1)?,
            low_bit_first: number(tag::FILL_ORDER, 1)? == 2,
            chunk,
            tiled,
            little: page.file.little,
            subsampling: (1, 1),
        };
        layout.with_subsampling(page)?.checked()
    }

    fn with_subsampling(mut self, page: &Directory) -> Result<Self, Fault> {
        if self.meaning == Meaning::YCbCr && self.compression != Compression::Jpeg {
            // TIFF 6.0, section 21: two of each where the tag is absent.
            self.subsampling = match page.numbers(tag::YCBCR_SUBSAMPLING)?[..] {
                [] => (2, 2),
                [across @ (1 | 2 | 4), down @ (1 | 2 | 4)] => (across as usize, down as usize),
                _ => return Err(Fault::damaged("the resolution of its colours is not valid")),
            };
        }
        Ok(self)
    }

    /// Refuses combinations that are not read.
    fn checked(self) -> Result<Self, Fault> {
        let refuse = |what: String| Err(Fault::unsupported(format!("it is a TIFF {what}")));
        let (bits, integers) = (self.bits, self.format == Format::Unsigned);
        match self.meaning {
            Meaning::Palette if !integers || bits > 16 => return refuse(format!("palette of {bits} bits")),
            Meaning::WhiteIsZero if !integers => return refuse("of floats with white as zero".into()),
            Meaning::YCbCr if !integers || bits != 8 => return refuse(format!("of YCbCr of {bits} bits")),
            Meaning::YCbCr if self.subsampling != (1, 1) && (self.planar || self.samples != 3) => {
                return refuse("of YCbCr with colours at a lower resolution in separate planes".into());
            }
            Meaning::Cmyk if !integers || !matches!(bits, 8 | 16) => {
                return refuse(format!("of CMYK of {bits} bits"));
            }
            _ => {}
        }
        match self.compression {
            Compression::Jpeg if !integers || bits != 8 => {
                return refuse(format!("with JPEG compression of {bits} bits"));
            }
            Compression::Group3 | Compression::Group4 if bits != 1 || self.samples != 1 => {
                return refuse("with fax compression of more than one bit".into());
            }
            _ => {}
        }
        match self.predictor {
            1 => {}
            2 if integers && matches!(bits, 8 | 16 | 32) && self.subsampling == (1, 1) => {}
            3 if !integers => {}
            other => return refuse(format!("with predictor {other} on {bits} bits")),
        }
        Ok(self)
    }

    /// Samples per pixel in one strip or tile.
    pub(super) fn interleaved(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of a row of a strip or tile, decompressed. With subsampled colours: of a row of cells.
    pub(super) fn row_bytes(&self) -> usize {
        let (across, down) = self.subsampling;
        if self.subsampling != (1, 1) {
            return self.chunk.0.div_ceil(across).saturating_mul(across * down + 2);
        }
        self.chunk.0.saturating_mul(self.interleaved()).saturating_mul(self.bits).div_ceil(8)
    }

    /// Bytes of `rows` rows of a strip or tile, decompressed.
    pub(super) fn chunk_bytes(&self, rows: usize) -> usize {
        rows.div_ceil(self.subsampling.1).saturating_mul(self.row_bytes())
    }
}

/// Width and height, which every page has.
pub(super) fn size(page: &Directory) -> Result<(usize, usize), Fault> {
    let side = |tag| -> Result<usize, Fault> {
        let value = page.number(tag)?.ok_or_else(|| Fault::damaged("a page does not give its size"))?;
        Ok(usize::try_from(value).unwrap_or(usize::MAX))
    };
    Ok((side(tag::WIDTH)?, side(tag::HEIGHT)?))
}

/// The value of a tag that has one value per sample, if all are equal.
fn same(page: &Directory, tag: u16, default: u64, otherwise: &str) -> Result<u64, Fault> {
    let values = page.numbers(tag)?;
    let first = values.first().copied().unwrap_or(default);
    if values.iter().any(|&value| value != first) {
        return Err(Fault::unsupported(format!("it is a TIFF {otherwise}: {values:?}")));
    }
    Ok(first)
}

fn meaning(page: &Directory, samples: usize) -> Result<Meaning, Fault> {
    let extra = page.numbers(tag::EXTRA_SAMPLES)?;
    let alpha = extra.iter().filter(|kind| matches!(kind, 1 | 2)).count();
    let found = match page.number(tag::PHOTOMETRIC)? {
        // Grey with more samples is what programs write that do not know the meaning of theirs. One
        // more sample is alpha; three are taken for red, green and blue.
        Some(grey @ (0 | 1)) => match (grey, samples - alpha.min(samples)) {
            (1, 3) => Meaning::Rgb,
            (0, 0..=2) => Meaning::WhiteIsZero,
            (_, 0..=2) => Meaning::BlackIsZero,
            (_, bands) => {
                return Err(Fault::unsupported(format!(
                    "it is a TIFF of {bands} bands, which have no colours"
                )));
            }
        },
        Some(2) => Meaning::Rgb,
        Some(3) => Meaning::Palette,
        Some(4) => return Err(Fault::unsupported("it is a TIFF that holds a transparency mask alone")),
        Some(5) if page.number(tag::INK_SET)?.unwrap_or(1) != 1 => {
            return Err(Fault::unsupported("it is a TIFF of inks other than CMYK"));
        }
        Some(5) => Meaning::Cmyk,
        Some(6) => Meaning::YCbCr,
        Some(8..=10) => return Err(Fault::unsupported("it is a TIFF of L*a*b* colours")),
        Some(other) => return Err(Fault::unsupported(format!("it is a TIFF of colour type {other}"))),
        None if samples >= 3 => Meaning::Rgb,
        None => Meaning::BlackIsZero,
    };
    if samples < found.colours() {
        return Err(Fault::Damaged(
            format!("its pixels have {samples} samples, too few for {found:?}"),
            None,
        ));
    }
    Ok(found)
}
