//! One training step of all networks.

use std::collections::BTreeMap;
use std::sync::Arc;

use anoseg_infer::network::{Architecture, Backbone, Blueprint, Detector, Head, ImageGenerator, Outputs};
use anoseg_infer::parameters::{ParameterData, ParameterError, ParameterStore};
use anoseg_infer::{Network, Window};
use anoseg_kernels::extension::{MapLosses, map_losses};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor};
use rayon::prelude::*;

use super::adversary::Adversary;
use super::batch::{Batch, Shard, ShardTensors};
use super::detector::{DetectorGan, DetectorPass};
use super::frozen::FrozenFeatures;
use super::gradients::{Gradients, accumulate, scalar};
use super::step_losses::StepLosses;
use super::trained::Trained;
use super::{frozen, loss};
use crate::config::{Config, DetectorSettings, LossWeights, Optimiser};
use crate::tensors::{Discriminator, Parameters, Statistics, Training, WeightInit, cpu};

/// Logit of a pixel at which nothing counts.
const CERTAIN: f32 = 20.0;

/// The forward pass of the generator.
enum Generator {
    /// From images.
    Images(Box<ImageGenerator>),
    /// From a frozen backbone's features.
    Head(Box<Head>, FrozenFeatures),
}

/// The networks under training and their optimisers.
pub(super) struct Learner {
    generator: Generator,
    trained: Trained,
    adversary: Option<Adversary>,
    detector: Option<DetectorGan>,
    architecture: Architecture,
    weights: LossWeights,
    detector_weights: DetectorSettings,
    discriminator_rate: f64,
    device: Device,
}

impl Learner {
    /// Fresh networks for `config`, for a training on so many `images`.
    pub(super) fn new(config: &Config, backbone: Option<Arc<Backbone>>, images: usize) -> Self {
        let (architecture, decay) = (&config.architecture, config.optimiser.weight_decay);
        let device = cpu().autodiff();
        let mut init = WeightInit::new(config.seed, &device);
        // The order matters: all weights come from one stream.
        let horizon = config.optimiser.average_steps;
        let mut blueprint = Blueprint::default();
        let generator = match backbone {
            Some(backbone) => {
                let head = anoseg_infer::network::head(&mut blueprint, architecture);
                let dropout = feature_dropout(&config.optimiser, images);
                Generator::Head(Box::new(head), FrozenFeatures::new(backbone, dropout, config.seed))
            }
            None => {
                let generator = ImageGenerator::new(&mut blueprint, architecture);
                Generator::Images(Box::new(generator.expect("a pretrained network comes with a backbone")))
            }
        };
        let parameters = Parameters::draw(blueprint, &mut init);
        let trained = Trained::new(parameters, decay, ["generator", "optimiser"]).averaged(horizon);
        let adversary = (config.loss.adversarial > 0.0).then(|| {
            let mut blueprint = Blueprint::default();
            let network = Discriminator::new(&mut blueprint, architecture);
            let names = ["discriminator", "discriminator_optimiser"];
            Adversary { network, trained: Trained::new(Parameters::draw(blueprint, &mut init), decay, names) }
        });
        let detector = architecture.detector.then(|| {
            let mut blueprint = Blueprint::default();
            let network = Detector::new(&mut blueprint, architecture.width);
            let names = ["detector", "detector_optimiser"];
            let trained = Trained::new(Parameters::draw(blueprint, &mut init), decay, names);
            let horizon = horizon.div_ceil(config.detector.every);
            DetectorGan { network, trained: trained.averaged(horizon) }
        });
        Self {
            generator,
            trained,
            adversary,
            detector,
            architecture: architecture.clone(),
            weights: config.loss.clone(),
            detector_weights: config.detector.clone(),
            discriminator_rate: config.optimiser.discriminator_rate,
            device,
        }
    }

