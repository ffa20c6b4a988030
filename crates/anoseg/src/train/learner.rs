//! One training step: generator, and discriminator where the adversarial loss is on.

use std::collections::BTreeMap;

use anoseg_kernels::{MapLosses, map_losses};
use anoseg_synth::Pair;
use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::checkpoint::{prefixed, with_prefix};
use super::loss;
use super::optimiser::ParameterOptimiser;
use crate::config::{Config, LossWeights};
use crate::network::{
    Discriminator, Generator, Mode, ParameterData, ParameterError, Statistics, WeightInit, export_parameters,
    flat_gradients, import_parameters, map_parameters, values_of,
};

/// The networks under training and their optimisers.
pub(super) struct Learner {
    generator: Generator,
    optimiser: ParameterOptimiser,
    adversary: Option<Adversary>,
    weights: LossWeights,
    device: Device,
}

struct Adversary {
    discriminator: Discriminator,
    optimiser: ParameterOptimiser,
}

/// Parts of a batch that are computed side by side, each on its own copy of the weights; their gradients are then
/// averaged. Much of a step is single-threaded, so this keeps a second core busy. The number is part of the result
/// (it decides the order of sums), hence fixed and not taken from the machine.
const SHARDS: usize = 2;

/// A batch as the networks take it: one part for each shard.
pub(super) struct Batch {
    shards: Vec<Shard>,
}

/// Pictures `[n, 3, h, w]` and labels `[n, 1, h, w]`, 1 = anomalous.
struct Shard {
    images: TensorData,
    labels: TensorData,
}

impl Batch {
    /// Joins pairs of one size.
    pub(super) fn new(pairs: &[Pair]) -> Self {
        Self { shards: pairs.chunks(pairs.len().div_ceil(SHARDS).max(1)).map(Shard::new).collect() }
    }
}

impl Shard {
    fn new(pairs: &[Pair]) -> Self {
        let (height, width) = pairs.first().map_or((0, 0), |pair| (pair.image.height(), pair.image.width()));
        let images: Vec<f32> = pairs.iter().flat_map(|pair| pair.image.as_slice()).copied().collect();
        let labels: Vec<f32> = pairs
            .iter()
            .flat_map(|pair| pair.label.as_slice())
            .map(|&anomalous| f32::from(u8::from(anomalous)))
            .collect();
        Self {
            images: TensorData::new(images, [pairs.len(), 3, height, width]),
            labels: TensorData::new(labels, [pairs.len(), 1, height, width]),
        }
    }

    fn len(&self) -> usize {
        self.images.shape()[0]
    }

    fn tensors(self, device: &Device) -> (Tensor<4>, Tensor<4>) {
        (Tensor::from_data(self.images, device), Tensor::from_data(self.labels, device))
    }
}

/// Losses of one step, unweighted but for `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepLosses {
    /// What the generator minimised: the weighted sum.
    pub total: f32,
    /// Focal loss of the map.
    pub focal: f32,
    /// Dice loss of the map.
    pub dice: f32,
    /// Reconstruction loss, where there is a reconstruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconstruction: Option<f32>,
    /// The generator's adversarial loss, where there is a discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<f32>,
    /// The discriminator's own loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<f32>,
}

impl StepLosses {
    /// `self * weight`, added to `sum`; what `sum` lacks is taken over.
    fn add_to(self, sum: &mut Self, weight: f32) {
        let add = |sum: &mut Option<f32>, value: Option<f32>| {
            *sum = value.map(|value| sum.unwrap_or(0.0) + value * weight).or(*sum);
        };
        sum.total += self.total * weight;
        sum.focal += self.focal * weight;
        sum.dice += self.dice * weight;
        add(&mut sum.reconstruction, self.reconstruction);
        add(&mut sum.adversarial, self.adversarial);
        add(&mut sum.discriminator, self.discriminator);
    }
}

impl Learner {
    /// Fresh networks for `config`, on `device` (without autodiff; it is added here).
    pub(super) fn new(config: &Config, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let mut init = WeightInit::new(config.seed, &device);
        let generator = Generator::new(&config.architecture, &mut init);
        let decay = config.optimiser.weight_decay;
        let adversary = (config.loss.adversarial > 0.0).then(|| Adversary {
            discriminator: Discriminator::new(&mut init, &config.architecture.widths),
            optimiser: ParameterOptimiser::new(decay),
        });
        let optimiser = ParameterOptimiser::new(decay);
        Self { generator, optimiser, adversary, weights: config.loss.clone(), device }
    }

    /// The generator as it is now, for use without training.
    pub(super) fn generator(&self) -> Generator {
        self.generator.valid()
    }

