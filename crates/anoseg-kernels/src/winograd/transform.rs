//! The transforms of F(4 x 4, 3 x 3), from the interpolation points 0, 1, -1, 2, -2 and infinity.
//!
//! In one dimension four results of a filter of three taps are `A^T [(G g) * (B^T d)]`, the product
//! element by element, for the six inputs d and the filter g. In two dimensions each matrix is
//! applied to the columns, then to the rows.

use pulp::{Simd, WithSimd};

use super::{PRODUCTS, RESULTS, SIDE};
use crate::correlate::{LANES, load, store};
use crate::simd::mul_add;

/// Inputs of a tile to factors: `B^T d B` for one vector of tiles after the other.
pub(super) struct ToFactors<'a> {
    /// Element `(i, j)` of tile n is `lines[places[i * SIDE + j] + n]`.
    pub(super) lines: &'a [f32],
    pub(super) places: &'a [usize; PRODUCTS],
    pub(super) tiles: usize,
    /// `[PRODUCTS][row]`, written from `first` on; whole vectors are written.
    pub(super) factors: &'a mut [f32],
    pub(super) first: usize,
    pub(super) row: usize,
}

impl WithSimd for ToFactors<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let end = self.tiles.next_multiple_of(LANES);
        let last = self.places.iter().max().map_or(0, |place| place + end);
        assert!(last <= self.lines.len(), "lines are too short");
        assert!(self.first + end <= self.row && PRODUCTS * self.row <= self.factors.len());
        for n in (0..self.tiles).step_by(S::F32_LANES) {
            let mut columns = [[simd.splat_f32s(0.0); SIDE]; SIDE];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut tile = [simd.splat_f32s(0.0); SIDE];
                for (i, element) in tile.iter_mut().enumerate() {
                    // SAFETY: every place leaves room for the tiles in whole vectors.
                    *element = unsafe { load::<S>(self.lines, self.places[i * SIDE + j] + n) };
                }
                *column = input(simd, tile);
            }
            for i in 0..SIDE {
                let row = input(simd, across(&columns, i));
                for (j, value) in row.into_iter().enumerate() {
                    let at = (i * SIDE + j) * self.row + self.first + n;
                    // SAFETY: first and the tiles in whole vectors fit into a row, and all rows
                    // into `factors`.
                    unsafe { store::<S>(self.factors, at, value) };
                }
            }
        }
    }
}

/// Products to results: `A^T m A` for one vector of tiles after the other.
pub(super) struct ToResults<'a> {
    /// `[PRODUCTS][row]`, read from `first` on.
    pub(super) products: &'a [f32],
    pub(super) first: usize,
    pub(super) row: usize,
    pub(super) tiles: usize,
    /// Result `(i, j)` of tile n goes to `lines[(i * RESULTS + j) * line + n]`; whole vectors are
    /// written.
    pub(super) lines: &'a mut [f32],
    pub(super) line: usize,
}

impl WithSimd for ToResults<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let end = self.tiles.next_multiple_of(LANES);
        assert!(self.first + end <= self.row && PRODUCTS * self.row <= self.products.len());
        assert!(end <= self.line && RESULTS * RESULTS * self.line <= self.lines.len());
        for n in (0..self.tiles).step_by(S::F32_LANES) {
            let mut columns = [[simd.splat_f32s(0.0); RESULTS]; SIDE];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut products = [simd.splat_f32s(0.0); SIDE];
                for (i, product) in products.iter_mut().enumerate() {
                    let at = (i * SIDE + j) * self.row + self.first + n;
                    // SAFETY: first and the tiles in whole vectors fit into a row, and all rows
                    // into `products`.
                    *product = unsafe { load::<S>(self.products, at) };
                }
                *column = output(simd, products);
            }
            for i in 0..RESULTS {
                let row = output(simd, across(&columns, i));
                for (j, value) in row.into_iter().enumerate() {
                    // SAFETY: the tiles in whole vectors fit into a line, and all lines into
                    // `lines`.
                    unsafe { store::<S>(self.lines, (i * RESULTS + j) * self.line + n, value) };
                }
            }
        }
    }
}

/// Row `i` of a matrix given by its columns. Closures would not be inlined into vector code, so
/// this has none.
#[inline(always)]
fn across<T: Copy, const ROWS: usize>(columns: &[[T; ROWS]; SIDE], i: usize) -> [T; SIDE] {
    let [a, b, c, d, e, f] = columns;
    [a[i], b[i], c[i], d[i], e[i], f[i]]
}

/// `B^T d`
#[inline(always)]
fn input<S: Simd>(simd: S, d: [S::f32s; SIDE]) -> [S::f32s; SIDE] {
    let times = |factor: f32, a, b| mul_add(simd, simd.splat_f32s(factor), a, b);
    let (even, odd) = (times(-4.0, d[2], d[4]), times(-4.0, d[1], d[3]));
    let (wide, narrow) = (simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[3], d[1]));
    [
        times(4.0, d[0], times(-5.0, d[2], d[4])),
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        times(2.0, narrow, wide),
        times(-2.0, narrow, wide),
        times(4.0, d[1], times(-5.0, d[3], d[5])),
    ]
}

