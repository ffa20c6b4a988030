//! Training the second GAN, which scores the image from its map (AnoSeg, appendix).
//!
//! The paper names the losses; their weights and form are our choice. The generator is trained on
//! good images alone, with the maps that the first GAN gives for them. For the discriminator only
//! good images with an empty map are true; reconstructed images, and images with synthetic
//! anomalies under their true map, are not.

use std::ops::Range;

use anoseg_infer::network::{Detector, Judgement};
use burn::tensor::Tensor;

use super::gradients::{Gradients, scalar};
use super::loss;
use super::trained::Trained;
use crate::config::DetectorSettings;
use crate::tensors::{Statistics, Training};

/// Losses and gradients of the second GAN for a batch.
pub(super) struct DetectorPass {
    /// The generator's weighted loss.
    pub(super) loss: f32,
    /// Share of the pairs that the discriminator classified correctly.
    pub(super) accuracy: f32,
    /// Of generator and discriminator together: they share no parameter.
    pub(super) gradients: Gradients,
    pub(super) statistics: Statistics,
}

/// The second GAN and its parameters under training.
pub(super) struct DetectorGan {
    pub(super) network: Detector,
    pub(super) trained: Trained,
}

impl DetectorGan {
    /// Losses and gradients from good images `[n, 3, h, w]` with the maps that the first GAN gives
    /// for them `[n, 1, h, w]`, and images with anomalies under their true maps, of the same
    /// shapes, if there are any. All are outside autodiff's graph.
    pub(super) fn pass(
        &self,
        good: Tensor<4>,
        maps: Tensor<4>,
        anomalous: Option<(Tensor<4>, Tensor<4>)>,
        weights: &DetectorSettings,
    ) -> DetectorPass {
        let [n, ..] = good.dims();
        let (own, judge) = (self.trained.parameters.own_leaves(), self.trained.parameters.frozen());
        let mut training = Training::new(&own);
        let reconstructed = self.network.reconstruct(&mut training, &good, &maps);
        let pairs = |reconstructed| {
            let both = [(good.clone(), maps.zeros_like()), (reconstructed, maps.clone())];
            both.into_iter().chain(anomalous.clone())
        };
        let Judgement { logits, features } =
            self.judge_together(&mut Training::new(&judge), pairs(reconstructed.clone()));
        let total = loss::redrawing(good.clone(), reconstructed.clone()) * weights.reconstruction
            + loss::features(part(&features, 0..n), part(&features, n..2 * n)) * weights.features
            + loss::adversarial(part(&logits, n..2 * n)) * weights.adversarial;
        let mut gradients = own.gradients(&mut total.backward());
        let mut statistics = training.statistics;

        let own = self.trained.parameters.own_leaves();
        let mut judging = Training::new(&own);
        let logits = self.judge_together(&mut judging, pairs(reconstructed.detach())).logits;
        let (real, fake) = (part(&logits, 0..n), part(&logits, n..2 * n));
        let accuracy = loss::accuracy(real.clone(), fake.clone());
        let mut judged = loss::discriminator(real, fake);
        let all = logits.dims()[0];
        if all > 2 * n {
            judged = judged + loss::refusal(part(&logits, 2 * n..all)) * weights.classification;
        }
        gradients.extend(own.gradients(&mut judged.backward()));
        statistics.add(judging.statistics, 1.0);
        DetectorPass { loss: scalar(&total), accuracy, gradients, statistics }
    }

    /// Classifies several kinds of pairs as one batch. Separate normalisation would remove what all
    /// pairs of a kind have in common, such as a map that is not empty.
    fn judge_together(
        &self,
        training: &mut Training<'_>,
        pairs: impl IntoIterator<Item = (Tensor<4>, Tensor<4>)>,
    ) -> Judgement<Tensor<4>> {
        let (images, maps): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        self.network.judge(training, &Tensor::cat(images, 0), &Tensor::cat(maps, 0))
    }
}

/// Some images of a batch.
fn part(batch: &Tensor<4>, images: Range<usize>) -> Tensor<4> {
    batch.clone().slice([images])
}
