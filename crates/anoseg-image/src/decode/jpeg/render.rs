//! From coefficients to pixels, bit for bit as libjpeg does by default: its accurate integer
//! transform, its triangle filter for colours at half resolution, its colour conversion.

use super::super::error::Fault;
use super::scan::{Block, Coefficients, ZIGZAG};
use super::segments::{Colours, Frame};

/// The pixels of a frame, interleaved: one channel for grey, else RGB, or the components as
/// they are.
pub(super) fn render(
    frame: &Frame,
    coefficients: Coefficients,
    tables: &[Option<[u16; 64]>],
    colours: Colours,
) -> Result<Vec<u8>, Fault> {
    let mut planes = Vec::new();
    for (component, blocks) in coefficients.blocks.into_iter().enumerate() {
        let table = tables[component].ok_or_else(|| Fault::damaged("a quantisation table is missing"))?;
        let samples = samples(&blocks, &table, frame.blocks(component).0);
        drop(blocks);
        planes.push(full_size(frame, component, &samples)?);
    }
    Ok(match (colours, &planes[..]) {
        (Colours::AsTheyAre, planes) => {
            (0..planes[0].len()).flat_map(|i| planes.iter().map(move |plane| plane[i])).collect()
        }
        (Colours::Grey, _) | (_, [_]) => planes.swap_remove(0),
        (Colours::Rgb, [r, g, b]) => woven(r.len(), |i| [r[i], g[i], b[i]]),
        (_, [y, cb, cr]) => woven(y.len(), |i| rgb(y[i], cb[i], cr[i])),
        (Colours::Cmyk, [c, m, y, k]) => woven(c.len(), |i| [c[i], m[i], y[i]].map(|ink| product(ink, k[i]))),
        // The inks are stored inverted, and so is what YCCK makes of them.
        (_, [y, cb, cr, k]) => {
            woven(y.len(), |i| rgb(y[i], cb[i], cr[i]).map(|ink| product(255 - ink, k[i])))
        }
        _ => return Err(Fault::unsupported("it is a JPEG of an unusual number of components")),
    })
}

fn woven(pixels: usize, pixel: impl Fn(usize) -> [u8; 3]) -> Vec<u8> {
    (0..pixels).flat_map(pixel).collect()
}

fn product(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// YCbCr to RGB (JFIF 1.02), rounded as in libjpeg's `jdcolor.c`.
pub(crate) fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|v| v.clamp(0, 255) as u8)
}

/// The samples of a component, with those that fill up its last blocks.
fn samples(blocks: &[Block], table: &[u16; 64], columns: usize) -> Vec<u8> {
    let stride = 8 * columns;
    let mut samples = vec![0; blocks.len() * 64];
    for (index, block) in blocks.iter().enumerate() {
        let corner = index / columns * 8 * stride + index % columns * 8;
        let pixels = inverse_transform(block, table);
        for (row, values) in pixels.chunks_exact(8).enumerate() {
            samples[corner + row * stride..][..8].copy_from_slice(values);
        }
    }
    samples
}

/// Dequantises and transforms a block: libjpeg's `jidctint.c`, after Loeffler, Ligtenberg and
/// Moschytz.
fn inverse_transform(block: &Block, table: &[u16; 64]) -> [u8; 64] {
    let mut work = [0i64; 64];
    for (k, &at) in ZIGZAG.iter().enumerate() {
        work[at] = i64::from(block[at]) * i64::from(table[k]);
    }
    for x in 0..8 {
        let column = transform(std::array::from_fn(|y| work[8 * y + x]));
        for (y, value) in column.into_iter().enumerate() {
            work[8 * y + x] = rounded(value, 11);
        }
    }
    let mut out = [0; 64];
    for y in 0..8 {
        let row = transform(std::array::from_fn(|x| work[8 * y + x]));
        for (x, value) in row.into_iter().enumerate() {
            out[8 * y + x] = (rounded(value, 18) + 128).clamp(0, 255) as u8;
        }
    }
    out
}

fn rounded(value: i64, bits: u32) -> i64 {
    (value + (1 << (bits - 1))) >> bits
}

