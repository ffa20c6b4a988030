//! Training the discriminator of the adversarial loss.

use burn::module::Module as _;
use burn::tensor::Tensor;

use super::gradients::{Gradients, own_leaves, scalar, training};
use super::loss;
use super::trained::Trained;
use crate::network::{Discriminator, flat_gradients};

/// What the discriminator makes of a batch.
pub(super) struct Judgement {
    pub(super) loss: f32,
    /// Share of the pairs that it took for what they are.
    pub(super) accuracy: f32,
    pub(super) gradients: Gradients,
}

impl Trained<Discriminator> {
    /// `L_adv` for the generator whose pictures `[n, 3, h, w]` and maps `[n, 1, h, w]` these are.
    pub(super) fn deceived(&self, images: Tensor<4>, maps: Tensor<4>) -> Tensor<1> {
        loss::adversarial(self.network.valid().forward(images, maps, &mut training()))
    }

    /// How far the discriminator is from telling `real` pairs of picture and map from `fake` ones (both
    /// `([n, 3, h, w], [n, 1, h, w])`), and the gradients of that.
    pub(super) fn pass(&self, real: (Tensor<4>, Tensor<4>), fake: (Tensor<4>, Tensor<4>)) -> Judgement {
        let network = own_leaves(&self.network);
        // Each kind is normalised by itself; together the batch would tell them apart.
        let real = network.forward(real.0, real.1, &mut training());
        let fake = network.forward(fake.0, fake.1, &mut training());
        let accuracy = loss::accuracy(real.clone(), fake.clone());
        let loss = loss::discriminator(real, fake);
        Judgement { loss: scalar(&loss), accuracy, gradients: flat_gradients(&network, &mut loss.backward()) }
    }
}
