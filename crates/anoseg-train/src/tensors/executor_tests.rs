//! Every preset's network through every executor, compared with stock Burn.
//!
//! [`Stock`] runs a network with Burn's own operators and unfolded normalisation, and shares no
//! code with the other executors.

use anoseg_infer::network::pretrained::{Encoder, EncoderArchitecture, EncoderKind, FineMemory, Spread};
use anoseg_infer::network::{
    Architecture, Averaging, Backbone, Behind, Blueprint, Convolution, ConvolutionKind, Detector, Executor,
    Features, ImageGenerator, MemoryBank, head,
};
use anoseg_infer::parameters::{ParameterData, ParameterStore};
use anoseg_infer::runtime::Recorder;
use anoseg_kernels::{Activation, Pool};
use burn::tensor::ops::{
    AvgPoolOptions, ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions,
};
use burn::tensor::{Tensor, activation, module};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Parameters, Training, WeightInit, cpu, tensor_of, values_of};
use crate::config::{Config, Preset};

/// Burn's own operators.
struct Stock<'p> {
    parameters: &'p Parameters,
    /// Normalises by the batch, as training does; else by the running averages.
    by_batch: bool,
}

impl Stock<'_> {
    fn get<const D: usize>(&self, id: anoseg_infer::network::ParameterId, shape: [usize; D]) -> Tensor<D> {
        self.parameters.get(id, shape).inner()
    }
}

