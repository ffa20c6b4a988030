//! Training the second GAN, which scores the picture from its map (AnoSeg, appendix).
//!
//! The paper names the losses; their weights and form are ours. The generator learns on good pictures alone, under the maps
//! that the first GAN draws of them. For the discriminator only good pictures with an empty map are true; redrawn
//! pictures, and pictures with synthetic anomalies under their true map, are not.

use std::ops::Range;

use burn::module::Module as _;
use burn::tensor::Tensor;

use super::gradients::{Gradients, own_leaves, scalar, training};
use super::loss;
use super::trained::Trained;
use crate::config::DetectorSettings;
use crate::network::{Detector, Judgement, Mode, Statistics, flat_gradients};

/// What a batch says about the second GAN.
pub(super) struct DetectorPass {
    /// The generator's weighted loss.
    pub(super) loss: f32,
    /// Share of the pairs that the discriminator took for what they are.
    pub(super) accuracy: f32,
    /// Of generator and discriminator together: they share no parameter.
    pub(super) gradients: Gradients,
    pub(super) statistics: Statistics,
}

impl Trained<Detector> {
    /// Losses and gradients from good pictures `[n, 3, h, w]` with the maps that the first GAN draws of them
    /// `[n, 1, h, w]`, and pictures with anomalies under their true maps, of the same shapes, if there are any. All are
    /// outside autodiff's graph.
    pub(super) fn pass(
        &self,
        good: Tensor<4>,
        maps: Tensor<4>,
        anomalous: Option<(Tensor<4>, Tensor<4>)>,
        weights: &DetectorSettings,
    ) -> DetectorPass {
        let [n, ..] = good.dims();
        let (network, judge) = (own_leaves(&self.network), self.network.valid());
        let (mut mode, mut judging) = (training(), training());
        let redrawn = network.redraw(good.clone(), maps.clone(), &mut mode);
        let pairs = |redrawn| {
            let both = [(good.clone(), maps.zeros_like()), (redrawn, maps.clone())];
            both.into_iter().chain(anomalous.clone())
        };
        let Judgement { logits, features } = judge_together(&judge, pairs(redrawn.clone()), &mut training());
        let total = loss::redrawing(good.clone(), redrawn.clone()) * weights.reconstruction
            + loss::features(part(&features, 0..n), part(&features, n..2 * n)) * weights.features
            + loss::adversarial(part(&logits, n..2 * n)) * weights.adversarial;
        let mut gradients = flat_gradients(&network, &mut total.backward());

        let network = own_leaves(&self.network);
        let logits = judge_together(&network, pairs(redrawn.detach()), &mut judging).logits;
        let (real, fake) = (part(&logits, 0..n), part(&logits, n..2 * n));
        let accuracy = loss::accuracy(real.clone(), fake.clone());
        let mut judged = loss::discriminator(real, fake);
        let all = logits.dims()[0];
        if all > 2 * n {
            judged = judged + loss::refusal(part(&logits, 2 * n..all)) * weights.classification;
        }
        gradients.extend(flat_gradients(&network, &mut judged.backward()));
        let mut statistics = mode.into_statistics();
        statistics.add(judging.into_statistics(), 1.0);
        DetectorPass { loss: scalar(&total), accuracy, gradients, statistics }
    }
}

/// Judges several kinds of pairs as one batch. Normalised apart, what all pairs of a kind have in common, such as a map that is
/// not empty, would be taken off.
fn judge_together(
    network: &Detector,
    pairs: impl IntoIterator<Item = (Tensor<4>, Tensor<4>)>,
    mode: &mut Mode,
) -> Judgement {
    let (images, maps): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    network.judge(Tensor::cat(images, 0), Tensor::cat(maps, 0), mode)
}

/// Some pictures of a batch.
fn part(batch: &Tensor<4>, pictures: Range<usize>) -> Tensor<4> {
    batch.clone().slice([pictures])
}
