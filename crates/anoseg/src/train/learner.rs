//! One training step of all networks.

use std::collections::BTreeMap;
use std::sync::Arc;

use anoseg_kernels::{MapLosses, map_losses};
use burn::module::Module as _;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Int, Tensor};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::batch::{Batch, Shard, ShardTensors};
use super::detector::DetectorPass;
use super::gradients::{Gradients, accumulate, own_leaves, scalar, training};
use super::loss;
use super::step_losses::StepLosses;
use super::trained::Trained;
use crate::config::{Config, DetectorSettings, LossWeights, Optimiser};
use crate::network::{
    Backbone, Detector, Discriminator, Folded, Generator, Mode, ParameterData, ParameterError, Sight,
    Statistics, WeightInit, drop_channels, flat_gradients,
};

/// The networks under training and their optimisers.
pub(super) struct Learner {
    /// What the generator sees pictures through; none of it learns.
    backbone: Option<Arc<Backbone>>,
    generator: Trained<Generator>,
    adversary: Option<Trained<Discriminator>>,
    detector: Option<Trained<Detector>>,
    weights: LossWeights,
    detector_weights: DetectorSettings,
    discriminator_rate: f64,
    feature_dropout: f32,
    seed: u64,
    device: Device,
}

impl Learner {
    /// Fresh networks for `config` that will learn from so many `pictures`, on `device` (without autodiff; it is added here).
    pub(super) fn new(
        config: &Config,
        backbone: Option<Arc<Backbone>>,
        pictures: usize,
        device: &Device,
    ) -> Self {
        let (architecture, decay) = (&config.architecture, config.optimiser.weight_decay);
        let device = device.clone().autodiff();
        let mut init = WeightInit::new(config.seed, &device);
        // In this order: all weights come from one stream.
        let horizon = config.optimiser.average_steps;
        let names = ["generator", "optimiser"];
        let generator = Trained::new(Generator::new(architecture, &mut init), decay, names).averaged(horizon);
        let adversary = (config.loss.adversarial > 0.0).then(|| {
            let network = Discriminator::new(&mut init, architecture);
            Trained::new(network, decay, ["discriminator", "discriminator_optimiser"])
        });
        let detector = architecture.detector.then(|| {
            let network = Detector::new(&mut init, architecture.width);
            let names = ["detector", "detector_optimiser"];
            Trained::new(network, decay, names).averaged(horizon.div_ceil(config.detector.every))
        });
        Self {
            backbone,
            generator,
            adversary,
            detector,
            weights: config.loss.clone(),
            detector_weights: config.detector.clone(),
            discriminator_rate: config.optimiser.discriminator_rate,
            feature_dropout: feature_dropout(&config.optimiser, pictures),
            seed: config.seed,
            device,
        }
    }

