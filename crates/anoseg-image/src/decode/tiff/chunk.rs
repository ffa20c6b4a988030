//! The bytes of a strip or tile, decompressed.

use std::convert::Infallible;
use std::io::{ErrorKind, Read};

use fax::Color;
use fax::decoder::{DecodeStatus, Group3Decoder, Group4Decoder, pels};
use flate2::bufread::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;
use weezl::BitOrder;

use super::super::error::Fault;
use super::super::jpeg;
use super::layout::{Compression, Layout, Meaning};

/// Decompresses a strip or tile to `rows` rows of [`Layout::row_bytes`].
pub(super) fn decompressed(
    stored: &[u8],
    tables: Option<&[u8]>,
    layout: &Layout,
    rows: usize,
) -> Result<Vec<u8>, Fault> {
    let length = layout.chunk_bytes(rows);
    let reversed: Vec<u8>;
    let stored = if layout.low_bit_first && layout.compression != Compression::Jpeg {
        reversed = stored.iter().map(|byte| byte.reverse_bits()).collect();
        &reversed
    } else {
        stored
    };
    let mut data = match layout.compression {
        Compression::None => stored[..stored.len().min(length)].to_vec(),
        Compression::PackBits => packed_bits(stored, length),
        Compression::Lzw => lzw(stored, length)?,
        Compression::Deflate => inflated(stored, length)?,
        Compression::Zstandard => {
            let mut stored = stored;
            let reader = StreamingDecoder::new(&mut stored).map_err(|error| {
                Fault::damaged_by(Box::<dyn std::error::Error + Send + Sync>::from(error.to_string()))
            })?;
            all(reader, length)?
        }
        Compression::Group3 => group3(stored, layout, rows)?,
        Compression::Group4 => group4(stored, layout, rows)?,
        Compression::Jpeg => jpeg_rows(stored, tables, layout, rows)?,
    };
    if data.len() < length {
        return Err(Fault::damaged("it ends too early: the data of a strip or tile are cut short"));
    }
    data.truncate(length);
    undo_predictor(&mut data, layout);
    Ok(data)
}

/// Reads up to `length` bytes. The memory grows with the data, not with what the header says.
fn all(reader: impl Read, length: usize) -> Result<Vec<u8>, Fault> {
    let mut data = Vec::new();
    match reader.take(length as u64).read_to_end(&mut data) {
        Ok(_) => Ok(data),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(data),
        Err(error) => Err(Fault::damaged_by(error)),
    }
}

fn inflated(stored: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    let mut reader = ZlibDecoder::new(stored);
    let data = all(&mut reader, length)?;
    // The checksum lies behind the data; a byte more makes the decoder check it.
    match reader.read(&mut [0]) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(Fault::damaged_by(error)),
        _ => Ok(data),
    }
}