/// `A^T m`
#[inline(always)]
fn output<S: Simd>(simd: S, m: [S::f32s; SIDE]) -> [S::f32s; RESULTS] {
    let times = |factor: f32, a, b| mul_add(simd, simd.splat_f32s(factor), a, b);
    let (near, near_odd) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (far, far_odd) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(simd.add_f32s(m[0], near), far),
        times(2.0, far_odd, near_odd),
        times(4.0, far, near),
        simd.add_f32s(times(8.0, far_odd, near_odd), m[5]),
    ]
}

/// Which operand of a filter's gradient is transformed.
#[derive(Clone, Copy)]
pub(super) enum Transform {
    /// Tiles of [`SIDE`] x [`SIDE`] inputs, of which neighbours share rows and columns: `B^T d B`.
    Inputs,
    /// Tiles of [`RESULTS`] x [`RESULTS`] results' gradients: `A y A^T`.
    Gradients,
}

/// Tiles of [`LANES`] channels at a time to factors.
pub(super) struct LanesToFactors<'a> {
    pub(super) transform: Transform,
    /// `[pixel rows][width][LANES]`
    pub(super) pixels: &'a [f32],
    pub(super) width: usize,
    /// Rows of tiles and tiles in a row.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `[PRODUCTS][row]`, of which every tile from `first` on takes [`LANES`] numbers.
    pub(super) factors: &'a mut [f32],
    pub(super) first: usize,
    pub(super) row: usize,
}

impl LanesToFactors<'_> {
    /// `SIZE` is the side of a tile.
    #[inline(always)]
    fn tiles<S: Simd, const SIZE: usize>(&mut self, simd: S) {
        let (rows, columns) = (self.rows, self.columns);
        let [height, width] = [rows, columns].map(|count| count * RESULTS + SIZE - RESULTS);
        assert!(width <= self.width && height * self.width * LANES <= self.pixels.len());
        assert!(
            (self.first + rows * columns) * LANES <= self.row && PRODUCTS * self.row <= self.factors.len()
        );
        for tile in 0..rows * columns {
            let corner = (tile / columns * self.width + tile % columns) * RESULTS * LANES;
            for lane in (0..LANES).step_by(S::F32_LANES) {
                self.tile::<S, SIZE>(simd, corner + lane, (self.first + tile) * LANES + lane);
            }
        }
    }

    /// The tile whose first pixel is at `from`, to `to` in every row of factors.
    #[inline(always)]
    fn tile<S: Simd, const SIZE: usize>(&mut self, simd: S, from: usize, to: usize) {
        let mut lines = [[simd.splat_f32s(0.0); SIDE]; SIZE];
        for (i, line) in lines.iter_mut().enumerate() {
            let mut pixels = [simd.splat_f32s(0.0); SIZE];
            for (j, pixel) in pixels.iter_mut().enumerate() {
                // SAFETY: `tiles` asserted that the last tile's pixels lie in `pixels`, and a
                // vector in its lanes.
                *pixel = unsafe { load::<S>(self.pixels, from + (i * self.width + j) * LANES) };
            }
            *line = factors(simd, pixels);
        }
        for j in 0..SIDE {
            let mut pixels = [simd.splat_f32s(0.0); SIZE];
            for (pixel, line) in pixels.iter_mut().zip(&lines) {
                *pixel = line[j];
            }
            for (i, value) in factors(simd, pixels).into_iter().enumerate() {
                // SAFETY: `tiles` asserted that the last tile lies in every row, and all rows in
                // `factors`.
                unsafe { store::<S>(self.factors, (i * SIDE + j) * self.row + to, value) };
            }
        }
    }
}

impl WithSimd for LanesToFactors<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match self.transform {
            Transform::Inputs => self.tiles::<S, SIDE>(simd),
            Transform::Gradients => self.tiles::<S, RESULTS>(simd),
        }
    }
}

/// One dimension of what [`Transform`] names: `B^T d` of six numbers, `A y` of four.
#[inline(always)]
fn factors<S: Simd, const SIZE: usize>(simd: S, values: [S::f32s; SIZE]) -> [S::f32s; SIDE] {
    if SIZE == SIDE {
        let mut d = [simd.splat_f32s(0.0); SIDE];
        d.copy_from_slice(&values);
        input(simd, d)
    } else {
        let mut y = [simd.splat_f32s(0.0); RESULTS];
        y.copy_from_slice(&values);
        output_gradient(simd, y)
    }
}

