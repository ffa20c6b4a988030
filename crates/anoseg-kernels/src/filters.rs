//! Filters in the orders in which the inner loops read them.

use std::borrow::Cow;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::simd::Level;
use crate::winograd::FilterFactors;

/// How a convolution's filters `[o, c, k, k]` are used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Roles {
    /// o results from c channels.
    AsGiven,
    /// c results from o channels.
    Exchanged,
}

/// The filters of a convolution, laid out when first needed.
pub(crate) struct Filters<'a> {
    pub(crate) level: Level,
    values: Cow<'a, [f32]>,
    pub(crate) roles: Roles,
    pub(crate) results: usize,
    pub(crate) channels: usize,
    /// Taps of a filter.
    taps: usize,
    /// Whether layouts serve more than one call.
    pub(crate) kept: bool,
    blocks: OnceLock<Vec<f32>>,
    factors: OnceLock<FilterFactors>,
}

impl<'a> Filters<'a> {
    /// For one call.
    pub(crate) fn new(level: Level, geometry: &Geometry, values: &'a [f32], roles: Roles) -> Self {
        let taps = geometry.kernel * geometry.kernel;
        assert_eq!(values.len(), geometry.outputs * geometry.inputs * taps);
        let (results, channels) = match roles {
            Roles::AsGiven => (geometry.outputs, geometry.inputs),
            Roles::Exchanged => (geometry.inputs, geometry.outputs),
        };
        let (blocks, factors) = (OnceLock::new(), OnceLock::new());
        let values = Cow::Borrowed(values);
        Self { level, values, roles, results, channels, taps, kept: false, blocks, factors }
    }

    /// To be kept for many calls: `values [o, c, k, k]` as given.
    pub(crate) fn kept(
        level: Level,
        [results, channels, kernel]: [usize; 3],
        values: Vec<f32>,
    ) -> Filters<'static> {
        assert_eq!(values.len(), results * channels * kernel * kernel);
        Filters {
            level,
            values: Cow::Owned(values),
            roles: Roles::AsGiven,
            results,
            channels,
            taps: kernel * kernel,
            kept: true,
            blocks: OnceLock::new(),
            factors: OnceLock::new(),
        }
    }

    /// Side of a filter.
    pub(crate) fn kernel(&self) -> usize {
        self.taps.isqrt()
    }

    /// The taps of the filter that leads from `channel` to `result`.
    pub(crate) fn filter(&self, result: usize, channel: usize) -> &[f32] {
        let filter = match self.roles {
            Roles::AsGiven => result * self.channels + channel,
            Roles::Exchanged => channel * self.results + result,
        };
        &self.values[filter * self.taps..][..self.taps]
    }

    /// All taps for `correlate`; see [`Filters::select`].
    pub(crate) fn blocks(&self) -> &[f32] {
        let blocks: &Vec<f32> = once(&self.blocks, || self.select(0..self.taps));
        blocks
    }

    /// Some of the taps for `correlate`: `[block of filters][channels][taps][filters of a block]`.
    pub(crate) fn select(&self, taps: impl ExactSizeIterator<Item = usize> + Clone + Sync) -> Vec<f32> {
        let (width, row) = (self.level.filters(), taps.len() * self.level.filters());
        let mut weights = vec![0.0; self.results.div_ceil(width) * self.channels * row];
        let blocks = weights.par_chunks_exact_mut((self.channels * row).max(1));
        blocks.enumerate().for_each(|(block, weights)| {
            let first = block * width;
            for (channel, weights) in weights.chunks_exact_mut(row).enumerate() {
                for r in 0..width.min(self.results - first) {
                    let filter = self.filter(first + r, channel);
                    for (weights, tap) in weights.chunks_exact_mut(width).zip(taps.clone()) {
                        weights[r] = filter[tap];
                    }
                }
            }
        });
        weights
    }

    /// Factors for minimal filtering; the filters are 3 x 3.
    pub(crate) fn factors(&self) -> &FilterFactors {
        once(&self.factors, || FilterFactors::new(self))
    }
}

impl std::fmt::Debug for Filters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { results, channels, taps, .. } = self;
        write!(f, "{results} filters of {channels} channels and {taps} taps")
    }
}

/// The contents of `cell`, made by `make` if it is empty.
///
/// `make` runs outside of the cell's lock: a thread that waits for other threads in `make` may
/// start a job that needs the same cell meanwhile.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if cell.get().is_none() {
        let value = make();
        return cell.get_or_init(|| value);
    }
    cell.get().expect("a filled cell stays so")
}
