//! Training the second GAN, which scores the picture from its map (AnoSeg, appendix).
//!
//! The paper names the losses and leaves their weights and form open; what is here is ours. The generator learns on good
//! pictures alone. For the discriminator only good pictures with an empty map are true; redrawn pictures, and pictures
//! with synthetic anomalies under their true map, are not.

use burn::module::Module as _;
use burn::tensor::{Int, Tensor};

use super::gradients::{Gradients, own_leaves, scalar, training};
use super::loss;
use super::trained::Trained;
use crate::network::{Detector, Statistics, flat_gradients};

/// Weights of the generator's losses: redrawing, matching the discriminator's features (`L_fea`), deceiving it.
const WEIGHTS: [f32; 3] = [1.0, 1.0, 0.01];

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
    /// Losses and gradients from pictures `[n, 3, h, w]`, their labels and the maps that the first GAN drew, both
    /// `[n, 1, h, w]` and outside autodiff's graph. None without a good picture.
    pub(super) fn pass(
        &self,
        images: &Tensor<4>,
        labels: &Tensor<4>,
        maps: &Tensor<4>,
        good: &[bool],
    ) -> Option<DetectorPass> {
        let pick = |tensor: &Tensor<4>, wanted: bool| {
            let chosen: Vec<i32> =
                (0..).zip(good).filter(|(_, good)| **good == wanted).map(|(i, _)| i).collect();
            let indices = Tensor::<1, Int>::from_data(chosen.as_slice(), &tensor.device());
            (!chosen.is_empty()).then(|| tensor.clone().select(0, indices))
        };
        let (truth, maps) = (pick(images, true)?, pick(maps, true)?);
        let empty = maps.zeros_like();
        let (network, judge) = (own_leaves(&self.network), self.network.valid());
        let mut mode = training();
        let redrawn = network.redraw(truth.clone(), maps.clone(), &mut mode);
        let wanted = judge.judge(truth.clone(), empty.clone(), &mut training()).features;
        let found = judge.judge(redrawn.clone(), maps.clone(), &mut training());
        let total = (truth.clone() - redrawn.clone()).abs().mean() * WEIGHTS[0]
            + (wanted - found.features).square().mean() * WEIGHTS[1]
            + loss::adversarial(found.logits) * WEIGHTS[2];
        let mut gradients = flat_gradients(&network, &mut total.backward());

        let network = own_leaves(&self.network);
        let (mut real_mode, mut fake_mode) = (training(), training());
        let real = network.judge(truth, empty, &mut real_mode).logits;
        let fake = network.judge(redrawn.detach(), maps, &mut fake_mode).logits;
        let accuracy = loss::accuracy(real.clone(), fake.clone());
        let mut judged = loss::discriminator(real, fake);
        if let (Some(images), Some(labels)) = (pick(images, false), pick(labels, false)) {
            judged = judged + loss::refusal(network.judge(images, labels, &mut training()).logits);
        }
        gradients.extend(flat_gradients(&network, &mut judged.backward()));
        let mut statistics = mode.into_statistics();
        statistics.add(real_mode.into_statistics(), 0.5);
        statistics.add(fake_mode.into_statistics(), 0.5);
        Some(DetectorPass { loss: scalar(&total), accuracy, gradients, statistics })
    }
}