/// `A y`
#[inline(always)]
fn output_gradient<S: Simd>(simd: S, y: [S::f32s; RESULTS]) -> [S::f32s; SIDE] {
    let times = |factor: f32, a, b| mul_add(simd, simd.splat_f32s(factor), a, b);
    let (even, odd) = (simd.add_f32s(y[0], y[2]), simd.add_f32s(y[1], y[3]));
    let far_even = times(4.0, y[2], y[0]);
    let far_odd = times(8.0, y[3], simd.add_f32s(y[1], y[1]));
    [
        y[0],
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        simd.add_f32s(far_even, far_odd),
        simd.sub_f32s(far_even, far_odd),
        y[3],
    ]
}

/// Summed products to the gradient of one output's filters: `G^T u G`.
pub(super) struct SumsToTaps<'a> {
    /// `[PRODUCTS][rows][row]`: row `output` holds one number for each input.
    pub(super) sums: &'a [f32],
    pub(super) rows: usize,
    pub(super) row: usize,
    pub(super) output: usize,
    /// The taps of each input's filter.
    pub(super) taps: &'a mut [[f32; 9]],
}

impl WithSimd for SumsToTaps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { sums, rows, row, output, taps } = self;
        for (group, taps) in taps.chunks_mut(LANES).enumerate() {
            let mut columns = [[[0.0_f32; LANES]; 3]; SIDE];
            for (j, column) in columns.iter_mut().enumerate() {
                let mut values = [[0.0; LANES]; SIDE];
                for (i, values) in values.iter_mut().enumerate() {
                    let at = ((i * SIDE + j) * rows + output) * row + group * LANES;
                    values.copy_from_slice(&sums[at..at + LANES]);
                }
                *column = filter_gradient(&values);
            }
            for i in 0..3 {
                let mut values = [[0.0; LANES]; SIDE];
                for (values, column) in values.iter_mut().zip(&columns) {
                    *values = column[i];
                }
                for (j, values) in filter_gradient(&values).iter().enumerate() {
                    taps.iter_mut().zip(values).for_each(|(taps, value)| taps[i * 3 + j] = *value);
                }
            }
        }
    }
}

/// `G^T u`, for several filters at a time.
#[inline(always)]
fn filter_gradient(u: &[[f32; LANES]; SIDE]) -> [[f32; LANES]; 3] {
    let mut taps = [[0.0; LANES]; 3];
    for l in 0..LANES {
        let (near, near_odd) = ((u[1][l] + u[2][l]) / 6.0, (u[2][l] - u[1][l]) / 6.0);
        let (far, far_odd) = ((u[3][l] + u[4][l]) / 6.0, (u[3][l] - u[4][l]) / 12.0);
        taps[0][l] = u[0][l] * 0.25 - near + far * 0.25;
        taps[1][l] = near_odd + far_odd;
        taps[2][l] = far - near + u[5][l];
    }
    taps
}

/// Filters to factors, `G g G^T`, for one block of filters that are computed side by side.
pub(super) struct ToWeights<'a, T> {
    /// The taps of one filter by its place in the block and its input, row by row.
    pub(super) taps: T,
    pub(super) filters: usize,
    pub(super) inputs: usize,
    /// `[PRODUCTS][row]`, of which `[inputs][width]` are written at a row's start.
    pub(super) weights: &'a mut [f32],
    pub(super) width: usize,
    pub(super) row: usize,
}

/// The widest block of filters.
const WIDEST: usize = 8;

impl<T: Fn(usize, usize) -> [f32; 9]> WithSimd for ToWeights<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { taps, filters, inputs, weights, width, row } = self;
        for input in 0..inputs {
            let mut g = [[0.0; WIDEST]; 9];
            for r in 0..filters {
                g.iter_mut().zip(taps(r, input)).for_each(|(g, tap)| g[r] = tap);
            }
            let columns: [[[f32; WIDEST]; SIDE]; 3] =
                std::array::from_fn(|j| filter([g[j], g[3 + j], g[6 + j]]));
            for i in 0..SIDE {
                for (j, factors) in filter(columns.map(|column| column[i])).into_iter().enumerate() {
                    let target = &mut weights[(i * SIDE + j) * row + input * width..][..width];
                    target.copy_from_slice(&factors[..width]);
                }
            }
        }
    }
}

/// `G g`, for several filters at a time.
#[inline(always)]
fn filter<const N: usize>([a, b, c]: [[f32; N]; 3]) -> [[f32; N]; SIDE] {
    const SIXTH: f32 = 1.0 / 6.0;
    [
        std::array::from_fn(|r| a[r] * 0.25),
        std::array::from_fn(|r| (a[r] + c[r] + b[r]) * -SIXTH),
        std::array::from_fn(|r| (a[r] + c[r] - b[r]) * -SIXTH),
        std::array::from_fn(|r| (a[r] * 0.25 + c[r] + b[r] * 0.5) * SIXTH),
        std::array::from_fn(|r| (a[r] * 0.25 + c[r] - b[r] * 0.5) * SIXTH),
        c,
    ]
}
