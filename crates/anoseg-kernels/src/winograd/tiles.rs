//! Between rows of pixels and rows of tiles: each row of a tile's pixels is a line of its own, one
//! number per tile, so that vectors of neighbouring tiles are read and written at once.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::{PRODUCTS, RESULTS, SIDE};
use crate::correlate::{LANES, load, store};
use crate::finish::Finish;

/// How a plane is cut into tiles.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Height and width of the source.
    pub(super) source: [usize; 2],
    /// Height and width of the result.
    pub(super) result: [usize; 2],
    /// Rows and columns of zeros around the source.
    pub(super) padding: usize,
    /// Rows of tiles in an image.
    pub(super) rows: usize,
    /// Tiles in a row.
    pub(super) columns: usize,
}

impl Tiles {
    pub(super) fn new(source: [usize; 2], result: [usize; 2], padding: usize) -> Self {
        let [rows, columns] = result.map(|size| size.div_ceil(RESULTS));
        Self { source, result, padding, rows, columns }
    }

    /// Length of the lines of `rows` rows of tiles: an element's row and the next, of which the
    /// last elements are part.
    fn line(&self, rows: usize) -> usize {
        ((rows + 1) * self.columns).next_multiple_of(LANES) + LANES
    }

    /// Numbers that [`Split`] writes for `rows` rows of tiles.
    pub(super) fn split_len(&self, rows: usize) -> usize {
        RESULTS * SIDE * self.line(rows)
    }

    /// Length of a line that [`Join`] reads for `rows` rows of tiles.
    pub(super) fn join_line(&self, rows: usize) -> usize {
        (rows * self.columns).next_multiple_of(LANES)
    }

    /// Where element `(i, j)` of the first of `rows` rows of tiles lies in what [`Split`] writes.
    pub(super) fn places(&self, rows: usize) -> [usize; PRODUCTS] {
        let line = self.line(rows);
        std::array::from_fn(|at| {
            let (i, j) = (at / SIDE, at % SIDE);
            ((i % RESULTS) * SIDE + j) * line + i / RESULTS * self.columns
        })
    }

    /// Numbers that a row of pixels takes with padding, cut into whole tiles.
    pub(super) fn padded_row(&self) -> usize {
        (self.columns + 1) * RESULTS
    }
}

/// Lays out `rows` rows of tiles, from row `first` of the image on.
pub(super) struct Split<'a> {
    pub(super) tiles: &'a Tiles,
    pub(super) source: &'a [f32],
    pub(super) first: usize,
    pub(super) rows: usize,
    /// [`Tiles::split_len`] numbers.
    pub(super) lines: &'a mut [f32],
    /// [`Tiles::padded_row`] numbers, all zero.
    pub(super) buffer: &'a mut [f32],
}

impl WithSimd for Split<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, source, first, rows, lines, buffer } = self;
        let (columns, line, [height, width]) = (tiles.columns, tiles.line(rows), tiles.source);
        // The last row of tiles reaches into one more, which has but these rows.
        for row in 0..rows * RESULTS + SIDE - RESULTS {
            let (tile, i) = (row / RESULTS, row % RESULTS);
            let mut lines = lines[i * SIDE * line..][..SIDE * line].chunks_exact_mut(line);
            let lines: [&mut [f32]; SIDE] =
                std::array::from_fn(|_| &mut lines.next().expect("SIDE lines")[tile * columns..][..columns]);
            let y = (first * RESULTS + row).wrapping_sub(tiles.padding);
            if y >= height {
                lines.into_iter().for_each(|line| line.fill(0.0));
                continue;
            }
            buffer[tiles.padding..][..width].copy_from_slice(&source[y * width..][..width]);
            let (groups, _) = buffer.as_chunks();
            let [a, b, c, d, e, f] = lines;
            deal(simd, groups, [a, b, c, d]);
            // A tile's last two elements are the first two of the next.
            deal(simd, &groups[1..], [e, f]);
        }
    }
}

/// Puts the results of `rows` rows of tiles in their places.
pub(super) struct Join<'a> {
    pub(super) tiles: &'a Tiles,
    /// Lines of `line` numbers.
    pub(super) lines: &'a [f32],
    pub(super) line: usize,
    pub(super) rows: usize,
    /// The rows of a plane that these tiles cover.
    pub(super) target: &'a mut [MaybeUninit<f32>],
    /// What is done to the results, and as which channel.
    pub(super) finish: Finish<'a>,
    pub(super) channel: usize,
    /// What is added to the target's pixels.
    pub(super) residual: Option<&'a [f32]>,
    /// [`Tiles::padded_row`] numbers.
    pub(super) buffer: &'a mut [f32],
}

impl WithSimd for Join<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, lines, line, rows, target, finish, channel, residual, buffer } = self;
        let (columns, [_, width]) = (tiles.columns, tiles.result);
        for (row, target) in target.chunks_exact_mut(width).take(rows * RESULTS).enumerate() {
            let (tile, i) = (row / RESULTS, row % RESULTS);
            let lines = &lines[i * RESULTS * line..][..RESULTS * line];
            let lines = std::array::from_fn(|j| &lines[j * line..][tile * columns..][..columns]);
            gather(simd, lines, buffer.as_chunks_mut().0);
            let residual = residual.map(|values| &values[row * width..][..width]);
            finish.write(channel, buffer, residual, target);
        }
    }
}

