//! Training the discriminator of the adversarial loss.

use std::collections::BTreeMap;

use burn::module::Module as _;
use burn::tensor::{Device, Tensor};

use super::gradients::{Gradients, own_leaves, scalar, training};
use super::loss;
use super::optimiser::ParameterOptimiser;
use crate::network::{
    Discriminator, ParameterData, ParameterError, export_parameters, flat_gradients, import_parameters,
    prefixed, with_prefix,
};

/// The discriminator and its optimiser.
pub(super) struct Adversary {
    discriminator: Discriminator,
    optimiser: ParameterOptimiser,
}

/// What the discriminator makes of a batch.
pub(super) struct Judgement {
    pub(super) loss: f32,
    /// Share of the pairs that it took for what they are.
    pub(super) accuracy: f32,
    pub(super) gradients: Gradients,
}

impl Adversary {
    pub(super) fn new(discriminator: Discriminator, weight_decay: f32) -> Self {
        Self { discriminator, optimiser: ParameterOptimiser::new(weight_decay) }
    }

    /// `L_adv` for the generator whose pictures `[n, 3, h, w]` and maps `[n, 1, h, w]` these are.
    pub(super) fn deceived(&self, images: Tensor<4>, maps: Tensor<4>) -> Tensor<1> {
        loss::adversarial(self.discriminator.valid().forward(images, maps, &mut training()))
    }

    /// How far the discriminator is from telling `real` pairs of picture and map from `fake` ones (both
    /// `([n, 3, h, w], [n, 1, h, w])`), and the gradients of that.
    pub(super) fn pass(&self, real: (Tensor<4>, Tensor<4>), fake: (Tensor<4>, Tensor<4>)) -> Judgement {
        let network = own_leaves(&self.discriminator);
        // Each kind is normalised by itself; together the batch would tell them apart.
        let real = network.forward(real.0, real.1, &mut training());
        let fake = network.forward(fake.0, fake.1, &mut training());
        let accuracy = loss::accuracy(real.clone(), fake.clone());
        let loss = loss::discriminator(real, fake);
        Judgement { loss: scalar(&loss), accuracy, gradients: flat_gradients(&network, &mut loss.backward()) }
    }

    /// Moves the weights against the gradients of a batch.
    pub(super) fn step(&mut self, gradients: Gradients, learning_rate: f64) {
        self.discriminator = self.optimiser.step(self.discriminator.clone(), gradients, learning_rate);
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> impl Iterator<Item = (String, ParameterData)> {
        let optimiser = prefixed("discriminator_optimiser", self.optimiser.export());
        prefixed("discriminator", export_parameters(&self.discriminator)).chain(optimiser)
    }

    /// Restores what [`Adversary::export`] gave after `steps` steps.
    pub(super) fn import(
        mut self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
        device: &Device,
    ) -> Result<Self, ParameterError> {
        self.discriminator = import_parameters(self.discriminator, &with_prefix("discriminator", from))?;
        self.optimiser.import(&with_prefix("discriminator_optimiser", from), steps, device);
        Ok(self)
    }
}
