//! JPEG: sequential and progressive Huffman coding, 8 bits; grey, colour and CMYK.
//!
//! Every scan is first read strictly by the code here, which finds missing data before an end
//! marker, missing scans and the layouts that the `zune-jpeg` decoder gets wrong. That decoder, which
//! is faster, then makes the pixels where it is right; the others are rendered here.

mod huffman;
mod multi;
mod render;
mod scan;
mod segments;

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::Header;
use super::error::Fault;
use super::limits::LONGEST_SIDE;
use super::raster::{Raster, Samples};
pub(super) use render::rgb;
use scan::Coefficients;
use segments::{Colours, Frame, Segments};

pub(super) fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let mut segments = Segments::new(bytes);
    let first = segments.next_scan()?;
    let exif = segments.exif.and_then(Orientation::from_exif_chunk);
    let frame = segments.frame.ok_or_else(|| Fault::damaged("it has no frame header"))?;
    let first = first.ok_or_else(|| Fault::damaged("it ends too early"))?;
    let components = frame.components.len() as u64;
    let out = if components == 1 { 1 } else { 3 };
    // Several scans: 2-byte coefficients, samples as stored and at full size.
    let kept =
        if frame.progressive || (first.components.len() as u64) < components { 4 * components } else { 0 };
    Ok(Header {
        width: frame.width,
        height: frame.height,
        orientation: exif.unwrap_or(Orientation::NoTransforms),
        bytes_per_pixel: out + kept,
        // The segments that matter, twice.
        extra_bytes: 2 * bytes.len() as u64,
        lossy: true,
        further_pages: segments.images.map_or(0, |at| multi::further_images(bytes, at, &frame)),
        states_depth: false,
    })
}

pub(super) fn pixels(bytes: &[u8], header: &Header) -> Result<Raster, Fault> {
    let (width, height) = (header.width, header.height);
    let raster = |data: Vec<u8>| Raster::new(width, height, data.len() / (width * height), Samples::U8(data));
    let scans =
        Scans::read(bytes, |frame, one_scan| frame.progressive || !(one_scan && zune_is_right(frame)))?;
    if zune_is_right(&scans.frame)
        && (scans.one || scans.frame.progressive)
        && let Ok(data) = by_zune(&scans, width * height)
    {
        return Ok(raster(data));
    }
    // Where the other decoder refuses what was found whole, its strictness goes too far.
    let scans = if scans.kept { scans } else { Scans::read(bytes, |_, _| true)? };
    let Scans { segments, frame, coefficients, .. } = scans;
    render::render(&frame, coefficients, &segments.latched, segments.colours()).map(raster)
}

/// A JPEG inside another file, as interleaved samples.
pub(super) struct Part {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) data: Vec<u8>,
}

/// Decodes a JPEG inside another file, whose size must be as expected. Its components are kept as
/// they are, but for YCbCr, which is turned into RGB.
pub(super) fn part(bytes: &[u8], is_ycbcr: bool, expected: (usize, usize)) -> Result<Part, Fault> {
    let header = header(bytes)?;
    let (width, height) = (header.width, header.height);
    // Rows that fill up the last blocks may be counted or not.
    if width != expected.0 || height > expected.1.saturating_add(31) {
        return Err(Fault::damaged("a JPEG strip or tile differs from its page in size"));
    }
    let Scans { segments, frame, coefficients, .. } = Scans::read(bytes, |_, _| true)?;
    let channels = frame.components.len();
    let colours = if is_ycbcr { Colours::YCbCr } else { Colours::AsTheyAre };
    let data = render::render(&frame, coefficients, &segments.latched, colours)?;
    Ok(Part { width, height, channels, data })
}

/// All scans of a file, read strictly.
struct Scans<'a> {
    segments: Segments<'a>,
    frame: Frame,
    coefficients: Coefficients,
    /// Whether the coefficients were kept.
    kept: bool,
    /// Whether there is one sequential scan of all components.
    one: bool,
}

impl<'a> Scans<'a> {
    /// Whether to keep the coefficients is decided by the frame and whether there is one sequential
    /// scan.
    fn read(bytes: &'a [u8], keep: impl Fn(&Frame, bool) -> bool) -> Result<Self, Fault> {
        let mut segments = Segments::new(bytes);
        let mut scan = segments.next_scan()?.ok_or_else(|| Fault::damaged("it ends too early"))?;
        let frame = segments.frame.clone().ok_or_else(|| Fault::damaged("it has no frame header"))?;
        let one = !frame.progressive && scan.components.len() == frame.components.len();
        let kept = keep(&frame, one);
        let mut coefficients = Coefficients::new(&frame, kept);
        loop {
            let begin = segments.at;
            coefficients.read(&frame, &scan, &mut segments)?;
            segments.kept.extend(&bytes[begin..segments.at]);
            match segments.next_scan()? {
                Some(next) if !one => scan = next,
                _ => break,
            }
        }
        coefficients.check_complete()?;
        // Without an end marker the data must end with the last pixel. A file that was filled up with
        // zeros goes on.
        if !segments.ended && segments.left_over {
            return Err(Fault::damaged("it ends too early"));
        }
        Ok(Self { segments, frame, coefficients, kept, one })
    }
}

/// Whether `zune-jpeg` renders such a frame as other decoders do, but for roundings and the last row
/// of colours at half height, where it goes on with what fills up the last blocks.
fn zune_is_right(frame: &Frame) -> bool {
    let factors: Vec<(usize, usize)> = frame.components.iter().map(|c| (c.across, c.down)).collect();
    match factors[..] {
        [(1, 1)] => true,
        [luma, (1, 1), (1, 1)] => matches!(luma, (1 | 2, 1 | 2)),
        [(1, 1), (1, 1), (1, 1), (1, 1)] => true,
        _ => false,
    }
}

/// The pixels, grey or RGB, decoded by `zune-jpeg` from the segments that matter.
fn by_zune(scans: &Scans, pixels: usize) -> Result<Vec<u8>, DecodeErrors> {
    let mut bytes = scans.segments.kept.clone();
    // Before an end marker it would read missing data as zeros. It reads up to 8 bytes ahead without
    // using them. A progressive file needs the marker.
    bytes.extend(if scans.one { &[0; 16][..] } else { &[0xFF, 0xD9] });
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LONGEST_SIDE)
        .set_max_height(LONGEST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes[..]), options);
    decoder.decode_headers()?;
    let grey = scans.frame.components.len() == 1;
    let colours = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let mut data = vec![0; pixels * if grey { 1 } else { 3 }];
    decoder.decode_into(&mut data)?;
    Ok(data)
}
