//! Models in bytes: which layers compute on 8-bit integers, and on what scale.
//!
//! Values are bytes on a scale of each tensor, filters are signed bytes on a scale of each output (QDQ form:
//! `QuantizeLinear` and `DequantizeLinear` around each layer, which engines turn into integer arithmetic).
//! The scales are measured on images. The runtime computes with the same rounded numbers, so that the loss of
//! accuracy is measured before there is a file, and the layers that lose most stay in 32-bit floats.

mod choice;
mod filters;
mod rounded;

use std::collections::BTreeMap;

use anoseg_image::{Image, Mask};
use anoseg_infer::network::{Convolution, ConvolutionKind};
use anoseg_infer::runtime::ByteScale;
use anoseg_infer::{Analysis, Model, Window};

pub(crate) use filters::ByteFilters;

use crate::ExportError;

/// An image that scales and losses are measured on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// At the network's scale, values in 0..=1; all of one size that the network takes.
    pub image: Image,
    /// Which part of an image it is.
    pub window: Window,
    /// Its anomalous pixels; none in a good image.
    pub truth: Mask,
    /// The pixels that count; None where all do.
    pub inside: Option<Mask>,
}

/// Layers by their numbers in the order in which the forward pass runs them.
pub(crate) type Layers = BTreeMap<usize, LayerScales>;

/// The scales of a layer that computes on bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LayerScales {
    pub(crate) input: ByteScale,
    /// Behind the activation; the distances to a memory bank stay floats.
    pub(crate) output: Option<ByteScale>,
}

/// Which layers of a model compute on bytes, and what that costs.
#[derive(Clone, Debug)]
pub struct Quantisation {
    pub(crate) layers: Layers,
    /// The layers that could compute on bytes and do not, those that would lose most first.
    pub kept: Vec<String>,
    /// What was measured on the samples, in floats and in bytes.
    pub loss: Loss,
}

impl Quantisation {
    /// How many layers compute on bytes.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether none does: the network has no layer that could.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Score and map of a sample, computed with the numbers that the bytes stand for. Engines round some sums
    /// otherwise.
    ///
    /// # Errors
    /// The network gives values that are not finite.
    pub fn analyse(&self, model: &Model, sample: &Sample) -> Result<Analysis, ExportError> {
        choice::analyse(model, &self.layers, sample)
    }
}

/// What a model in bytes loses on samples that its scales were not measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Samples.
    pub samples: usize,
    /// Pixel average precision in floats, and in bytes; 1 without anomalous pixels.
    pub pixel_ap: [f64; 2],
    /// Image AUROC in floats, and in bytes; 1 without anomalous or good samples.
    pub image_auroc: [f64; 2],
    /// Largest difference of two scores.
    pub score: f32,
    /// Largest difference of two values of a map.
    pub map: f32,
    /// Samples with another decision; None where the model has no thresholds.
    pub decisions: Option<usize>,
}

impl Loss {
    /// A model in bytes should lose no more pixel average precision than this.
    pub const MOST_PIXEL_AP: f64 = 0.005;

    /// A model in bytes should lose no more image AUROC than this.
    pub const MOST_IMAGE_AUROC: f64 = 0.005;

    /// Whether it is within [`Loss::MOST_PIXEL_AP`] and [`Loss::MOST_IMAGE_AUROC`].
    pub fn is_small(&self) -> bool {
        self.beyond_limits() <= 0.0
    }

    /// By how much it is more; at most 0 where it is small.
    fn beyond_limits(&self) -> f64 {
        let [ap, auroc] = [self.pixel_ap, self.image_auroc].map(|[exact, rounded]| exact - rounded);
        (ap - Self::MOST_PIXEL_AP).max(auroc - Self::MOST_IMAGE_AUROC)
    }
}

/// Chooses the layers of a model that compute on bytes. Those that lose most stay in floats until the loss is
/// small, or most of the work would be in floats. Scales come from the samples `measured`; the choice and the
/// loss from `judged`, of other images. Both should be good and anomalous in turn.
///
/// # Errors
/// There are fewer than [`FEWEST_SAMPLES`] of either, they differ in size, or the network gives values that
/// are not finite.
pub fn quantise(model: &Model, measured: &[Sample], judged: &[Sample]) -> Result<Quantisation, ExportError> {
    choice::quantise(model, measured, judged)
}

/// Fewer samples say nothing.
pub const FEWEST_SAMPLES: usize = 4;

/// Whether engines have integer arithmetic for a layer over inputs of these sizes. They have none for
/// transposed convolutions. A layer over an input of one position is written as two.
pub(crate) fn takes_bytes(layer: &Convolution, sizes: &[[usize; 2]]) -> bool {
    layer.kind != ConvolutionKind::Transposed && !has_uniform_input(layer, sizes)
}

/// Whether the last of several inputs has one position, whose share in the sums of 1 x 1 filters is the same
/// everywhere.
pub(crate) fn has_uniform_input(layer: &Convolution, sizes: &[[usize; 2]]) -> bool {
    matches!(sizes, [first, .., last] if *last == [1, 1] && *first != [1, 1])
        && layer.shape[2..] == [1, 1]
        && layer.stride == 1
}
