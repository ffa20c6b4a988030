//! What a place is held against: its wider surroundings, and the picture as a whole.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;

use super::encoder::double;
use crate::network::blocks::ConvNorm;
use crate::network::moments::moments;
use crate::network::{Mode, WeightInit};

/// Channels of the context.
pub(super) const CONTEXT: usize = 64;

/// Places along a side that are looked at as one.
const POOLED: usize = 4;

/// Looks at the picture in blocks of [`POOLED`] x [`POOLED`] places, and at each block beside mean and deviation of them all. What
/// is anomalous because it differs from the rest of its own picture, such as a region of another grain whose every patch occurs
/// on some good part, cannot be told from a few places.
#[derive(Module, Debug)]
pub(super) struct Context {
    gather: ConvNorm,
    compare: ConvNorm,
}

impl Context {
    pub(super) fn new(init: &mut WeightInit, channels: usize) -> Self {
        Self {
            gather: ConvNorm::new(init, [channels, CONTEXT], 3),
            compare: ConvNorm::new(init, [3 * CONTEXT, CONTEXT], 3),
        }
    }

    /// `[n, channels, h, w]` -> `[n, CONTEXT, h, w]`; [`POOLED`] must divide height and width.
    pub(super) fn forward(&self, x: Tensor<4>, mode: &mut Mode) -> Tensor<4> {
        let blocks = avg_pool2d(x, AvgPoolOptions::new([POOLED; 2]).with_stride([POOLED; 2]));
        let blocks = self.gather.forward(blocks, mode);
        let whole = moments(&blocks);
        // Doubled twice: as many places as before.
        double(double(self.compare.forward_joined([blocks, whole], mode)))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::network::{Folded, values_of};

    /// A place far from a change sees it: the same corner in two pictures that differ only in the corner opposite.
    #[test]
    fn every_place_knows_the_whole_picture() {
        let context = Context::new(&mut WeightInit::new(0, &Device::flex()), 2);
        let seen = |far: f32| {
            let mut values = vec![0.5f32; 2 * 64 * 64];
            values[64 * 64 - 1] = far;
            let x = Tensor::<4>::from_data(TensorData::new(values, [1, 2, 64, 64]), &Device::flex());
            let seen = context.forward(x, &mut Mode::Use(Folded::default()));
            assert_eq!(seen.dims(), [1, CONTEXT, 64, 64]);
            values_of(seen.slice([0..1, 0..CONTEXT, 0..1, 0..1]))
        };
        assert_ne!(seen(0.5), seen(40.0));
    }
}
