//! The first frame of a GIF (GIF89a specification).

use image::metadata::Orientation;
use weezl::{BitOrder, LzwStatus};

use super::Header;
use super::error::Fault;
use super::raster::{Raster, Samples};

/// The first frame, and how many follow.
struct Frame<'a> {
    width: usize,
    height: usize,
    interlaced: bool,
    /// Red, green, blue of each index.
    palette: &'a [u8],
    code_size: u8,
    /// Where the blocks of its data begin.
    data: usize,
    further: usize,
}

fn cut() -> Fault {
    Fault::damaged("it ends too early")
}

fn number(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let pair = bytes.get(at..at + 2).ok_or_else(cut)?;
    Ok(usize::from(u16::from_le_bytes([pair[0], pair[1]])))
}

/// The palette that begins at `at`, where `flags` announce one.
fn palette(bytes: &[u8], flags: u8, at: usize) -> Result<&[u8], Fault> {
    let length = if flags & 0x80 == 0 { 0 } else { 3 << (usize::from(flags & 7) + 1) };
    bytes.get(at..at + length).ok_or_else(cut)
}

/// Goes over blocks of data; gives the place behind the empty one that ends them.
fn behind_blocks(bytes: &[u8], mut at: usize, mut block: impl FnMut(&[u8])) -> Result<usize, Fault> {
    loop {
        let length = usize::from(*bytes.get(at).ok_or_else(cut)?);
        let data = bytes.get(at + 1..at + 1 + length).ok_or_else(cut)?;
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
        block(data);
    }
}

impl<'a> Frame<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let (screen_width, screen_height) = (number(bytes, 6)?, number(bytes, 8)?);
        let flags = *bytes.get(10).ok_or_else(cut)?;
        let common = palette(bytes, flags, 13)?;
        let mut at = 13 + common.len();
        let mut first: Option<Self> = None;
        loop {
            let next = match (bytes.get(at), &mut first) {
                (Some(0x21), _) => behind_blocks(bytes, at + 2, |_| ()),
                (Some(0x2C), Some(frame)) => {
                    frame.further += 1;
                    Self::descriptor(bytes, at, common)
                        .and_then(|(_, frame)| behind_blocks(bytes, frame.data, |_| ()))
                }
                (Some(0x2C), None) => {
                    let (place, frame) = Self::descriptor(bytes, at, common)?;
                    if place != (0, 0) || (frame.width, frame.height) != (screen_width, screen_height) {
                        return Err(Fault::unsupported(
                            "it is a GIF whose first frame covers a part of it only",
                        ));
                    }
                    let data = frame.data;
                    first = Some(frame);
                    behind_blocks(bytes, data, |_| ())
                }
                (None | Some(0x3B), Some(_)) => break,
                (None, None) => return Err(cut()),
                (Some(_), Some(_)) => break,
                (Some(_), None) => return Err(Fault::damaged("it has no frame")),
            };
            at = match next {
                Ok(next) => next,
                // The first frame may be whole; its pixels tell.
                Err(_) if first.is_some() => break,
                Err(fault) => return Err(fault),
            };
        }
        first.ok_or_else(cut)
    }

    /// The description of the frame at `at`, and its place on the screen.
    fn descriptor(bytes: &'a [u8], at: usize, common: &'a [u8]) -> Result<((usize, usize), Self), Fault> {
        let flags = *bytes.get(at + 9).ok_or_else(cut)?;
        let own = palette(bytes, flags, at + 10)?;
        let data = at + 10 + own.len();
        let frame = Self {
            width: number(bytes, at + 5)?,
            height: number(bytes, at + 7)?,
            interlaced: flags & 0x40 != 0,
            palette: if own.is_empty() { common } else { own },
            code_size: *bytes.get(data).ok_or_else(cut)?,
            data: data + 1,
            further: 0,
        };
        Ok(((number(bytes, at + 1)?, number(bytes, at + 3)?), frame))
    }

    /// The palette index of every pixel, in the order of the data.
    fn indices(&self, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        if !(1..=8).contains(&self.code_size) {
            return Err(Fault::damaged("its compressed data have no valid code size"));
        }
        let mut decoder = weezl::decode::Decoder::new(BitOrder::Lsb, self.code_size);
        let count = self.width * self.height;
        let mut stored = Vec::new();
        // A cut file is decoded as far as it goes; then pixels are missing.
        let _ = behind_blocks(bytes, self.data, |block| stored.extend_from_slice(block));
        let (mut indices, mut rest) = (Vec::new(), &stored[..]);
        while indices.len() < count {
            let begin = indices.len();
            indices.resize(count.min(begin + (1 << 16)), 0);
            let step = decoder.decode_bytes(rest, &mut indices[begin..]);
            indices.truncate(begin + step.consumed_out);
            rest = &rest[step.consumed_in..];
            match step.status {
                Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
                Ok(_) => break,
                Err(_) => return Err(Fault::damaged("its compressed data hold an unknown code")),
            }
        }
        if indices.len() < count { Err(cut()) } else { Ok(indices) }
    }
}

pub(super) fn header(bytes: &[u8]) -> Result<Header, Fault> {
    let frame = Frame::read(bytes)?;
    Ok(Header {
        width: frame.width,
        height: frame.height,
        orientation: Orientation::NoTransforms,
        // The index and the colour.
        bytes_per_pixel: 4,
        extra_bytes: bytes.len() as u64,
        lossy: false,
        further_pages: frame.further,
        states_depth: false,
    })
}

pub(super) fn pixels(bytes: &[u8]) -> Result<Raster, Fault> {
    let frame = Frame::read(bytes)?;
    let (width, height) = (frame.width, frame.height);
    let indices = frame.indices(bytes)?;
    let colours = frame.palette.as_chunks::<3>().0;
    if indices.iter().any(|&index| usize::from(index) >= colours.len()) {
        return Err(Fault::damaged("its palette has too few colours"));
    }
    let grey = colours.iter().all(|[r, g, b]| r == g && g == b);
    let channels = if grey { 1 } else { 3 };
    let mut data = vec![0; width * height * channels];
    for (row, y) in indices.chunks_exact(width).zip(row_order(height, frame.interlaced)) {
        let to = &mut data[y * width * channels..(y + 1) * width * channels];
        for (to, &index) in to.chunks_exact_mut(channels).zip(row) {
            to.copy_from_slice(&colours[usize::from(index)][..channels]);
        }
    }
    Ok(Raster::new(width, height, channels, Samples::U8(data)))
}

/// The rows in the order of the data (GIF89a, appendix E).
fn row_order(height: usize, interlaced: bool) -> Vec<usize> {
    if !interlaced {
        return (0..height).collect();
    }
    let passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
    passes.iter().flat_map(|&(first, step)| (first..height).step_by(step)).collect()
}
