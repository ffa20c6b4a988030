//! TIFF and BigTIFF: strips and tiles; grey, RGB, palette, CMYK and YCbCr; integers of 1 to 32 bits
//! and floats; all common compressions.
//!
//! The reader is our own: the `tiff` crate refuses or misreads valid layouts (tiles with LZW, tiles
//! of separate planes, palettes, packed 10 to 14 bits, JPEG in colour). Decompression is left to
//! crates.

mod chunk;
mod directory;
mod layout;
mod samples;

use image::metadata::Orientation;

use super::error::Fault;
use super::parts::Bytes;
use super::raster::Raster;
use super::{Header, Limits};
use directory::{Directory, File, Page, tag};
use layout::{Compression, Format, Layout, Meaning};

pub(super) fn header(bytes: Bytes<'_>, limits: &Limits) -> Result<Header, Fault> {
    let (page, further_pages) = first_page(bytes)?;
    let (width, height) = layout::size(&page)?;
    let layout = Layout::of(&page)?;
    let orientation = page.number(tag::ORIENTATION)?.and_then(|value| u8::try_from(value).ok());
    let value_bytes = match (layout.format, layout.bits) {
        (Format::Unsigned, ..=8) => 1,
        (Format::Unsigned, ..=16) => 2,
        _ => 4,
    };
    // A strip or tile twice: its bytes and its samples.
    let chunk = layout.chunk_bytes(layout.chunk.1) as u64;
    let samples = (layout.chunk.0 as u64).saturating_mul(layout.chunk.1 as u64);
    let samples = samples.saturating_mul(layout.interleaved() as u64).saturating_mul(value_bytes);
    // Of a JPEG also the coefficients, and its components at full size.
    let jpeg = if layout.compression == Compression::Jpeg { samples.saturating_mul(4) } else { 0 };
    let extra_bytes = chunk.saturating_add(samples).saturating_add(jpeg);
    if extra_bytes > limits.max_alloc_bytes {
        let most = limits.max_alloc_bytes;
        return Err(Fault::Limit(format!(
            "a strip or tile takes {extra_bytes} bytes, where {most} are allowed (max_alloc_bytes)"
        )));
    }
    Ok(Header {
        width,
        height,
        orientation: orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms),
        // The page and, where it has a palette or inks, its colours.
        bytes_per_pixel: match layout.meaning {
            Meaning::Palette | Meaning::Cmyk => value_bytes * (layout.meaning.colours() as u64 + 2 * 3),
            _ => value_bytes * layout.meaning.colours() as u64,
        },
        extra_bytes,
        lossy: layout.compression == Compression::Jpeg,
        further_pages,
        states_depth: layout.format == Format::Unsigned && (9..16).contains(&layout.bits),
    })
}

pub(super) fn pixels(bytes: &[u8], header: &Header) -> Result<Raster, Fault> {
    let (page, _) = first_page(Bytes::Whole(bytes))?;
    let layout = Layout::of(&page)?;
    let (width, height) = (header.width, header.height);
    let tables = if layout.compression == Compression::Jpeg { page.bytes(tag::JPEG_TABLES)? } else { None };
    let chunks = Chunks::of(&page, &layout)?;
    let colours = layout.meaning.colours();
    let mut whole = samples::empty(&layout, width * height * colours);
    let mut alpha = samples::Range::default();
    for (index, &(begin, length)) in chunks.places.iter().enumerate() {
        let place = chunks.place(index, &layout);
        let rows = if layout.tiled { layout.chunk.1 } else { layout.chunk.1.min(height - place.top) };
        let part = || {
            let stored = stored(bytes, begin, length)?;
            Ok::<_, Fault>(samples::values(chunk::decompressed(stored, tables, &layout, rows)?, &layout))
        };
        if place.plane > colours {
            break;
        } else if place.plane == colours {
            // The colours are whole, whatever becomes of the alpha behind them.
            let Ok(part) = part() else { break };
            alpha.add(&part, 0, &layout, &place);
        } else {
            let part = part()?;
            samples::place(&part, &mut whole, &layout, &place)?;
            if !layout.planar && layout.samples > colours {
                alpha.add(&part, colours, &layout, &place);
            }
        }
    }
    let (channels, samples) = samples::coloured(whole, &layout, &page)?;
    samples.check_numbers(channels)?;
    Ok(Raster { alpha_varies: alpha.is_wide(), ..Raster::new(width, height, channels, samples) })
}

/// The stored bytes of a strip or tile. In a file that is cut short, those that are left.
fn stored(bytes: &[u8], begin: u64, length: u64) -> Result<&[u8], Fault> {
    let cut = || Fault::damaged("it ends too early");
    if begin == 0 && length == 0 {
        return Err(Fault::unsupported("it is a TIFF that leaves out strips or tiles (a sparse file)"));
    }
    let begin = usize::try_from(begin).ok().filter(|&begin| begin < bytes.len()).ok_or_else(cut)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(&bytes[begin..begin.saturating_add(length).min(bytes.len())])
}

