//! Training the discriminator of the adversarial loss.

use burn::tensor::Tensor;

use super::gradients::{Gradients, scalar};
use super::loss;
use super::trained::Trained;
use crate::tensors::{Discriminator, Training};

/// The discriminator and its parameters under training.
pub(super) struct Adversary {
    pub(super) network: Discriminator,
    pub(super) trained: Trained,
}

/// The discriminator's results for a batch.
pub(super) struct Judgement {
    pub(super) loss: f32,
    /// Share of the pairs that it classified correctly.
    pub(super) accuracy: f32,
    pub(super) gradients: Gradients,
}

impl Adversary {
    /// `L_adv` of the generator that gave these images `[n, 3, h, w]` and maps `[n, 1, h, w]`.
    pub(super) fn deceived(&self, images: &Tensor<4>, maps: &Tensor<4>) -> Tensor<1> {
        let parameters = self.trained.parameters.frozen();
        loss::adversarial(self.network.forward(&mut Training::new(&parameters), images, maps))
    }

    /// The discriminator's loss on `real` and `fake` pairs of image and map (both
    /// `([n, 3, h, w], [n, 1, h, w])`), and its gradients.
    pub(super) fn pass(&self, real: (Tensor<4>, Tensor<4>), fake: (Tensor<4>, Tensor<4>)) -> Judgement {
        let parameters = self.trained.parameters.own_leaves();
        // Each kind is normalised separately; in a joint batch the statistics would separate them.
        let real = self.network.forward(&mut Training::new(&parameters), &real.0, &real.1);
        let fake = self.network.forward(&mut Training::new(&parameters), &fake.0, &fake.1);
        let accuracy = loss::accuracy(real.clone(), fake.clone());
        let loss = loss::discriminator(real, fake);
        Judgement { loss: scalar(&loss), accuracy, gradients: parameters.gradients(&mut loss.backward()) }
    }
}