    /// The networks that a model of this moment has.
    pub(super) fn networks(&self) -> (Generator, Option<Detector>) {
        (self.generator.in_use(), self.detector.as_ref().map(Trained::in_use))
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
        let judging_rate = learning_rate * self.discriminator_rate;
        self.generator.step(generator.gradients, generator.statistics, |_| learning_rate);
        if let Some(adversary) = &mut self.adversary {
            adversary.step(discriminator.gradients, discriminator.statistics, |_| judging_rate);
        }
        if let (Some(network), Some(_)) = (&mut self.detector, losses.detector) {
            let rate = |name: &str| if Detector::judges(name) { judging_rate } else { learning_rate };
            network.step(detector.gradients, detector.statistics, rate);
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
        let ShardTensors { images, labels, good, anomalous, sources, step, number } =
            shard.tensors(&self.device);
        let mut mode = training();
        let outputs = network.forward(self.look(&images, &sources, number), &mut mode);
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
                let deceived = adversary.deceived(reconstructed.clone(), map());
                losses.adversarial = Some(scalar(&deceived));
                total = total + deceived * self.weights.adversarial;
            }
        }
        losses.total = scalar(&total);
        let mut parts: [Sum; 3] = Default::default();
        parts[0].gradients = flat_gradients(&network, &mut total.backward());
        parts[0].statistics = mode.into_statistics();
        if let (Some(adversary), Some(fake)) = (&self.adversary, outputs.reconstruction) {
            // Synthetic anomalies are true pairs, too.
            let real = (images.clone(), labels.clone());
            let judgement = adversary.pass(real, (fake.detach(), map().detach()));
            losses.discriminator = Some(judgement.loss);
            losses.discriminator_accuracy = Some(judgement.accuracy);
            parts[1].gradients = judgement.gradients;
        }
        if let Some(pass) = good.and_then(|good| self.detect(good, &images, &labels, &anomalous)) {
            losses.detector = Some(pass.loss);
            losses.detector_accuracy = Some(pass.accuracy);
            parts[2] = Sum { gradients: pass.gradients, statistics: pass.statistics };
        }
        Pass { losses, parts }
    }

    /// What the generator sees of pictures made from these `sources`, of shard number `number`.
    fn look(&self, images: &Tensor<4>, sources: &[usize], number: u64) -> Sight {
        let Some(backbone) = &self.backbone else { return vec![images.clone()] };
        let mut sight = backbone.look(images.clone().inner(), Some(sources));
        if self.feature_dropout > 0.0 {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(number);
            sight = drop_channels(sight, self.feature_dropout, &mut rng);
        }
        sight.into_iter().map(Tensor::autodiff).collect()
    }

    /// What the second GAN makes of good pictures, and of those `images` with `labels` that are `anomalous`.
    fn detect(
        &self,
        good: Tensor<4>,
        images: &Tensor<4>,
        labels: &Tensor<4>,
        anomalous: &[bool],
    ) -> Option<DetectorPass> {
        let detector = self.detector.as_ref()?;
        let anomalous = choose(images, anomalous).zip(choose(labels, anomalous));
        let maps = self.maps(good.clone());
        Some(detector.pass(good, maps, anomalous, &self.detector_weights))
    }

    /// The maps that the generator draws in use, `[n, 1, h, w]`, of pictures `[n, 3, h, w]`; outside the graph.
    fn maps(&self, images: Tensor<4>) -> Tensor<4> {
        let mut mode = Mode::Use(Folded::default());
        sigmoid(self.generator.network.valid().map_logits(vec![images.inner()], &mut mode)).autodiff()
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let mut tensors = self.generator.export();
        tensors.extend(self.adversary.iter().flat_map(Trained::export));
        tensors.extend(self.detector.iter().flat_map(Trained::export));
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
        let device = self.device.clone().inner();
        self.generator.import(from, steps, &device)?;
        if let Some(adversary) = &mut self.adversary {
            adversary.import(from, steps, &device)?;
        }
        if let Some(detector) = &mut self.detector {
            detector.import(from, steps.div_ceil(self.detector_weights.every), &device)?;
        }
        Ok(())
    }
}

/// Dropout keeps a head from learning few pictures by heart; with many there is less to be kept from.
fn feature_dropout(optimiser: &Optimiser, pictures: usize) -> f32 {
    if pictures <= optimiser.few_pictures { optimiser.feature_dropout } else { 0.0 }
}