impl Executor for Stock<'_> {
    type Value = Tensor<4>;

    fn size(&self, x: &Tensor<4>) -> [usize; 2] {
        [x.dims()[2], x.dims()[3]]
    }

    fn convolution(&mut self, layer: &Convolution, inputs: &[&Tensor<4>]) -> Tensor<4> {
        let images = inputs.iter().map(|x| x.dims()[0]).max().unwrap();
        let [h, w] = self.size(inputs[0]);
        let expanded = inputs.iter().map(|x| (*x).clone().expand([images, x.dims()[1], h, w])).collect();
        let x = Tensor::cat(expanded, 1);
        let (weight, c) = (self.get(layer.weight, layer.shape), layer.outputs());
        let bias = match layer.behind {
            Behind::Bias(bias) => Some(self.get(bias, [c])),
            Behind::Normalisation { .. } => None,
        };
        let (stride, padding) = ([layer.stride; 2], [layer.padding; 2]);
        let groups = if layer.kind == ConvolutionKind::Depthwise { c } else { 1 };
        let mut y = match layer.kind {
            ConvolutionKind::Transposed => {
                let options = ConvTransposeOptions::new(stride, padding, [0, 0], [1, 1], 1);
                module::conv_transpose2d(x, weight, bias, options)
            }
            _ => module::conv2d(x, weight, bias, ConvOptions::new(stride, padding, [1, 1], groups)),
        };
        if let Behind::Normalisation { scale, shift, mean, variance } = layer.behind {
            let of = |id| self.get(id, [1, c, 1, 1]);
            let (mean, variance) = if self.by_batch {
                let over = |x: Tensor<4>| x.mean_dim(0).mean_dim(2).mean_dim(3);
                let mean = over(y.clone());
                (mean.clone(), over((y.clone() - mean).square()))
            } else {
                (of(mean), of(variance))
            };
            y = (y - mean) / (variance + 1e-5).sqrt() * of(scale) + of(shift);
        }
        match layer.activation {
            Activation::None => y,
            Activation::Relu => activation::relu(y),
            Activation::Relu6 => y.clamp(0.0, 6.0),
        }
    }

    fn coordinates(&mut self, [h, w]: [usize; 2]) -> Tensor<4> {
        let at = |i: usize, len: usize| 2.0 * i as f32 / (len - 1) as f32 - 1.0;
        let rows = (0..h * w).map(|i| at(i / w, h));
        let columns = (0..h * w).map(|i| at(i % w, w));
        tensor_of(rows.chain(columns).collect(), [1, 2, h, w], &cpu())
    }

    fn add_scalar(&mut self, x: &Tensor<4>, summand: f32) -> Tensor<4> {
        x.clone() + summand
    }

    fn multiply_scalar(&mut self, x: &Tensor<4>, factor: f32) -> Tensor<4> {
        x.clone() * factor
    }

    fn standardise(&mut self, x: &Tensor<4>, mean: &[f32], deviation: &[f32]) -> Tensor<4> {
        let of = |values: &[f32]| tensor_of(values.to_vec(), [1, values.len(), 1, 1], &cpu());
        (x.clone() - of(mean)) / of(deviation)
    }

    fn add(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        a.clone() + b.clone()
    }

    fn multiply(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        a.clone() * b.clone()
    }

    fn add_relu(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        activation::relu(a.clone() + b.clone())
    }

    fn average_pool(&mut self, x: &Tensor<4>, pool: Pool) -> Tensor<4> {
        let options = AvgPoolOptions::new([pool.kernel; 2]).with_stride([pool.stride; 2]);
        module::avg_pool2d(x.clone(), options.with_padding([pool.padding; 2]))
    }

    fn max_pool(&mut self, x: &Tensor<4>, pool: Pool) -> Tensor<4> {
        let options = MaxPoolOptions::new([pool.kernel; 2]).with_stride([pool.stride; 2]);
        module::max_pool2d(x.clone(), options.with_padding([pool.padding; 2]))
    }

    fn double(&mut self, x: &Tensor<4>) -> Tensor<4> {
        let [h, w] = self.size(x);
        let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
        module::interpolate(x.clone(), options.with_output_size([2 * h, 2 * w]))
    }

    fn space_to_depth(&mut self, x: &Tensor<4>, block: usize) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let blocks = x.clone().reshape([n, c, h / block, block, w / block, block]);
        blocks.permute([0, 1, 3, 5, 2, 4]).reshape([n, c * block * block, h / block, w / block])
    }

    fn depth_to_space(&mut self, x: &Tensor<4>, block: usize) -> Tensor<4> {
        let [n, deep, h, w] = x.dims();
        let c = deep / block / block;
        let blocks = x.clone().reshape([n, c, block, block, h, w]);
        blocks.permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * block, w * block])
    }

    fn join(&mut self, values: &[&Tensor<4>]) -> Tensor<4> {
        Tensor::cat(values.iter().map(|x| (*x).clone()).collect(), 1)
    }

    fn moments(&mut self, x: &Tensor<4>) -> Tensor<4> {
        let mean = x.clone().mean_dim(2).mean_dim(3);
        let variance = (x.clone() - mean.clone()).square().mean_dim(2).mean_dim(3);
        Tensor::cat(vec![mean, (variance + 1e-5).sqrt()], 1)
    }

    fn nearest_distance(&mut self, x: &Tensor<4>, bank: &MemoryBank) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let vectors = bank.vectors().values.chunks_exact(c).map(|vector| {
            let vector = tensor_of(vector.to_vec(), [1, c, 1, 1], &cpu());
            (x.clone() - vector).square().sum_dim(1)
        });
        Tensor::cat(vectors.collect(), 1).min_dim(1).sqrt().reshape([n, 1, h, w])
    }

    fn sigmoid(&mut self, x: &Tensor<4>) -> Tensor<4> {
        activation::sigmoid(x.clone())
    }

    fn leaky_relu(&mut self, x: &Tensor<4>, slope: f32) -> Tensor<4> {
        activation::leaky_relu(x.clone(), f64::from(slope))
    }

    fn zeros_like(&mut self, x: &Tensor<4>) -> Tensor<4> {
        x.zeros_like()
    }

    fn mean_squared_difference(&mut self, a: &Tensor<4>, b: &Tensor<4>) -> Tensor<4> {
        (a.clone() - b.clone()).square().mean_dim(1).mean_dim(2).mean_dim(3)
    }
}

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random()).collect()
}

/// Parameters of a trained network: running averages and normalisations far from their start.
fn trained(blueprint: Blueprint) -> Parameters {
    let parameters = Parameters::draw(blueprint, &mut WeightInit::new(3, &cpu().autodiff()));
    let mut seed = 0;
    parameters.map(|spec, flat| {
        seed += 1;
        let noise = tensor_of(numbers(spec.len(), seed), [spec.len()], &cpu());
        if spec.name.ends_with("weight") { flat } else { flat + noise * 0.3 - 0.1 }
    })
}

fn store(parameters: &Parameters) -> ParameterStore {
    ParameterStore::import(&parameters.export(), parameters.specs()).unwrap()
}

