//! The head: features to the anomaly map.

use burn::module::Module;
use burn::tensor::Tensor;

use super::context::{CONTEXT, Context};
use super::efficientnet::CHANNELS;
use super::encoder::{JOINED, double};
use crate::network::blocks::{ConvNorm, Head};
use crate::network::coordinates::coordinates;
use crate::network::{Architecture, Mode, WeightInit};

/// Channels of the layers at strides 4 and 2.
const COARSE: [usize; 2] = [96, 64];
const FINE: [usize; 2] = [32, 32];

/// Draws the anomaly map at half of the picture's resolution and doubles it.
#[derive(Module, Debug)]
pub struct Decoder {
    coarse: [ConvNorm; 2],
    context: Option<Context>,
    fine: [ConvNorm; 2],
    head: Head,
    #[module(skip)]
    coordinates: bool,
}

impl Decoder {
    /// The map's logits start around `level`.
    pub(in crate::network) fn new(init: &mut WeightInit, architecture: &Architecture, level: f32) -> Self {
        let Architecture { coordinates, context, .. } = *architecture;
        let joined = if coordinates { JOINED + 2 } else { JOINED };
        let seen = if context { COARSE[0] + CONTEXT } else { COARSE[0] };
        Self {
            coarse: [ConvNorm::new(init, [joined, COARSE[0]], 3), ConvNorm::new(init, [seen, COARSE[1]], 3)],
            context: context.then(|| Context::new(init, COARSE[0])),
            fine: [
                ConvNorm::new(init, [COARSE[1] + CHANNELS[0], FINE[0]], 3),
                ConvNorm::new(init, [FINE[0], FINE[1]], 3),
            ],
            head: Head::new(init, [FINE[1], 1], level),
            coordinates,
        }
    }

    /// What the encoder gives, to `[n, 1, h, w]` before the sigmoid.
    pub(in crate::network) fn forward(&self, features: &[Tensor<4>], mode: &mut Mode) -> Tensor<4> {
        let [fine, joined] = features else { unreachable!("the encoder gives two scales") };
        let [first, second] = &self.coarse;
        let [_, _, height, width] = joined.dims();
        let x = if self.coordinates {
            first.forward_joined([joined.clone(), coordinates([height, width], &joined.device())], mode)
        } else {
            first.forward(joined.clone(), mode)
        };
        let x = match &self.context {
            Some(context) => {
                let surroundings = context.forward(x.clone(), mode);
                second.forward_joined([x, surroundings], mode)
            }
            None => second.forward(x, mode),
        };
        let x = double(x);
        let [first, second] = &self.fine;
        let x = second.forward(first.forward_joined([x, fine.clone()], mode), mode);
        double(self.head.forward(x, mode))
    }
}
