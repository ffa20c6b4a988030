//! The frozen encoder: any of the networks, with its input scaled.

use anoseg_kernels::Activation;

use super::efficientnet::EfficientNet;
use super::kind::{BRIGHTEST, EncoderArchitecture, EncoderKind};
use super::resnet::ResNet;
use crate::network::layer::{Behind, ConvolutionKind, Init};
use crate::network::{Blueprint, Convolution, Executor};

/// Sides of the images must be multiples of this.
pub const STRIDE: usize = 16;

/// The frozen network.
#[derive(Clone, Debug)]
pub struct Encoder {
    architecture: EncoderArchitecture,
    layers: Layers,
}

#[derive(Clone, Debug)]
enum Layers {
    EfficientNet(EfficientNet),
    ResNet(ResNet),
}

impl Encoder {
    /// The network and its parameters, under the name of the part that is described.
    pub fn new(b: &mut Blueprint, architecture: &EncoderArchitecture) -> Self {
        let blocks = architecture.network.blocks();
        // The fourth stage ends with no feature that is used.
        let [stride2, stride4, stride8, stride16] = architecture.network.channels();
        let efficientnet = |b: &mut Blueprint, fourth| {
            let outputs = [stride2, stride4, stride8, fourth, stride16];
            Layers::EfficientNet(EfficientNet::new(b, blocks, outputs))
        };
        let layers = match architecture.network {
            EncoderKind::EfficientNetLite0 | EncoderKind::EfficientNetLite1 => efficientnet(b, 80),
            EncoderKind::EfficientNetLite2 => efficientnet(b, 88),
            EncoderKind::EfficientNetLite3 => efficientnet(b, 96),
            EncoderKind::EfficientNetLite4 => efficientnet(b, 112),
            EncoderKind::ResNet18 => Layers::ResNet(ResNet::basic(b, blocks)),
            EncoderKind::WideResNet50 => Layers::ResNet(ResNet::bottleneck(b, blocks, 2)),
        };
        Self { architecture: *architecture, layers }
    }

    /// The layers of a network by name, each with the shape of its filters.
    pub fn layers(network: EncoderKind) -> Vec<(String, [usize; 4])> {
        let mut blueprint = Blueprint::default();
        Self::new(&mut blueprint, &EncoderArchitecture::as_published(network));
        let shape = |shape: &[usize]| [shape[0], shape[1], shape[2], shape[3]];
        let weights = blueprint.parameters().iter().filter_map(|parameter| {
            Some((parameter.name.strip_suffix(".weight")?.to_owned(), shape(&parameter.shape)))
        });
        weights.collect()
    }

    /// Which network it is.
    pub fn kind(&self) -> EncoderKind {
        self.architecture.network
    }

    /// Images `[n, 3, h, w]` with values in 0..=1 to features `[n, c, h / s, w / s]` of the
    /// channels [`EncoderKind::channels`], at strides 2, 4, 8 and 16.
    pub fn features<X: Executor>(&self, x: &mut X, images: &X::Value) -> [X::Value; 4] {
        let scaled = self.scaled(x, images);
        match &self.layers {
            Layers::EfficientNet(network) => network.features(x, &scaled),
            Layers::ResNet(network) => network.features(x, &scaled),
        }
    }

    fn scaled<X: Executor>(&self, x: &mut X, images: &X::Value) -> X::Value {
        let EncoderArchitecture { centre, scale, .. } = &self.architecture;
        let levels = x.multiply_scalar(images, BRIGHTEST);
        // The same for all colours, without numbers for each channel.
        if centre.iter().all(|value| *value == centre[0]) && scale.iter().all(|value| *value == scale[0]) {
            let centred = x.add_scalar(&levels, -centre[0]);
            return x.multiply_scalar(&centred, 1.0 / scale[0]);
        }
        x.standardise(&levels, centre, scale)
    }
}

/// A layer with a bias. Its values come from the pretrained weights; random values are for tests
/// only.
pub(super) fn layer(
    b: &mut Blueprint,
    name: &str,
    shape: [usize; 4],
    [stride, padding]: [usize; 2],
    activation: Activation,
) -> Convolution {
    b.at(name, |b| {
        let fan_in: usize = shape[1..].iter().product();
        let weight = b.trained("weight", shape, Init::Normal((2.0 / fan_in as f32).sqrt()));
        let behind = Behind::Bias(b.trained("bias", [shape[0]], Init::Constant(0.0)));
        Convolution { weight, behind, kind: ConvolutionKind::Plain, shape, stride, padding, activation }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{ParameterData, ParameterStore};
    use crate::runtime::Recorder;

    #[test]
    fn every_network_gives_features_of_its_channels() {
        for kind in EncoderKind::ALL {
            let mut blueprint = Blueprint::default();
            let encoder = Encoder::new(&mut blueprint, &EncoderArchitecture::as_published(kind));
            let zeros = |shape: &[usize]| ParameterData {
                shape: shape.to_vec(),
                values: vec![0.0; shape.iter().product()],
            };
            let specs = blueprint.parameters();
            let zeros = specs.iter().map(|spec| (spec.name.clone(), zeros(&spec.shape))).collect();
            let parameters = ParameterStore::import(&zeros, specs).unwrap();
            let (mut x, images) = Recorder::new([1, 3, 32, 48]);
            x.use_parameters(&parameters);
            let features = encoder.features(&mut x, &images);
            let found = x.finish(&features).run(&[0.5; 3 * 32 * 48], &[]);
            for ((values, channels), stride) in found.iter().zip(kind.channels()).zip([2, 4, 8, 16]) {
                assert_eq!(values.len(), channels * (32 / stride) * (48 / stride), "{kind}, stride {stride}");
            }
        }
    }

    #[test]
    fn the_input_is_scaled_for_each_colour() {
        let kind = EncoderKind::ResNet18;
        let architecture =
            EncoderArchitecture { network: kind, centre: [51.0, 0.0, 255.0], scale: [51.0, 255.0, 127.5] };
        architecture.validate().unwrap();
        let encoder = Encoder::new(&mut Blueprint::default(), &architecture);
        let (mut x, images) = Recorder::new([1, 3, 1, 1]);
        let scaled = encoder.scaled(&mut x, &images);
        let found = x.finish(&[scaled]).run(&[0.4, 0.5, 0.5], &[]).swap_remove(0);
        assert!(found.iter().zip([1.0, 0.5, -1.0]).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}
