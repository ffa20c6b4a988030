//! AnoSeg's head on a frozen encoder (preset `accurate`): what is learned is how to draw the map from features that were learned
//! elsewhere, and from their distance to those of good pictures.

mod backbone;
mod context;
mod coreset;
mod decoder;
mod dropout;
mod efficientnet;
mod encoder;
mod memory;
mod spread;

pub(crate) use backbone::Backbone;
pub use decoder::Decoder;
pub(crate) use dropout::drop_channels;
#[cfg(test)]
pub(crate) use efficientnet::EfficientNet;
pub(crate) use efficientnet::{STRIDE, shapes};
pub use encoder::Encoder;

use burn::tensor::Tensor;

/// The last of a backbone's sight at the picture's resolution, `[n, 1, h, w]`: the distance to anything normal, in standard
/// deviations from the mean of good pictures.
pub(crate) fn distance_map(sight: &[Tensor<4>]) -> Tensor<4> {
    let distance = sight.last().expect("a backbone's sight ends with the distance");
    (0..3).fold(distance.clone(), |x, _| encoder::double(x))
}
