//! The inner loops of every convolution: filters over planes, planes over planes, and channels over channels.
//!
//! Each keeps a block of sums in registers while it runs through memory once: [`Correlate`] some filters times some
//! vectors of neighbouring positions, [`Products`] some output planes times some taps, [`PairSums`] some channels times
//! some vectors of channels. With AVX-512 these are 24 of
//! the 32 registers, which is what it takes to keep both multipliers busy.

use pulp::{Simd, WithSimd};

use crate::simd::{Level, mul_add};

/// `results[r][q] = sum over k of weights[k][r] * planes[q + offsets[k]]` for [`Level::filters`] filters r.
pub(crate) struct Correlate<'a> {
    pub(crate) level: Level,
    /// The planes of all channels, one after the other.
    pub(crate) planes: &'a [f32],
    /// Where each tap of each channel reads, relative to the position.
    pub(crate) offsets: &'a [usize],
    /// `[offsets][filters]`
    pub(crate) weights: &'a [f32],
    pub(crate) positions: usize,
    /// `[filters][row]`; the last row may end with its last whole vector.
    pub(crate) results: &'a mut [f32],
    /// At least [`Correlate::padded`] of the positions.
    pub(crate) row: usize,
}

impl Correlate<'_> {
    /// Positions that are read and written for `positions`: whole vectors.
    pub(crate) fn padded(positions: usize) -> usize {
        positions.next_multiple_of(LANES)
    }

    pub(crate) fn run(self) {
        let (filters, padded) = (self.level.filters(), Self::padded(self.positions));
        let last = self.offsets.iter().max().map_or(0, |offset| offset + padded);
        assert!(last <= self.planes.len(), "planes are too short");
        assert!(padded <= self.row, "rows of results are too short");
        assert!((filters - 1) * self.row + padded <= self.results.len(), "results are too short");
        assert_eq!(self.weights.len(), self.offsets.len() * filters);
        self.level.run(self);
    }

    /// Widest tiles first; what is left at the end takes narrower ones.
    #[inline(always)]
    fn tiles<S: Simd, const FILTERS: usize>(mut self, simd: S) {
        assert_eq!(self.level.filters(), FILTERS);
        assert!(S::F32_LANES <= LANES);
        let vectors = self.positions.div_ceil(S::F32_LANES);
        let mut done = 0;
        while vectors - done >= 3 {
            self.tile::<S, FILTERS, 3>(simd, done * S::F32_LANES);
            done += 3;
        }
        match vectors - done {
            2 => self.tile::<S, FILTERS, 2>(simd, done * S::F32_LANES),
            1 => self.tile::<S, FILTERS, 1>(simd, done * S::F32_LANES),
            _ => {}
        }
    }

    /// `VECTORS` vectors of positions from `start` on, no further than the padded positions.
    #[inline(always)]
    fn tile<S: Simd, const FILTERS: usize, const VECTORS: usize>(&mut self, simd: S, start: usize) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; FILTERS];
        for (&offset, weights) in self.offsets.iter().zip(self.weights.chunks_exact(FILTERS)) {
            let mut values = [simd.splat_f32s(0.0); VECTORS];
            for (v, value) in values.iter_mut().enumerate() {
                // SAFETY: `run` asserted that every offset leaves room for the padded positions.
                *value = unsafe { load::<S>(self.planes, offset + start + v * S::F32_LANES) };
            }
            for (sums, &weight) in sums.iter_mut().zip(weights) {
                let weight = simd.splat_f32s(weight);
                for (sum, &value) in sums.iter_mut().zip(&values) {
                    *sum = mul_add(simd, weight, value, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                // SAFETY: `results` holds FILTERS rows of at least the padded positions, as `run` asserted.
                unsafe { store::<S>(self.results, r * self.row + start + v * S::F32_LANES, sum) };
            }
        }
    }
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::F32_LANES == 16 {
            self.tiles::<S, 8>(simd);
        } else {
            self.tiles::<S, 4>(simd);
        }
    }
}