    /// The networks of a model at the present step; `trained` is false if a pretrained network has
    /// made no step.
    ///
    /// # Errors
    /// Never, unless a parameter of the network is not among those trained: a fault of this
    /// library.
    pub(super) fn network(&self, trained: bool) -> Result<Network, ParameterError> {
        let mut blueprint = Blueprint::default();
        let parameters = self.trained.in_use().export();
        match &self.generator {
            Generator::Images(_) => {
                ImageGenerator::new(&mut blueprint, &self.architecture.clone().in_use());
                let generator = ParameterStore::import(&parameters, blueprint.parameters())?;
                let detector = self.detector.as_ref().map(|detector| {
                    let parameters = detector.trained.in_use();
                    ParameterStore::import(&parameters.export(), parameters.specs())
                });
                Ok(Network::Images { generator, detector: detector.transpose()? })
            }
            Generator::Head(_, features) => {
                anoseg_infer::network::head(&mut blueprint, &self.architecture);
                let head = trained.then(|| ParameterStore::import(&parameters, blueprint.parameters()));
                Ok(Network::Pretrained { backbone: features.backbone(), head: head.transpose()? })
            }
        }
    }

    /// Trains on one batch.
    pub(super) fn step(&mut self, batch: Batch, learning_rate: f64) -> StepLosses {
        let weights = batch.weights();
        let mut losses = StepLosses::default();
        let mut sums: [Sum; 3] = Default::default();
        for (pass, weight) in self.side_by_side(batch.shards).into_iter().zip(weights) {
            pass.losses.add_to(&mut losses, weight);
            sums.iter_mut().zip(pass.parts).for_each(|(sum, part)| sum.add(part, weight));
        }
        let [generator, discriminator, detector] = sums;
        let judging_rate = learning_rate * self.discriminator_rate;
        self.trained.step(generator.gradients, generator.statistics, |_| learning_rate);
        if let Some(adversary) = &mut self.adversary {
            adversary.trained.step(discriminator.gradients, discriminator.statistics, |_| judging_rate);
        }
        if let (Some(network), Some(_)) = (&mut self.detector, losses.detector) {
            let rate = |name: &str| {
                if Detector::is_discriminators(name) { judging_rate } else { learning_rate }
            };
            network.trained.step(detector.gradients, detector.statistics, rate);
        }
        losses
    }

    /// Runs the shards in parallel. They share the kernels' threads: an idle thread helps with the
    /// parts of a shard.
    fn side_by_side(&self, shards: Vec<Shard>) -> Vec<Pass> {
        shards.into_par_iter().map(|shard| self.pass(shard)).collect()
    }

    /// The generator's outputs for a shard.
    fn generate(&self, training: &mut Training<'_>, shard: &ShardTensors) -> Outputs<Tensor<4>> {
        match &self.generator {
            Generator::Images(generator) => generator.forward(training, &shard.images),
            Generator::Head(head, features) => {
                let features = features.forward(&shard.images, &shard.sources, shard.number);
                Outputs { map_logits: head.forward(training, &features), reconstruction: None }
            }
        }
    }

