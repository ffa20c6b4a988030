//! The encoder: picture and coordinate channels to features at several scales.

use anoseg_kernels::space_to_depth;
use burn::module::Module;
use burn::tensor::Tensor;

use crate::network::blocks::{ConvNorm, Residual};
use crate::network::coordinates::coordinates;
use crate::network::moments::moments;
use crate::network::{Architecture, Mode, WeightInit};

/// Side of the pixel block that the first layer sees as one position.
pub(in crate::network) const PATCH: usize = 4;

/// Reads pictures at strides 4, 8, 16, ...
#[derive(Module, Debug)]
pub struct Encoder {
    stem: ConvNorm,
    stages: Vec<Stage>,
    /// Rows and columns run from minus to plus this.
    #[module(skip)]
    coordinates: Option<f32>,
}

/// One scale: an optional halving of the resolution, residual blocks, and what the picture as a whole says of each place.
#[derive(Module, Debug)]
struct Stage {
    down: Option<ConvNorm>,
    blocks: Vec<Residual>,
    /// Sees each place beside mean and deviation of them all.
    context: Option<ConvNorm>,
}

impl Encoder {
    pub(in crate::network) fn new(init: &mut WeightInit, architecture: &Architecture) -> Self {
        let widths = &architecture.widths;
        let channels = if architecture.coordinates { 5 } else { 3 };
        let stem = ConvNorm::new(init, [channels * PATCH * PATCH, widths[0]], 3);
        let stages = (0..widths.len())
            .map(|i| Stage {
                down: (i > 0).then(|| ConvNorm::new(init, [4 * widths[i.max(1) - 1], widths[i]], 1)),
                blocks: (0..architecture.blocks).map(|_| Residual::new(init, widths[i])).collect(),
                context: (i > 0 && architecture.context)
                    .then(|| ConvNorm::new(init, [3 * widths[i], widths[i]], 1)),
            })
            .collect();
        let coordinates = architecture.coordinates.then_some(architecture.coordinate_scale);
        Self { stem, stages, coordinates }
    }

    /// Pictures `[n, 3, h, w]`, h and w multiples of 4 * 2^(scales - 1), to one feature
    /// tensor per scale, finest first: `[n, widths[i], h / (4 * 2^i), w / (4 * 2^i)]`.
    pub(in crate::network) fn forward(&self, images: Tensor<4>, mode: &mut Mode) -> Vec<Tensor<4>> {
        let [_, _, height, width] = images.dims();
        let x = space_to_depth(images, PATCH);
        let mut x = if let Some(scale) = self.coordinates {
            let coordinates = coordinates([height, width], &x.device()) * scale;
            self.stem.forward_joined([x, space_to_depth(coordinates, PATCH)], mode)
        } else {
            self.stem.forward(x, mode)
        };
        let mut features = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            if let Some(down) = &stage.down {
                x = down.forward(space_to_depth(x, 2), mode);
            }
            for block in &stage.blocks {
                x = block.forward(x, mode);
            }
            if let Some(context) = &stage.context {
                let whole = moments(&x);
                x = x.clone() + context.forward_joined([x, whole], mode);
            }
            features.push(x.clone());
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::network::{Folded, values_of};

    /// What the encoder sees in the first corner at its second scale, of a picture that is black but for its last pixel.
    fn corner(architecture: &Architecture, last: f32) -> Vec<f32> {
        let encoder = Encoder::new(&mut WeightInit::new(0, &Device::flex()), architecture);
        let mut values = vec![0.0f32; 3 * 128 * 128];
        values[128 * 128 - 1] = last;
        let x = Tensor::<4>::from_data(TensorData::new(values, [1, 3, 128, 128]), &Device::flex());
        let seen = encoder.forward(x, &mut Mode::Use(Folded::default()));
        values_of(seen[1].clone().slice([0..1, 0..6, 0..1, 0..1]))
    }

    #[test]
    fn every_place_knows_the_whole_picture_by_the_context() {
        let with = Architecture { widths: vec![4, 6], ..Architecture::default() };
        let without = Architecture { context: false, ..with.clone() };
        assert_ne!(corner(&with, 0.0), corner(&with, 9.0));
        assert_eq!(corner(&without, 0.0), corner(&without, 9.0));
    }

    #[test]
    fn coordinates_are_scaled() {
        let with = Architecture { widths: vec![4, 6], ..Architecture::default() };
        let at = |coordinate_scale| {
            corner(&Architecture { context: false, coordinate_scale, ..with.clone() }, 0.0)
        };
        assert!(at(0.0).iter().all(|&value| value == 0.0));
        assert_ne!(at(0.1), at(1.0));
    }
}