/// The transform in one dimension, times 2^13.
fn transform(v: [i64; 8]) -> [i64; 8] {
    let middle = (v[2] + v[6]) * 4433;
    let (even2, even3) = (middle - v[6] * 15_137, middle + v[2] * 6270);
    let (sum, difference) = ((v[0] + v[4]) << 13, (v[0] - v[4]) << 13);
    let even = [sum + even3, difference + even2, difference - even2, sum - even3];

    let (t0, t1, t2, t3) = (v[7], v[5], v[3], v[1]);
    let z5 = (t0 + t2 + t1 + t3) * 9633;
    let z1 = (t0 + t3) * -7373;
    let z2 = (t1 + t2) * -20_995;
    let z3 = (t0 + t2) * -16_069 + z5;
    let z4 = (t1 + t3) * -3196 + z5;
    let odd = [t3 * 12_299 + z1 + z4, t2 * 25_172 + z2 + z3, t1 * 16_819 + z2 + z4, t0 * 2446 + z1 + z3];
    std::array::from_fn(|i| if i < 4 { even[i] + odd[i] } else { even[7 - i] - odd[7 - i] })
}

/// The samples of a component at the size of the frame (libjpeg's `jdsample.c`).
fn full_size(frame: &Frame, component: usize, samples: &[u8]) -> Result<Vec<u8>, Fault> {
    let (most_across, most_down) = frame.sampling();
    let part = &frame.components[component];
    if most_across % part.across != 0 || most_down % part.down != 0 {
        return Err(Fault::unsupported("it is a JPEG whose colours have a fractional resolution"));
    }
    let factors = (most_across / part.across, most_down / part.down);
    let (width, height) = frame.samples(component);
    let plane = Component { samples, stride: 8 * frame.blocks(component).0, width, height };
    let mut out = vec![0; frame.width * frame.height];
    for (y, row) in out.chunks_exact_mut(frame.width).enumerate() {
        match factors {
            (2, 1) if width > 2 => plane.triangle_across(y, row),
            (1, 2) => plane.triangle_down(y, row),
            (2, 2) if width > 2 => plane.triangle_both(y, row),
            _ => {
                let from = plane.row((y / factors.1) as isize);
                row.iter_mut().enumerate().for_each(|(x, to)| *to = from[x / factors.0]);
            }
        }
    }
    Ok(out)
}

/// The samples of a component: `height` rows of `width`, `stride` apart.
struct Component<'a> {
    samples: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl Component<'_> {
    /// Row `y`; rows outside repeat the first and the last.
    fn row(&self, y: isize) -> &[u8] {
        let y = y.clamp(0, self.height as isize - 1) as usize;
        &self.samples[y * self.stride..][..self.width]
    }

    fn triangle_across(&self, y: usize, out: &mut [u8]) {
        let row = self.row(y as isize);
        let at = |x: usize| u32::from(row[x]);
        for (x, to) in out.iter_mut().enumerate() {
            let near = x / 2;
            *to = match (x % 2, near) {
                (0, 0) => row[0],
                (0, _) => ((3 * at(near) + at(near - 1) + 1) >> 2) as u8,
                _ if near + 1 == self.width => row[near],
                _ => ((3 * at(near) + at(near + 1) + 2) >> 2) as u8,
            };
        }
    }

    /// The nearest row and the next nearest to row `y` of the full size.
    fn two_rows(&self, y: usize) -> (&[u8], &[u8]) {
        let near = (y / 2) as isize;
        (self.row(near), self.row(if y.is_multiple_of(2) { near - 1 } else { near + 1 }))
    }

    fn triangle_down(&self, y: usize, out: &mut [u8]) {
        let (near, far) = self.two_rows(y);
        let bias = if y.is_multiple_of(2) { 1 } else { 2 };
        for (x, to) in out.iter_mut().enumerate() {
            *to = ((3 * u32::from(near[x]) + u32::from(far[x]) + bias) >> 2) as u8;
        }
    }

    fn triangle_both(&self, y: usize, out: &mut [u8]) {
        let (near, far) = self.two_rows(y);
        let sum = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
        for (x, to) in out.iter_mut().enumerate() {
            let at = x / 2;
            *to = match (x % 2, at) {
                (0, 0) => (sum(0) * 4 + 8) >> 4,
                (0, _) => (3 * sum(at) + sum(at - 1) + 8) >> 4,
                _ if at + 1 == self.width => (sum(at) * 4 + 7) >> 4,
                _ => (3 * sum(at) + sum(at + 1) + 7) >> 4,
            } as u8;
        }
    }
}