    /// Learns from one batch.
    pub(super) fn step(&mut self, batch: Batch, learning_rate: f64) -> StepLosses {
        let total: usize = batch.shards.iter().map(Shard::len).sum();
        let weights: Vec<f32> = batch.shards.iter().map(|shard| shard.len() as f32 / total as f32).collect();
        let passes = self.side_by_side(batch.shards);
        let mut losses = StepLosses::default();
        let (mut generator, mut discriminator) = (BTreeMap::new(), BTreeMap::new());
        let mut statistics = Statistics::default();
        for (pass, weight) in passes.into_iter().zip(weights) {
            pass.losses.add_to(&mut losses, weight);
            statistics.add(pass.statistics, weight);
            accumulate(&mut generator, pass.generator, weight);
            accumulate(&mut discriminator, pass.discriminator, weight);
        }
        let network = self.optimiser.step(self.generator.clone(), generator, learning_rate);
        self.generator = statistics.average_into(network);
        if let Some(Adversary { discriminator: network, optimiser }) = &mut self.adversary {
            *network = optimiser.step(network.clone(), discriminator, learning_rate);
        }
        losses
    }

    /// Runs the shards beside each other. They share the kernels' threads: one that is idle helps with a shard's parts.
    fn side_by_side(&self, shards: Vec<Shard>) -> Vec<Pass> {
        shards.into_par_iter().map(|shard| self.pass(shard)).collect()
    }

    /// Losses and gradients of one shard. It works on its own copy of the weights: graphs that share a leaf are one
    /// graph to Burn and would wait for each other.
    fn pass(&self, shard: Shard) -> Pass {
        let network = own_leaves(&self.generator);
        let (images, labels) = shard.tensors(&self.device);
        let mut mode = Mode::Train(Statistics::default());
        let outputs = network.forward(images.clone(), &mut mode);
        let MapLosses { focal, dice } =
            map_losses(outputs.map_logits.clone(), labels.clone(), self.weights.focal_gamma);
        let map = || sigmoid(outputs.map_logits.clone());
        let mut total = focal.clone() * self.weights.focal + dice.clone() * self.weights.dice;
        let mut losses = StepLosses { focal: scalar(&focal), dice: scalar(&dice), ..StepLosses::default() };
        if let Some(reconstructed) = &outputs.reconstruction {
            let error = loss::reconstruction(&images, reconstructed, &labels);
            losses.reconstruction = Some(scalar(&error));
            total = total + error * self.weights.reconstruction;
            if let Some(adversary) = &self.adversary {
                let judged = adversary.discriminator.valid().forward(reconstructed.clone(), map());
                let fooling = loss::adversarial(judged);
                losses.adversarial = Some(scalar(&fooling));
                total = total + fooling * self.weights.adversarial;
            }
        }
        losses.total = scalar(&total);
        let generator = flat_gradients(&network, &mut total.backward());
        let mut discriminator = BTreeMap::new();
        if let (Some(adversary), Some(fake)) = (&self.adversary, outputs.reconstruction) {
            let (loss, gradients) = adversary.pass((images, labels), (fake.detach(), map().detach()));
            losses.discriminator = Some(loss);
            discriminator = gradients;
        }
        Pass { losses, statistics: mode.into_statistics(), generator, discriminator }
    }

    /// Every parameter and every moment.
    pub(super) fn export(&self) -> BTreeMap<String, ParameterData> {
        let mut tensors: BTreeMap<_, _> = prefixed("generator", export_parameters(&self.generator)).collect();
        tensors.extend(prefixed("optimiser", self.optimiser.export()));
        if let Some(adversary) = &self.adversary {
            tensors.extend(prefixed("discriminator", export_parameters(&adversary.discriminator)));
            tensors.extend(prefixed("discriminator_optimiser", adversary.optimiser.export()));
        }
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
        if let Some(Adversary { discriminator, mut optimiser }) = self.adversary.take() {
            let discriminator = import_parameters(discriminator, &with_prefix("discriminator", from))?;
            optimiser.import(&with_prefix("discriminator_optimiser", from), steps, &device);
            self.adversary = Some(Adversary { discriminator, optimiser });
        }
        Ok(self)
    }
}

impl Adversary {
    /// How far the discriminator is from telling `real` pairs of picture and map from `fake` ones (both
    /// `([n, 3, h, w], [n, 1, h, w])`), and the gradients of that.
    fn pass(&self, real: (Tensor<4>, Tensor<4>), fake: (Tensor<4>, Tensor<4>)) -> (f32, Gradients) {
        let network = own_leaves(&self.discriminator);
        let real = network.forward(real.0, real.1);
        let fake = network.forward(fake.0, fake.1);
        let loss = loss::discriminator(real, fake);
        (scalar(&loss), flat_gradients(&network, &mut loss.backward()))
    }
}

/// Gradients by the parameters' dotted paths, flattened.
type Gradients = BTreeMap<String, Tensor<1>>;

/// What one shard gives.
struct Pass {
    losses: StepLosses,
    statistics: Statistics,
    generator: Gradients,
    discriminator: Gradients,
}

/// A copy of the network whose parameters are leaves of a graph of their own.
fn own_leaves<M: Module>(network: &M) -> M {
    map_parameters(network.clone(), |_, _, parameter| parameter)
}

/// Adds `gradients * weight` to `sum`.
fn accumulate(sum: &mut Gradients, gradients: Gradients, weight: f32) {
    for (name, gradient) in gradients {
        let gradient = gradient * weight;
        let total = match sum.remove(&name) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        sum.insert(name, total);
    }
}

fn scalar(tensor: &Tensor<1>) -> f32 {
    values_of(tensor.clone())[0]
}