/// Where the strips or tiles of a page are stored: offset and length each.
struct Chunks {
    places: Vec<(u64, u64)>,
    across: usize,
    per_plane: usize,
}

impl Chunks {
    fn of(page: &Directory, layout: &Layout) -> Result<Self, Fault> {
        // Some writers of tiles use the tags of strips.
        let tiles = layout.tiled && page.has(tag::TILE_OFFSETS);
        let (offsets, counts) = if tiles {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let across = layout.width.div_ceil(layout.chunk.0);
        let per_plane = across.saturating_mul(layout.height.div_ceil(layout.chunk.1));
        let wanted = per_plane.saturating_mul(if layout.planar { layout.samples } else { 1 });
        let offsets = page.numbers(offsets)?;
        let mut counts = page.numbers(counts)?;
        if layout.compression == Compression::None {
            // Some writers leave the lengths out, or at zero.
            counts.resize(offsets.len().max(counts.len()), 0);
            let whole = layout.chunk_bytes(layout.chunk.1) as u64;
            for (count, &offset) in counts.iter_mut().zip(&offsets) {
                *count = if *count == 0 && offset != 0 { whole } else { *count };
            }
        }
        if offsets.len() < wanted || counts.len() < wanted {
            return Err(Fault::damaged("it does not say where all its strips or tiles are"));
        }
        let places = offsets.into_iter().zip(counts).take(wanted).collect();
        Ok(Self { places, across, per_plane })
    }

    fn place(&self, index: usize, layout: &Layout) -> samples::Place {
        let in_plane = index % self.per_plane;
        samples::Place {
            left: in_plane % self.across * layout.chunk.0,
            top: in_plane / self.across * layout.chunk.1,
            plane: index / self.per_plane,
        }
    }
}

/// The first page that is an image at full size, and how many more there are.
///
/// A page that says that it is a reduced copy or a transparency mask (TIFF 6.0, `NewSubfileType`) is
/// not the image. Pages inside others are read only where no other page is the image; where all
/// pages say that they are reduced, the largest is.
fn first_page(bytes: Bytes<'_>) -> Result<(Directory<'_>, usize), Fault> {
    let (file, first) = File::open(bytes)?;
    let mut pages = file.pages(first)?;
    let full = |contained: bool| -> Vec<usize> {
        let is_full = |page: &Page| page.contained == contained && is_full(&page.directory);
        (0..pages.len()).filter(|&index| is_full(&pages[index])).collect()
    };
    let candidates = [full(false), full(true)].concat();
    let area = |index: &usize| layout::size(&pages[*index].directory).map_or(0, |(w, h)| w.saturating_mul(h));
    let index = match candidates.first() {
        Some(&index) => index,
        None => (0..pages.len()).rev().max_by_key(area).ok_or_else(|| Fault::damaged("it has no page"))?,
    };
    let read = &pages[index].directory;
    let is_further = |&&other: &&usize| {
        other != index && !(pages[other].contained && is_smaller_copy(&pages[other].directory, read))
    };
    let further = candidates.iter().filter(is_further).count();
    let page = pages.swap_remove(index).directory;
    let further = further.max(imagej_images(&page).saturating_sub(1));
    Ok((page, further))
}

/// Whether a page that another contains is smaller and of the same shape: a level of a pyramid whose
/// writer did not say so.
fn is_smaller_copy(page: &Directory, of: &Directory) -> bool {
    let (Ok((width, height)), Ok((full_width, full_height))) = (layout::size(page), layout::size(of)) else {
        return true;
    };
    let (width, height) = (width as f64, height as f64);
    let (across, down) = (full_width as f64 / width.max(1.0), full_height as f64 / height.max(1.0));
    // Sides are rounded up or down.
    let same_shape = (full_height as f64 / across - height).abs() <= 1.0
        || (full_width as f64 / down - width).abs() <= 1.0;
    across > 1.0 && down > 1.0 && same_shape
}

/// The number of images that ImageJ says a file has. It describes the first alone where the others
/// lie behind it.
fn imagej_images(page: &Directory) -> usize {
    let text = page.bytes(tag::IMAGE_DESCRIPTION).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let number = |line: &str| line.strip_prefix("images=").and_then(|n| n.trim().parse().ok());
    if text.starts_with("ImageJ=") { text.lines().find_map(number).unwrap_or(1) } else { 1 }
}

fn is_full(page: &Directory) -> bool {
    let kind = page.number(tag::NEW_SUBFILE_TYPE).ok().flatten().unwrap_or(0);
    let old_kind = page.number(tag::SUBFILE_TYPE).ok().flatten().unwrap_or(1);
    let mask = matches!(page.number(tag::PHOTOMETRIC), Ok(Some(4)));
    kind & 0b101 == 0 && old_kind != 2 && !mask && page.has(tag::WIDTH)
}