/// A backbone with random weights, spreads and memory.
fn backbone(parameters: &Parameters, encoder: Encoder) -> Backbone {
    let kind = encoder.kind();
    let (descriptor, fine) = (kind.descriptor(), kind.fine_descriptor());
    let spread = |channels: usize| Spread {
        mean: numbers(channels, 5),
        deviation: numbers(channels, 6).into_iter().map(|value| 0.5 + value).collect(),
    };
    let vectors = ParameterData { shape: vec![37, descriptor], values: numbers(37 * descriptor, 7) };
    let fine = ParameterData { shape: vec![23, fine], values: numbers(23 * fine, 8) };
    Backbone {
        encoder,
        encoder_parameters: store(parameters),
        features: spread(kind.all_channels()),
        memory: MemoryBank::new(vectors, Vec::new()),
        distances: spread(1),
        coarse: None,
        fine: Some(FineMemory { memory: MemoryBank::new(fine, Vec::new()), distances: spread(1) }),
        averaging: Averaging::OwnStride,
    }
}

/// The largest difference as a share of the largest number.
fn difference(found: &[f32], expected: &Tensor<4>) -> f32 {
    let expected = values_of(expected.clone());
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().map(|value| value.abs()).fold(0.0, f32::max);
    found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / size
}

fn images(n: usize, [h, w]: [usize; 2]) -> Tensor<4> {
    tensor_of(numbers(n * 3 * h * w, 11), [n, 3, h, w], &cpu())
}

fn check_generator(architecture: &Architecture, size: [usize; 2]) {
    let mut blueprint = Blueprint::default();
    let generator = ImageGenerator::new(&mut blueprint, architecture).unwrap();
    let parameters = trained(blueprint);
    for n in [1, 2] {
        let images = images(n, size);
        let expected =
            generator.forward(&mut Stock { parameters: &parameters, by_batch: false }, &images).map_logits;
        let store = store(&parameters);
        let (mut x, input) = Recorder::new(images.dims());
        x.use_parameters(&store);
        let logits = generator.forward(&mut x, &input).map_logits;
        let found = x.finish(&[logits]).run(&values_of(images.clone()), &[]);
        assert!(difference(&found[0], &expected) < 1e-4, "{architecture} in use, {n} images");
        let expected =
            generator.forward(&mut Stock { parameters: &parameters, by_batch: true }, &images).map_logits;
        let found = generator.forward(&mut Training::new(&parameters), &images.clone().autodiff()).map_logits;
        let found = values_of(found);
        assert!(difference(&found, &expected) < 1e-3, "{architecture} in training, {n} images");
    }
}

#[test]
fn the_network_of_preset_fast_is_the_same_through_every_executor() {
    let mut architecture = Config::of(Preset::Fast).architecture;
    check_generator(&architecture, [64, 96]);
    architecture.coordinates = false;
    architecture.context = false;
    architecture.widths = vec![9, 12];
    check_generator(&architecture, [40, 24]);
}

#[test]
fn the_network_of_preset_paper_is_the_same_through_every_executor() {
    let mut architecture = Config::of(Preset::Paper).architecture;
    architecture.width = 0.05;
    check_generator(&architecture, [128, 96]);
}