fn lzw(stored: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    if matches!(stored, [0, second, ..] if second & 1 == 1) {
        return Err(Fault::unsupported("it is a TIFF with LZW compression from before TIFF 6.0"));
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let mut data = Vec::new();
    let mut rest = stored;
    while data.len() < length {
        let begin = data.len();
        data.resize(length.min(begin + (1 << 16)), 0);
        let step = decoder.decode_bytes(rest, &mut data[begin..]);
        data.truncate(begin + step.consumed_out);
        rest = &rest[step.consumed_in..];
        match step.status {
            Ok(weezl::LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(_) => return Err(Fault::damaged("its LZW data hold an unknown code")),
        }
    }
    Ok(data)
}

/// TIFF 6.0, section 9.
fn packed_bits(mut stored: &[u8], length: usize) -> Vec<u8> {
    let mut data = Vec::new();
    while data.len() < length {
        let Some((&head, rest)) = stored.split_first() else { break };
        stored = rest;
        match head as i8 {
            -128 => {}
            literal @ 0.. => {
                let count = stored.len().min(literal as usize + 1);
                data.extend(&stored[..count]);
                stored = &stored[count..];
            }
            repeated => {
                let Some((&byte, rest)) = stored.split_first() else { break };
                stored = rest;
                data.resize(data.len() + 1 + usize::from(repeated.unsigned_abs()), byte);
            }
        }
    }
    data
}

/// Width as the fax decoder takes it.
fn fax_width(layout: &Layout) -> Result<u16, Fault> {
    u16::try_from(layout.chunk.0).map_err(|_| Fault::unsupported("it is a fax TIFF of over 65 535 columns"))
}

/// The bytes and some zeros, because the decoders look ahead of the code that they read.
fn read_ahead(stored: &[u8]) -> impl Iterator<Item = Result<u8, Infallible>> {
    stored.iter().copied().chain([0; 4]).map(Ok)
}

/// Appends a row of bits; black is 1.
fn push_row(data: &mut Vec<u8>, transitions: &[u16], width: u16) {
    let begin = data.len();
    data.resize(begin + usize::from(width).div_ceil(8), 0);
    for (x, colour) in pels(transitions, width).enumerate() {
        if colour == Color::Black {
            data[begin + x / 8] |= 0x80 >> (x % 8);
        }
    }
}

fn group4(stored: &[u8], layout: &Layout, rows: usize) -> Result<Vec<u8>, Fault> {
    let width = fax_width(layout)?;
    let damaged = |_| Fault::damaged("its fax data hold an unknown code");
    let bytes = read_ahead(stored);
    let mut decoder = Group4Decoder::new(bytes, width).map_err(|_| Fault::damaged("it ends too early"))?;
    let mut data = Vec::new();
    for _ in 0..rows {
        if decoder.advance().map_err(damaged)? == DecodeStatus::End {
            break;
        }
        push_row(&mut data, decoder.transition(), width);
    }
    Ok(data)
}

fn group3(stored: &[u8], layout: &Layout, rows: usize) -> Result<Vec<u8>, Fault> {
    let width = fax_width(layout)?;
    let damaged = |_| Fault::damaged("its fax data hold an unknown code");
    let bytes = read_ahead(stored);
    let mut decoder = Group3Decoder::new(bytes).map_err(damaged)?;
    let mut data = Vec::new();
    for row in 0..rows {
        // Behind the last row there need not be another mark.
        let status = decoder.advance();
        if decoder.transitions().last() != Some(&width) || (status.is_err() && row + 1 < rows) {
            return Err(Fault::damaged("a row of its fax data is not whole"));
        }
        push_row(&mut data, decoder.transitions(), width);
    }
    Ok(data)
}

/// A strip or tile that is a JPEG, with the tables of the whole page (TIFF technical note 2).
fn jpeg_rows(stored: &[u8], tables: Option<&[u8]>, layout: &Layout, rows: usize) -> Result<Vec<u8>, Fault> {
    let whole: Vec<u8>;
    let stored = match (tables.and_then(|t| t.strip_prefix(b"\xFF\xD8")), stored.strip_prefix(b"\xFF\xD8")) {
        (Some(tables), Some(data)) => {
            let tables = tables.strip_suffix(b"\xFF\xD9").unwrap_or(tables);
            whole = [b"\xFF\xD8", tables, data].concat();
            &whole
        }
        _ => stored,
    };
    let channels = layout.interleaved();
    let part = jpeg::part(stored, layout.meaning == Meaning::YCbCr && channels == 3, layout.chunk)?;
    if part.channels != channels || part.width != layout.chunk.0 || part.height < rows {
        return Err(Fault::damaged("a JPEG strip or tile differs from its page in size"));
    }
    Ok(part.data)
}

/// Undoes the predictor (TIFF 6.0, section 14; technical note 3 for floats).
fn undo_predictor(data: &mut [u8], layout: &Layout) {
    let (row_bytes, samples) = (layout.row_bytes().max(1), layout.interleaved());
    let size = layout.bits / 8;
    for row in data.chunks_exact_mut(row_bytes) {
        match layout.predictor {
            2 => integrate(row, samples, size, layout.little),
            3 => {
                for at in samples..row.len() {
                    row[at] = row[at].wrapping_add(row[at - samples]);
                }
                // The bytes of all floats are stored by their weight, the highest first.
                let (planes, count) = (row.to_vec(), row.len() / size.max(1));
                for (at, byte) in row.iter_mut().enumerate() {
                    let weight = if layout.little { size - 1 - at % size } else { at % size };
                    *byte = planes[weight * count + at / size];
                }
            }
            _ => {}
        }
    }
}

/// Adds to each sample the one of the pixel before.
fn integrate(row: &mut [u8], samples: usize, size: usize, little: bool) {
    let step = samples * size;
    for at in (step..row.len()).step_by(size) {
        let mut carry = 0u16;
        for byte in 0..size {
            let i = at + if little { byte } else { size - 1 - byte };
            let sum = u16::from(row[i]) + u16::from(row[i - step]) + carry;
            row[i] = sum as u8;
            carry = sum >> 8;
        }
    }
}
