//! Checks of the containers of PNG, WebP and BMP before their decoders see them: sizes against the
//! file, and what only metadata need.

use std::borrow::Cow;

use image::metadata::Orientation;

use super::Header;
use super::error::Fault;
use super::parts::Bytes;

fn cut() -> Fault {
    Fault::damaged("it ends too early")
}

fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
}

/// The chunks of a PNG: kind, place, and place behind it (PNG specification, 5.3). The last may
/// reach beyond the file.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], usize, usize)> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let head = bytes.get(at..)?.first_chunk::<8>()?;
        let [a, b, c, d, kind @ ..] = *head;
        let begin = at;
        at = at.saturating_add(u32::from_be_bytes([a, b, c, d]) as usize).saturating_add(12);
        Some((kind, begin, at))
    })
}

/// Whether the chunks of a PNG end with a complete IEND chunk.
pub(super) fn png_has_end(bytes: &[u8]) -> bool {
    png_chunks(bytes).any(|(kind, _, end)| &kind == b"IEND" && end <= bytes.len())
}

/// Whether a PNG was changed for Apple's devices, which is no PNG any more.
pub(super) fn is_apple_png(bytes: &[u8]) -> bool {
    png_chunks(bytes).next().is_some_and(|(kind, ..)| &kind == b"CgBI")
}

/// Width and height from the first chunk of a PNG (PNG specification, 11.2.2).
pub(super) fn png_size(bytes: &[u8]) -> Result<(usize, usize), Fault> {
    let size = bytes.get(16..24).ok_or_else(cut)?;
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(Fault::damaged("its first bytes were changed, as by a transfer as text"));
    }
    let side = |at: usize| u32::from_be_bytes([size[at], size[at + 1], size[at + 2], size[at + 3]]) as usize;
    Ok((side(0), side(4)))
}

/// A PNG without its texts, colour profile and animation, which a decoder would unpack although they
/// do not change the pixels.
pub(super) fn png_pixels(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unused =
        |kind: &[u8; 4]| matches!(kind, b"iCCP" | b"zTXt" | b"iTXt" | b"tEXt" | b"acTL" | b"fcTL" | b"fdAT");
    if !png_chunks(bytes).any(|(kind, ..)| unused(&kind)) {
        return Cow::Borrowed(bytes);
    }
    let mut kept = bytes[..8].to_vec();
    for (kind, begin, end) in png_chunks(bytes) {
        if !unused(&kind) {
            kept.extend(&bytes[begin..end.min(bytes.len())]);
        }
    }
    Cow::Owned(kept)
}

/// Frames of an animated PNG beside the image that is read (PNG specification, third edition,
/// 11.3.4).
pub(super) fn png_further_frames(bytes: &[u8]) -> usize {
    let before_pixels = png_chunks(bytes).take_while(|(kind, ..)| kind != b"IDAT");
    let own = before_pixels.filter(|(kind, ..)| kind == b"fcTL").count();
    let frames = png_chunks(bytes).filter(|(kind, ..)| kind == b"fcTL").count();
    frames - own.min(frames)
}

/// The chunks of a RIFF container from `at` to `end`: kind, and where their content begins and ends.
fn riff_chunks(bytes: &[u8], mut at: usize, end: usize) -> Result<Vec<([u8; 4], usize, usize)>, Fault> {
    let mut chunks = Vec::new();
    while at + 8 <= end {
        let kind = *bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(cut)?;
        let begin = at + 8;
        let length = le32(bytes, at + 4).ok_or_else(cut)?;
        let behind = begin.checked_add(length).filter(|&behind| behind <= end).ok_or_else(|| {
            let name = kind.escape_ascii();
            Fault::Damaged(format!("its chunk {name} reaches beyond the end of what holds it"), None)
        })?;
        chunks.push((kind, begin, behind));
        at = behind + length % 2;
    }
    Ok(chunks)
}