/// Lays the pixels of up to [`LANES`] channels side by side.
pub(super) struct Lanes<'a> {
    /// One plane for each channel; lanes without one are zero.
    pub(super) planes: &'a [&'a [f32]],
    /// Height and width of the planes.
    pub(super) size: [usize; 2],
    /// Row and column of the planes at which the result begins; outside there are zeros.
    pub(super) origin: [isize; 2],
    /// Height and width of the result.
    pub(super) extent: [usize; 2],
    /// `[height][width]`
    pub(super) lanes: &'a mut [[f32; LANES]],
}

impl Lanes<'_> {
    pub(super) fn run(self) {
        let Self { planes, size: [height, width], origin, extent, lanes } = self;
        let before = (-origin[1]).max(0) as usize;
        let first = origin[1].max(0) as usize;
        let count = width.saturating_sub(first).min(extent[1].saturating_sub(before));
        for (row, lanes) in lanes.chunks_exact_mut(extent[1]).enumerate() {
            let y = (row as isize + origin[0]) as usize;
            if y >= height || planes.len() < LANES {
                lanes.fill([0.0; LANES]);
            }
            if y >= height {
                continue;
            }
            lanes[..before].fill([0.0; LANES]);
            lanes[before + count..].fill([0.0; LANES]);
            for (lane, plane) in planes.iter().enumerate() {
                let row = &plane[y * width + first..][..count];
                lanes[before..].iter_mut().zip(row).for_each(|(to, from)| to[lane] = *from);
            }
        }
    }
}

/// `lines[j][t] = groups[t][j]`, except that the order of t within a whole vector is the
/// processor's own; [`gather`] has the same.
#[inline(always)]
fn deal<S: Simd, const LINES: usize>(simd: S, groups: &[[f32; RESULTS]], mut lines: [&mut [f32]; LINES]) {
    let count = lines[0].len();
    assert!(groups.len() >= count && lines.iter().all(|line| line.len() == count));
    let whole = count / S::F32_LANES * S::F32_LANES;
    for t in (0..whole).step_by(S::F32_LANES) {
        let mut values = [simd.splat_f32s(0.0); RESULTS];
        for (i, value) in values.iter_mut().enumerate() {
            // SAFETY: four vectors from 4 t on hold the groups t to t + F32_LANES, which end before
            // `whole`.
            *value = unsafe { load::<S>(groups.as_flattened(), RESULTS * t + i * S::F32_LANES) };
        }
        let dealt: [S::f32s; RESULTS] = simd.deinterleave_shfl_f32s(values);
        for (line, value) in lines.iter_mut().zip(dealt) {
            // SAFETY: the vector ends before `whole`, and every line has `count` numbers.
            unsafe { store::<S>(line, t, value) };
        }
    }
    let quads = whole + (count - whole) / 4 * 4;
    for t in (whole..quads).step_by(4) {
        let groups: &[[f32; RESULTS]; 4] = groups[t..].first_chunk().expect("four groups");
        for (j, line) in lines.iter_mut().enumerate() {
            line[t..t + 4].copy_from_slice(&groups.map(|group| group[j]));
        }
    }
    for t in quads..count {
        lines.iter_mut().enumerate().for_each(|(j, line)| line[t] = groups[t][j]);
    }
}

/// `groups[t][j] = lines[j][t]`, in the order that [`deal`] gives the t.
#[inline(always)]
fn gather<S: Simd>(simd: S, lines: [&[f32]; RESULTS], groups: &mut [[f32; RESULTS]]) {
    let count = lines[0].len();
    assert!(groups.len() >= count && lines.iter().all(|line| line.len() == count));
    let whole = count / S::F32_LANES * S::F32_LANES;
    for t in (0..whole).step_by(S::F32_LANES) {
        let mut values = [simd.splat_f32s(0.0); RESULTS];
        for (value, line) in values.iter_mut().zip(&lines) {
            // SAFETY: the vector ends before `whole`, and every line has `count` numbers.
            *value = unsafe { load::<S>(line, t) };
        }
        for (i, value) in simd.interleave_shfl_f32s(values).into_iter().enumerate() {
            // SAFETY: four vectors from 4 t on hold the groups t to t + F32_LANES, which end before
            // `whole`.
            unsafe { store::<S>(groups.as_flattened_mut(), RESULTS * t + i * S::F32_LANES, value) };
        }
    }
    let quads = whole + (count - whole) / 4 * 4;
    for t in (whole..quads).step_by(4) {
        let lines: [&[f32; 4]; RESULTS] = lines.map(|line| line[t..].first_chunk().expect("four numbers"));
        let groups: &mut [[f32; RESULTS]; 4] = groups[t..].first_chunk_mut().expect("four groups");
        for (t, group) in groups.iter_mut().enumerate() {
            *group = [lines[0][t], lines[1][t], lines[2][t], lines[3][t]];
        }
    }
    for t in quads..count {
        groups[t] = lines.map(|line| line[t]);
    }
}
