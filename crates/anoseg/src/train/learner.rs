//! One training step of all networks.

use std::collections::BTreeMap;

use anoseg_kernels::{MapLosses, map_losses};
use burn::module::Module as _;
use burn::tensor::Device;
use burn::tensor::activation::sigmoid;
use rayon::prelude::*;

use super::adversary::Adversary;
use super::batch::{Batch, Shard};
use super::detector::{DetectorPass, DetectorTraining};
use super::gradients::{Gradients, accumulate, own_leaves, scalar, training};
use super::loss;
use super::optimiser::ParameterOptimiser;
use super::step_losses::StepLosses;
use crate::config::{Config, LossWeights};
use crate::network::{
    Detector, Discriminator, Generator, ParameterData, ParameterError, Statistics, WeightInit,
    export_parameters, flat_gradients, import_parameters, prefixed, with_prefix,
};

/// The networks under training and their optimisers.
pub(super) struct Learner {
    generator: Generator,
    optimiser: ParameterOptimiser,
    adversary: Option<Adversary>,
    detector: Option<DetectorTraining>,
    weights: LossWeights,
    device: Device,
}

impl Learner {
    /// Fresh networks for `config`, on `device` (without autodiff; it is added here).
    pub(super) fn new(config: &Config, device: &Device) -> Self {
        let (architecture, decay) = (&config.architecture, config.optimiser.weight_decay);
        let device = device.clone().autodiff();
        let mut init = WeightInit::new(config.seed, &device);
        let generator = Generator::new(architecture, &mut init);
        let adversary = (config.loss.adversarial > 0.0)
            .then(|| Adversary::new(Discriminator::new(&mut init, architecture), decay));
        let detector = architecture
            .detector
            .then(|| DetectorTraining::new(Detector::new(&mut init, architecture.width), decay));
        let (optimiser, weights) = (ParameterOptimiser::new(decay), config.loss.clone());
        Self { generator, optimiser, adversary, detector, weights, device }
    }

    /// The networks as they are now, for use without training.
    pub(super) fn networks(&self) -> (Generator, Option<Detector>) {
        (self.generator.valid(), self.detector.as_ref().map(DetectorTraining::network))
    }

    /// Learns from one batch.
    pub(super) fn step(&mut self, batch: Batch, learning_rate: f64) -> StepLosses {
        let weights = batch.weights();
        let mut losses = StepLosses::default();
        let mut sums: [Sum; 3] = Default::default();
        for (pass, weight) in self.side_by_side(batch.shards).into_iter().zip(weights) {
            pass.losses.add_to(&mut losses, weight);
            sums.iter_mut().zip(pass.parts).for_each(|(sum, part)| sum.add(part, weight));
        }
        let [generator, discriminator, detector] = sums;
        let network = self.optimiser.step(self.generator.clone(), generator.gradients, learning_rate);
        self.generator = generator.statistics.average_into(network);
        if let Some(adversary) = &mut self.adversary {
            adversary.step(discriminator.gradients, learning_rate);
        }
        if let Some(network) = &mut self.detector {
            network.step(detector.gradients, detector.statistics, learning_rate);
        }
        losses
    }

    /// Runs the shards beside each other. They share the kernels' threads: one that is idle helps with a shard's parts.
    fn side_by_side(&self, shards: Vec<Shard>) -> Vec<Pass> {
        shards.into_par_iter().map(|shard| self.pass(shard)).collect()
    }

    /// Losses and gradients of one shard, on copies of the weights.
    fn pass(&self, shard: Shard) -> Pass {
        let network = own_leaves(&self.generator);
        let good = shard.good();
        let (images, labels) = shard.tensors(&self.device);
        let mut mode = training();
        let outputs = network.forward(images.clone(), &mut mode);
        let MapLosses { focal, dice } =
            map_losses(outputs.map_logits.clone(), labels.clone(), self.weights.focal_gamma);
        let map = || sigmoid(outputs.map_logits.clone());
        let mut total = focal.clone() * self.weights.focal + dice.clone() * self.weights.dice;
        let mut losses = StepLosses { focal: scalar(&focal), dice: scalar(&dice), ..StepLosses::default() };
        if self.weights.segmentation > 0.0 {
            let error = loss::segmentation(map(), &labels);
            losses.segmentation = Some(scalar(&error));
            total = total + error * self.weights.segmentation;
        }
        if let Some(reconstructed) = &outputs.reconstruction {
            let error = loss::reconstruction(&images, reconstructed, &labels);
            losses.reconstruction = Some(scalar(&error));
            total = total + error * self.weights.reconstruction;
            if let Some(adversary) = &self.adversary {
                let deceived = adversary.deceived(reconstructed.clone(), map());
                losses.adversarial = Some(scalar(&deceived));
                total = total + deceived * self.weights.adversarial;
            }
        }
        losses.total = scalar(&total);
        let mut parts: [Sum; 3] = Default::default();
        parts[0].gradients = flat_gradients(&network, &mut total.backward());
        parts[0].statistics = mode.into_statistics();
        let map = map().detach();
        if let (Some(adversary), Some(fake)) = (&self.adversary, outputs.reconstruction) {
            let real = (images.clone(), labels.clone());
            let judgement = adversary.pass(real, (fake.detach(), map.clone()));
            losses.discriminator = Some(judgement.loss);
            losses.discriminator_accuracy = Some(judgement.accuracy);
            parts[1].gradients = judgement.gradients;
        }
        let detected =
            self.detector.as_ref().and_then(|detector| detector.pass(&images, &labels, &map, &good));
        if let Some(DetectorPass { loss, accuracy, gradients, statistics }) = detected {
            losses.detector = Some(loss);
            losses.detector_accuracy = Some(accuracy);
            parts[2] = Sum { gradients, statistics };
        }
        Pass { losses, parts }
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let mut tensors: BTreeMap<_, _> = prefixed("generator", export_parameters(&self.generator)).collect();
        tensors.extend(prefixed("optimiser", self.optimiser.export()));
        tensors.extend(self.adversary.iter().flat_map(Adversary::export));
        tensors.extend(self.detector.iter().flat_map(DetectorTraining::export));
        tensors
    }

    /// Restores what [`Learner::export`] gave after `steps` steps.
    pub(super) fn import(
        mut self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
    ) -> Result<Self, ParameterError> {
        let device = self.device.clone().inner();
        self.generator = import_parameters(self.generator, &with_prefix("generator", from))?;
        self.optimiser.import(&with_prefix("optimiser", from), steps, &device);
        self.adversary =
            self.adversary.take().map(|network| network.import(from, steps, &device)).transpose()?;
        self.detector =
            self.detector.take().map(|network| network.import(from, steps, &device)).transpose()?;
        Ok(self)
    }
}

/// What one shard gives.
struct Pass {
    losses: StepLosses,
    /// Of generator, discriminator and detector; empty where there is none.
    parts: [Sum; 3],
}

/// Gradients and moments of a network, added up over the shards.
#[derive(Default)]
struct Sum {
    gradients: Gradients,
    statistics: Statistics,
}

impl Sum {
    fn add(&mut self, other: Self, weight: f32) {
        accumulate(&mut self.gradients, other.gradients, weight);
        self.statistics.add(other.statistics, weight);
    }
}