/// A RIFF file up to the end that it states, or as much of it as there is.
pub(super) fn riff_content(bytes: &[u8]) -> &[u8] {
    riff_end(bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

/// The place behind a RIFF file, as it states it.
fn riff_end(bytes: &[u8]) -> Option<usize> {
    le32(bytes, 4)?.checked_add(8)
}

/// What the chunks of a WebP file say.
pub(super) struct WebP {
    /// Whether pixels are lossily compressed.
    pub(super) lossy: bool,
    /// Frames behind the first.
    pub(super) further_frames: usize,
}

impl WebP {
    /// Checks that the file is whole and that every chunk lies inside it, so that no decoder reserves
    /// memory for a length that is wrong (WebP container specification).
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let end = riff_end(bytes).ok_or_else(cut)?;
        if end > bytes.len() {
            return Err(cut());
        }
        let chunks = riff_chunks(bytes, 12, end)?;
        let (mut frames, mut lossy) = (0usize, false);
        for (kind, begin, end) in chunks {
            lossy |= &kind == b"VP8 ";
            if &kind == b"ANMF" {
                frames += 1;
                let parts = riff_chunks(bytes, begin.saturating_add(16), end)?;
                lossy |= parts.iter().any(|(kind, ..)| kind == b"VP8 ");
            }
        }
        Ok(Self { lossy, further_frames: frames.saturating_sub(1) })
    }
}

/// Size and orientation of a WebP file, without its pixels (WebP container specification; RFC 6386,
/// 9.1 for lossy images).
pub(super) fn webp_header(bytes: Bytes<'_>) -> Result<Header, Fault> {
    let get = |at: u64, length: u64| bytes.get(at, length).ok_or_else(cut);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
    let length = |at: u64| get(at + 4, 4).map(|four| number(four) as u64);
    let first = get(12, 18)?;
    let (width, height) = match &first[..4] {
        b"VP8X" => (number(&first[12..15]) + 1, number(&first[15..18]) + 1),
        b"VP8 " => (number(&first[14..16]) & 0x3FFF, number(&first[16..18]) & 0x3FFF),
        b"VP8L" => {
            let sides = number(&first[9..13]);
            ((sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1)
        }
        _ => return Err(cut()),
    };
    let mut orientation = None;
    let (mut at, end) = (12, (length(0)? + 8).min(bytes.len()));
    while &first[..4] == b"VP8X" && orientation.is_none() && at + 8 <= end {
        let (kind, content) = (get(at, 4)?, length(at)?);
        if kind == b"EXIF" {
            orientation = Some(Orientation::from_exif_chunk(get(at + 8, content)?));
        }
        at += 8 + content.next_multiple_of(2);
    }
    Ok(Header {
        width,
        height,
        orientation: orientation.flatten().unwrap_or(Orientation::NoTransforms),
        // At least; the decoder knows of alpha.
        bytes_per_pixel: 3,
        extra_bytes: 0,
        lossy: false,
        further_pages: 0,
        states_depth: false,
    })
}

/// Checks that a BMP has data for all its pixels: its decoder would reserve memory for them first,
/// and fill with zeros what run lengths leave out.
pub(super) fn check_bmp(bytes: &[u8]) -> Result<(), Fault> {
    let field = |at| le32(bytes, at).ok_or_else(cut);
    let (data, head) = (field(10)?, field(14)?);
    let short = |at: usize| field(at).map(|value| value & 0xFFFF);
    let (width, height, bits, compression) = if head == 12 {
        (short(18)?, short(20)?, short(24)?, 0)
    } else {
        let height = (field(22)? as u32 as i32).unsigned_abs() as usize;
        (field(18)?, height, short(28)?, if head >= 40 { field(30)? } else { 0 })
    };
    let stored = bytes.get(data..).ok_or_else(cut)?;
    match compression {
        1 | 2 => check_runs(stored, width, height, compression == 1),
        0 | 3 | 6 => {
            let row = width.saturating_mul(bits).div_ceil(32).saturating_mul(4);
            // The last row need not be filled up.
            let last = width.saturating_mul(bits).div_ceil(8);
            let needed = row.saturating_mul(height.saturating_sub(1)).saturating_add(last);
            if stored.len() < needed { Err(cut()) } else { Ok(()) }
        }
        // The decoder names what it does not read.
        _ => Ok(()),
    }
}

/// Checks that run lengths give every pixel a value (Microsoft's description of bitmap compression).
fn check_runs(mut stored: &[u8], width: usize, height: usize, bytes: bool) -> Result<(), Fault> {
    let (mut x, mut y, mut given) = (0usize, 0usize, 0u64);
    while y < height {
        let &[count, value, ref rest @ ..] = stored else { return Err(cut()) };
        stored = rest;
        let run = match (count, value) {
            (0, 0) => {
                (x, y) = (0, y + 1);
                continue;
            }
            (0, 1) => break,
            (0, 2) => {
                let &[right, down, ref rest @ ..] = stored else { return Err(cut()) };
                stored = rest;
                (x, y) = (x + usize::from(right), y + usize::from(down));
                continue;
            }
            (0, literal) => {
                let literal = usize::from(literal);
                let length = if bytes { literal } else { literal.div_ceil(2) }.next_multiple_of(2);
                stored = stored.get(length..).ok_or_else(cut)?;
                literal
            }
            (run, _) => usize::from(run),
        };
        given += run.min(width.saturating_sub(x)) as u64;
        x += run;
    }
    let pixels = width as u64 * height as u64;
    if given < pixels {
        let missing = pixels - given;
        return Err(Fault::unsupported(format!("it is a BMP whose run lengths leave out {missing} pixels")));
    }
    Ok(())
}