/// Output planes that [`Products`] takes at a time.
pub(crate) const PLANES: usize = 4;

/// Taps that [`Products`] takes at a time.
pub(crate) const TAPS: usize = 6;

/// Lanes of the widest vector.
pub(crate) const LANES: usize = 16;

/// Partial sums of one block of [`PLANES`] x [`TAPS`], a vector of [`LANES`] each.
pub(crate) const BLOCK: usize = PLANES * TAPS * LANES;

/// `sums[block][r][k] += sum over q of left[r][q] * planes[q + offsets[block * TAPS + k]]`, each sum spread over the
/// lanes of a vector, so that several images can be added before [`Products::total`].
pub(crate) struct Products<'a> {
    pub(crate) left: [&'a [f32]; PLANES],
    pub(crate) planes: &'a [f32],
    /// A multiple of [`TAPS`] offsets.
    pub(crate) offsets: &'a [usize],
    pub(crate) positions: usize,
    /// [`BLOCK`] numbers for each [`TAPS`] offsets.
    pub(crate) sums: &'a mut [f32],
}

impl Products<'_> {
    pub(crate) fn run(self, level: Level) {
        let end = self.positions.next_multiple_of(LANES);
        assert!(self.left.iter().all(|plane| plane.len() >= end), "left planes are too short");
        let last = self.offsets.iter().max().map_or(0, |offset| offset + end);
        assert!(last <= self.planes.len(), "planes are too short");
        assert_eq!(self.offsets.len() % TAPS, 0);
        assert_eq!(self.sums.len(), self.offsets.len() / TAPS * BLOCK);
        level.run(self);
    }

    /// The sum over the lanes of tap `k` with plane `r` in a block.
    pub(crate) fn total(block: &[f32], r: usize, k: usize) -> f32 {
        sum_of_lanes(&block[(r * TAPS + k) * LANES..])
    }

    #[inline(always)]
    fn blocks<S: Simd, const ROWS: usize, const COLUMNS: usize>(self, simd: S) {
        let vectors = self.positions.div_ceil(S::F32_LANES);
        for (offsets, sums) in self.offsets.chunks_exact(TAPS).zip(self.sums.chunks_exact_mut(BLOCK)) {
            for r0 in (0..PLANES).step_by(ROWS) {
                for k0 in (0..TAPS).step_by(COLUMNS) {
                    let mut totals = [[simd.splat_f32s(0.0); COLUMNS]; ROWS];
                    for q in 0..vectors {
                        let q = q * S::F32_LANES;
                        let mut left = [simd.splat_f32s(0.0); ROWS];
                        for (r, left) in left.iter_mut().enumerate() {
                            // SAFETY: `run` asserted that the planes reach to the end of the last vector.
                            *left = unsafe { load::<S>(self.left[r0 + r], q) };
                        }
                        for k in 0..COLUMNS {
                            // SAFETY: `run` asserted that every offset leaves room for all positions.
                            let right = unsafe { load::<S>(self.planes, offsets[k0 + k] + q) };
                            for r in 0..ROWS {
                                totals[r][k] = mul_add(simd, left[r], right, totals[r][k]);
                            }
                        }
                    }
                    for (r, totals) in totals.iter().enumerate() {
                        for (k, &total) in totals.iter().enumerate() {
                            let at = ((r0 + r) * TAPS + k0 + k) * LANES;
                            // SAFETY: `sums` is one BLOCK long, and a vector is no longer than LANES.
                            unsafe {
                                let sum = simd.add_f32s(load::<S>(sums, at), total);
                                store::<S>(sums, at, sum);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::F32_LANES == 16 {
            self.blocks::<S, 4, 6>(simd);
        } else {
            self.blocks::<S, 4, 3>(simd);
        }
    }
}

/// `sums[r][q] += sum over t of left[t * LANES + r] * right[v][t * LANES + l]` with q = v * LANES + l, for
/// [`Level::filters`] rows r: products of all pairs of channels, summed over tiles, with channels side by side.
pub(crate) struct PairSums<'a> {
    /// `[tiles][LANES]`, from the first of the rows on.
    pub(crate) left: &'a [f32],
    /// `[tiles][LANES]` for each group of [`LANES`] columns.
    pub(crate) right: &'a [&'a [f32]],
    pub(crate) tiles: usize,
    /// `[rows][groups][LANES]`
    pub(crate) sums: &'a mut [f32],
}

impl PairSums<'_> {
    pub(crate) fn run(self, level: Level) {
        let end = self.tiles * LANES;
        assert!(self.tiles > 0 && end - LANES + level.filters() <= self.left.len(), "left is too short");
        assert!(self.right.iter().all(|group| end <= group.len()), "right is too short");
        assert_eq!(self.sums.len(), level.filters() * self.right.len() * LANES);
        level.run(self);
    }

    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize>(mut self, simd: S) {
        assert_eq!(self.sums.len(), ROWS * self.right.len() * LANES);
        assert!(S::F32_LANES <= LANES);
        let vectors = self.right.len() * LANES / S::F32_LANES;
        let mut done = 0;
        while vectors - done >= 3 {
            self.tile::<S, ROWS, 3>(simd, done);
            done += 3;
        }
        match vectors - done {
            2 => self.tile::<S, ROWS, 2>(simd, done),
            1 => self.tile::<S, ROWS, 1>(simd, done),
            _ => {}
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, first: usize) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        let columns = self.right.len() * LANES;
        let mut right = [(self.right[0], 0); VECTORS];
        for (v, right) in right.iter_mut().enumerate() {
            let column = (first + v) * S::F32_LANES;
            *right = (self.right[column / LANES], column % LANES);
        }
        for t in 0..self.tiles {
            let mut values = [simd.splat_f32s(0.0); VECTORS];
            for (value, &(group, lane)) in values.iter_mut().zip(&right) {
                // SAFETY: `run` asserted that every group has LANES numbers for each tile, and a vector lies in them.
                *value = unsafe { load::<S>(group, t * LANES + lane) };
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `run` asserted that all rows of the last tile are there.
                let factor = simd.splat_f32s(unsafe { *self.left.get_unchecked(t * LANES + r) });
                for (sum, &value) in sums.iter_mut().zip(&values) {
                    *sum = mul_add(simd, factor, value, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let at = r * columns + (first + v) * S::F32_LANES;
                // SAFETY: `sums` holds ROWS rows of all columns, as `run` asserted.
                unsafe { store::<S>(self.sums, at, simd.add_f32s(load::<S>(self.sums, at), sum)) };
            }
        }
    }
}

impl WithSimd for PairSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::F32_LANES == 16 {
            self.rows::<S, 8>(simd);
        } else {
            self.rows::<S, 4>(simd);
        }
    }
}

/// The sum of the first [`LANES`] numbers, in pairs.
pub(crate) fn sum_of_lanes(lanes: &[f32]) -> f32 {
    let mut halves: [f32; LANES] = std::array::from_fn(|i| lanes[i]);
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            halves[i] += halves[i + width];
        }
        width /= 2;
    }
    halves[0]
}

/// One vector from `values[at..]`.
///
/// # Safety
/// `at + S::F32_LANES <= values.len()`
#[inline(always)]
pub(crate) unsafe fn load<S: Simd>(values: &[f32], at: usize) -> S::f32s {
    debug_assert!(at + S::F32_LANES <= values.len());
    // SAFETY: the caller keeps the vector inside the slice, and any bits make a vector of f32.
    unsafe { values.as_ptr().add(at).cast::<S::f32s>().read_unaligned() }
}

/// Writes one vector to `values[at..]`.
///
/// # Safety
/// `at + S::F32_LANES <= values.len()`
#[inline(always)]
pub(crate) unsafe fn store<S: Simd>(values: &mut [f32], at: usize, vector: S::f32s) {
    debug_assert!(at + S::F32_LANES <= values.len());
    // SAFETY: the caller keeps the vector inside the slice.
    unsafe { values.as_mut_ptr().add(at).cast::<S::f32s>().write_unaligned(vector) }
}