/// Those entries of `tensor [n, ...]` for which `wanted` is true, unless there are none.
fn choose(tensor: &Tensor<4>, wanted: &[bool]) -> Option<Tensor<4>> {
    let chosen: Vec<i32> = (0..).zip(wanted).filter(|(_, wanted)| **wanted).map(|(i, _)| i).collect();
    let indices = Tensor::<1, Int>::from_data(chosen.as_slice(), &tensor.device());
    (!chosen.is_empty()).then(|| tensor.clone().select(0, indices))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anoseg_synth::Synthesizer;
    use anoseg_synth::demo::{Part, good};

    use super::*;
    use crate::config::Preset;
    use crate::network::values_of;

    /// The published networks at a fiftieth of their width, and two anomalous pictures with what they are made from.
    fn tiny() -> (Learner, [Shard; 2]) {
        let mut config = Config::of(Preset::Paper);
        config.architecture.width = 0.02;
        config.synthesis.clean_share = 0.0;
        let images = (0..3).map(|number| good(Part::Token, 0, number, 256, 256)).collect();
        let synthesizer = Synthesizer::new(Arc::new(images), config.synthesis.clone(), 0).unwrap();
        let shard = || {
            let batch = Batch::new(0, &synthesizer.batch(0, 2), Some(&synthesizer.base_batch(0, 2)));
            batch.shards.into_iter().next().unwrap()
        };
        (Learner::new(&config, None, 3, &Device::flex()), [shard(), shard()])
    }

    fn values(gradients: &Gradients) -> Vec<f32> {
        gradients.values().flat_map(|gradient| values_of(gradient.clone())).collect()
    }

    #[test]
    fn features_are_dropped_where_pictures_are_few() {
        let optimiser = Config::of(Preset::Accurate).optimiser;
        assert_eq!(feature_dropout(&optimiser, optimiser.few_pictures), optimiser.feature_dropout);
        assert_eq!(feature_dropout(&optimiser, optimiser.few_pictures + 1), 0.0);
        assert!(optimiser.feature_dropout > 0.0);
    }

    #[test]
    fn the_cross_entropy_takes_over_from_the_focal_loss() {
        let mut config = Config::of(Preset::Fast);
        config.architecture.widths = vec![4, 4];
        config.loss.focal_steps = 5;
        let images = Arc::new((0..3).map(|number| good(Part::Token, 0, number, 64, 64)).collect());
        let pairs = Synthesizer::new(images, config.synthesis.clone(), 0).unwrap().batch(0, 2);
        let learner = Learner::new(&config, None, 3, &Device::flex());
        let at = |step| learner.pass(Batch::new(step, &pairs, None).shards.remove(0)).losses;
        let (early, late) = (at(4), at(5));
        assert_eq!((early.cross_entropy, late.focal), (None, None));
        let (focal, cross_entropy) = (early.focal.unwrap(), late.cross_entropy.unwrap());
        // The same network: what it misses is weighed down by the focal loss alone.
        assert!(0.0 < focal && focal < cross_entropy, "{focal}, {cross_entropy}");
        let LossWeights { focal: weight, dice, cross_entropy: plain, .. } = config.loss;
        for (losses, expected) in [(early, weight * focal), (late, plain * cross_entropy)] {
            assert!((losses.total - expected - dice * losses.dice).abs() < 1e-5, "{losses:?}");
        }
    }

    #[test]
    fn true_pairs_of_the_discriminator_include_synthetic_anomalies() {
        let (learner, [shard, same]) = tiny();
        let [_, found, _] = learner.pass(shard).parts;
        let ShardTensors { images, labels, good, anomalous, .. } = same.tensors(&learner.device);
        assert_eq!(anomalous, [true]);
        let outputs = learner.generator.network.forward(vec![images.clone()], &mut training());
        let fake = (outputs.reconstruction.unwrap().detach(), sigmoid(outputs.map_logits).detach());
        let judged = |real| learner.adversary.as_ref().unwrap().pass(real, fake.clone()).gradients;
        let on_normal = judged((good.unwrap(), labels.zeros_like()));
        assert_eq!(values(&found.gradients), values(&judged((images, labels))));
        assert_ne!(values(&found.gradients), values(&on_normal));
    }

    #[test]
    fn true_pairs_of_the_detector_are_normal_pictures_with_an_empty_map() {
        let (learner, [shard, same]) = tiny();
        let [_, _, found] = learner.pass(shard).parts;
        let ShardTensors { images, labels, good, .. } = same.tensors(&learner.device);
        let (good, detector) = (good.unwrap(), learner.detector.as_ref().unwrap());
        // Where nothing is pasted the two are one picture.
        let changed = (images.clone() - good.clone()).abs().max_dim(1);
        assert_eq!(values_of((changed.clone() * (-labels.clone() + 1.0)).max())[0], 0.0);
        assert!(values_of(changed.max())[0] > 0.0);
        let judged = |truth: &Tensor<4>| {
            let anomalous = Some((images.clone(), labels.clone()));
            let maps = learner.maps(good.clone());
            detector.pass(truth.clone(), maps, anomalous, &learner.detector_weights).gradients
        };
        assert_eq!(values(&found.gradients), values(&judged(&good)));
        assert_ne!(values(&found.gradients), values(&judged(&images)));
    }
}