    /// Losses and gradients of one shard, on copies of the weights.
    fn pass(&self, shard: Shard) -> Pass {
        let parameters = self.trained.parameters.own_leaves();
        let shard = shard.tensors(&self.device);
        let height = shard.images.dims()[2];
        let mut training = Training::new(&parameters).on_windows(shard.windows.clone(), height);
        let mut outputs = self.generate(&mut training, &shard);
        let ShardTensors { images, labels, good, inside, anomalous, step, windows, .. } = shard;
        if let Some(inside) = inside {
            // Outside the map is certainly normal, whatever the network gives: no loss and no gradient.
            let outside = (inside.clone() - 1.0) * CERTAIN;
            outputs.map_logits = outputs.map_logits * inside + outside;
        }
        let focuses = self.weights.focuses(step);
        // With an exponent of 0 the focal loss is the cross-entropy.
        let (gamma, weight) = if focuses {
            (self.weights.focal_gamma, self.weights.focal)
        } else {
            (0.0, self.weights.cross_entropy)
        };
        let MapLosses { focal: pixels, dice } = map_losses(outputs.map_logits.clone(), labels.clone(), gamma);
        let map = || sigmoid(outputs.map_logits.clone());
        let mut total = pixels.clone() * weight + dice.clone() * self.weights.dice;
        let pixels = (weight > 0.0).then(|| scalar(&pixels));
        let mut losses = StepLosses {
            focal: pixels.filter(|_| focuses),
            cross_entropy: pixels.filter(|_| !focuses),
            dice: scalar(&dice),
            ..StepLosses::default()
        };
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
                let deceived = adversary.deceived(reconstructed, &map());
                losses.adversarial = Some(scalar(&deceived));
                total = total + deceived * self.weights.adversarial;
            }
        }
        losses.total = scalar(&total);
        let mut parts: [Sum; 3] = Default::default();
        parts[0].gradients = parameters.gradients(&mut total.backward());
        parts[0].statistics = training.statistics;
        if let (Some(adversary), Some(fake)) = (&self.adversary, &outputs.reconstruction) {
            // Synthetic anomalies are true pairs, too.
            let real = (images.clone(), labels.clone());
            let judgement = adversary.pass(real, (fake.clone().detach(), map().detach()));
            losses.discriminator = Some(judgement.loss);
            losses.discriminator_accuracy = Some(judgement.accuracy);
            parts[1].gradients = judgement.gradients;
        }
        if let Some(pass) = good.and_then(|good| self.detect(good, &windows, (&images, &labels, &anomalous)))
        {
            losses.detector = Some(pass.loss);
            losses.detector_accuracy = Some(pass.accuracy);
            parts[2] = Sum { gradients: pass.gradients, statistics: pass.statistics };
        }
        Pass { losses, parts }
    }

    /// The second GAN's pass on good images, and on those `images` with `labels` that are
    /// `anomalous`.
    fn detect(
        &self,
        good: Tensor<4>,
        windows: &[Window],
        (images, labels, anomalous): (&Tensor<4>, &Tensor<4>, &[bool]),
    ) -> Option<DetectorPass> {
        let detector = self.detector.as_ref()?;
        let anomalous = choose(images, anomalous).zip(choose(labels, anomalous));
        let maps = self.maps(&good, windows)?;
        Some(detector.pass(good, maps, anomalous, &self.detector_weights))
    }

    /// The maps that the generator gives at inference, `[n, 1, h, w]`, for images `[n, 3, h, w]`;
    /// outside the graph.
    fn maps(&self, images: &Tensor<4>, windows: &[Window]) -> Option<Tensor<4>> {
        let Generator::Images(generator) = &self.generator else { return None };
        let parameters = self.trained.parameters.export();
        let parameters = ParameterStore::import(&parameters, self.trained.parameters.specs()).ok()?;
        Some(frozen::maps(generator, &parameters, images, windows))
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let mut tensors = self.trained.export();
        tensors.extend(self.adversary.iter().flat_map(|adversary| adversary.trained.export()));
        tensors.extend(self.detector.iter().flat_map(|detector| detector.trained.export()));
        tensors
    }

    /// Restores what [`Learner::export`] gave after `steps` steps.
    ///
    /// # Errors
    /// A parameter is missing or has another shape; what was restored before it stays.
    pub(super) fn import(
        &mut self,
        from: &BTreeMap<String, ParameterData>,
        steps: u64,
    ) -> Result<(), ParameterError> {
        let device = cpu();
        self.trained.import(from, steps, &device)?;
        if let Some(adversary) = &mut self.adversary {
            adversary.trained.import(from, steps, &device)?;
        }
        if let Some(detector) = &mut self.detector {
            detector.trained.import(from, steps.div_ceil(self.detector_weights.every), &device)?;
        }
        Ok(())
    }
}

/// Dropout keeps a head from overfitting few images; with many images it is not needed.
fn feature_dropout(optimiser: &Optimiser, images: usize) -> f32 {
    if images <= optimiser.few_pictures { optimiser.feature_dropout } else { 0.0 }
}

/// The entries of `tensor [n, ...]` for which `wanted` is true; None if there are none.
fn choose(tensor: &Tensor<4>, wanted: &[bool]) -> Option<Tensor<4>> {
    let chosen: Vec<i32> = (0..).zip(wanted).filter(|(_, wanted)| **wanted).map(|(i, _)| i).collect();
    let indices = Tensor::<1, Int>::from_data(chosen.as_slice(), &tensor.device());
    (!chosen.is_empty()).then(|| tensor.clone().select(0, indices))
}

/// The result of one shard.
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

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