#[test]
fn the_score_of_the_second_gan_is_the_same_through_every_executor() {
    let mut blueprint = Blueprint::default();
    let detector = Detector::new(&mut blueprint, 0.03);
    let parameters = trained(blueprint);
    let (images, maps) = (images(1, [256, 256]), images(1, [256, 256]).slice([0..1, 0..1]));
    let mut stock = Stock { parameters: &parameters, by_batch: false };
    let expected = detector.score(&mut stock, &images, &maps);
    let store = store(&parameters);
    let (mut x, pair) = Recorder::new([1, 4, 256, 256]);
    // The runtime has one input: image and map are its channels, separated by 1 x 1 filters.
    let mut blueprint = Blueprint::default();
    let [image, map] = [3, 1].map(|outputs| {
        let layer = Convolution::head(&mut blueprint, "take", [4, outputs], 0.0);
        Convolution { shape: [outputs, 4, 1, 1], padding: 0, ..layer }
    });
    let mut apart = std::collections::BTreeMap::new();
    let mut names = Vec::new();
    for (layer, first) in [(&image, 0), (&map, 3)] {
        let Behind::Bias(bias) = layer.behind else { unreachable!() };
        let outputs = layer.shape[0];
        let weight = (0..outputs * 4).map(|i| f32::from(u8::from(i % 4 == first + i / 4))).collect();
        names.extend([
            (layer.weight, weight, layer.shape.to_vec()),
            (bias, vec![0.0; outputs], vec![outputs]),
        ]);
    }
    let mut specs = blueprint.into_parameters();
    for (id, values, shape) in names {
        specs[id.0].name = format!("p{}", id.0);
        specs[id.0].shape.clone_from(&shape);
        apart.insert(specs[id.0].name.clone(), ParameterData { shape, values });
    }
    let apart = ParameterStore::import(&apart, &specs).unwrap();
    x.use_parameters(&apart);
    let [image, map] = [image, map].map(|layer| x.convolution(&layer, &[&pair]));
    x.use_parameters(&store);
    let score = detector.score(&mut x, &image, &map);
    let input = [values_of(images), values_of(maps)].concat();
    let found = x.finish(&[score]).run(&input, &[]);
    assert!(difference(&found[0], &expected) < 1e-3);
}

fn check_pretrained(encoder: EncoderArchitecture, images_at_a_time: &[usize], size: [usize; 2]) {
    let kind = encoder.network;
    let architecture = Architecture { encoder, ..Config::of(Preset::Accurate).architecture };
    let mut blueprint = Blueprint::default();
    let encoder = Encoder::new(&mut blueprint, &encoder);
    let encoder_parameters = trained(blueprint);
    let backbone = backbone(&encoder_parameters, encoder);
    let mut blueprint = Blueprint::default();
    let head = head(&mut blueprint, &architecture);
    let head_parameters = trained(blueprint);
    let head_store = store(&head_parameters);
    for &n in images_at_a_time {
        let images = images(n, size);
        let mut stock = Stock { parameters: &encoder_parameters, by_batch: false };
        let features = backbone.forward(&mut stock, &images);
        let expected = head.forward(&mut Stock { parameters: &head_parameters, by_batch: false }, &features);
        let expected_distance = backbone.distance(&mut stock, &features);
        let (mut x, input) = Recorder::new(images.dims());
        x.use_parameters(&backbone.encoder_parameters);
        let recorded = backbone.forward(&mut x, &input);
        let full = backbone.distance(&mut x, &recorded);
        x.use_parameters(&head_store);
        let logits = head.forward(&mut x, &recorded);
        let Features { stride2, stride4, stride8, stride16, distance } = recorded;
        let program = x.finish(&[logits, stride2, stride4, stride8, stride16, distance, full]);
        let found = program.run(&values_of(images.clone()), &[]);
        assert!(difference(&found[0], &expected) < 1e-3, "map of {n} images");
        assert_eq!(found[1].len(), n * kind.channels()[0] * size[0] / 2 * size[1] / 2);
        assert!(difference(&found[4], &features.stride16) < 1e-3, "features of {n} images");
        assert!(difference(&found[5], &features.distance) < 1e-3, "distances of {n} images");
        assert!(difference(&found[6], &expected_distance) < 1e-3, "map of distances of {n} images");
        let expected = head.forward(&mut Stock { parameters: &head_parameters, by_batch: true }, &features);
        let Features { stride2, stride4, stride8, stride16, distance } = features;
        let [stride2, stride4, stride8, stride16, distance] =
            [stride2, stride4, stride8, stride16, distance].map(Tensor::autodiff);
        let features = Features { stride2, stride4, stride8, stride16, distance };
        let found = values_of(head.forward(&mut Training::new(&head_parameters), &features));
        assert!(difference(&found, &expected) < 1e-3, "training on {n} images");
    }
}

#[test]
fn the_network_of_preset_accurate_is_the_same_through_every_executor() {
    check_pretrained(EncoderArchitecture::default(), &[1, 3], [64, 128]);
}

#[test]
fn other_encoders_are_the_same_through_every_executor() {
    let (centre, scale) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
    for network in [EncoderKind::EfficientNetLite2, EncoderKind::ResNet18, EncoderKind::WideResNet50] {
        check_pretrained(EncoderArchitecture { network, centre, scale }, &[2], [64, 32]);
    }
}
