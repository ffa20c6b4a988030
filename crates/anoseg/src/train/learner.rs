//! One training step of all networks.

use std::collections::BTreeMap;

use anoseg_kernels::{MapLosses, map_losses};
use burn::module::Module as _;
use burn::tensor::Device;
use burn::tensor::activation::sigmoid;
use rayon::prelude::*;

use super::batch::{Batch, Shard};
use super::detector::DetectorPass;
use super::gradients::{Gradients, accumulate, own_leaves, scalar, training};
use super::loss;
use super::step_losses::StepLosses;
use super::trained::Trained;
use crate::config::{Config, LossWeights};
use crate::network::{
    Detector, Discriminator, Generator, ParameterData, ParameterError, Statistics, WeightInit, flat_gradients,
};

/// The networks under training and their optimisers.
pub(super) struct Learner {
    generator: Trained<Generator>,
    adversary: Option<Trained<Discriminator>>,
    detector: Option<Trained<Detector>>,
    weights: LossWeights,
    device: Device,
}

impl Learner {
    /// Fresh networks for `config`, on `device` (without autodiff; it is added here).
    pub(super) fn new(config: &Config, device: &Device) -> Self {
        let (architecture, decay) = (&config.architecture, config.optimiser.weight_decay);
        let device = device.clone().autodiff();
        let mut init = WeightInit::new(config.seed, &device);
        // In this order: all weights come from one stream.
        let generator =
            Trained::new(Generator::new(architecture, &mut init), decay, ["generator", "optimiser"]);
        let adversary = (config.loss.adversarial > 0.0).then(|| {
            let network = Discriminator::new(&mut init, architecture);
            Trained::new(network, decay, ["discriminator", "discriminator_optimiser"])
        });
        let detector = architecture.detector.then(|| {
            let network = Detector::new(&mut init, architecture.width);
            Trained::new(network, decay, ["detector", "detector_optimiser"])
        });
        Self { generator, adversary, detector, weights: config.loss.clone(), device }
    }

    /// The networks as they are now, for use without training.
    pub(super) fn networks(&self) -> (Generator, Option<Detector>) {
        (self.generator.network.valid(), self.detector.as_ref().map(|detector| detector.network.valid()))
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
        self.generator.step(generator.gradients, generator.statistics, learning_rate);
        if let Some(adversary) = &mut self.adversary {
            adversary.step(discriminator.gradients, discriminator.statistics, learning_rate);
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
        let network = own_leaves(&self.generator.network);
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
        let mut tensors: BTreeMap<_, _> = self.generator.export().collect();
        tensors.extend(self.adversary.iter().flat_map(Trained::export));
        tensors.extend(self.detector.iter().flat_map(Trained::export));
        tensors
    }

    /// Restores what [`Learner::export`] gave after `steps` steps.
    pub(super) fn import(
        self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
    ) -> Result<Self, ParameterError> {
        let device = self.device.clone().inner();
        Ok(Self {
            generator: self.generator.import(from, steps, &device)?,
            adversary: self.adversary.map(|network| network.import(from, steps, &device)).transpose()?,
            detector: self.detector.map(|network| network.import(from, steps, &device)).transpose()?,
            ..self
        })
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
