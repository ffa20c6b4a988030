//! The published networks have the published layers.

use anoseg_infer::network::published::{Decoder, Detector, Discriminator, Encoder};
use anoseg_infer::network::{Architecture, Blueprint, ImageGenerator};
use burn::tensor::Tensor;

use super::{Parameters, Training, WeightInit, cpu};

fn draw(blueprint: Blueprint) -> Parameters {
    Parameters::draw(blueprint, &mut WeightInit::new(0, &cpu().autodiff()))
}

fn zeros(shape: [usize; 4]) -> Tensor<4> {
    Tensor::zeros(shape, &cpu().autodiff())
}

/// Shapes of all filters, in the order of the layers' names.
fn filters(network: &Parameters, names: &[&str]) -> Vec<Vec<usize>> {
    let shape = |name: &&str| network.specs().iter().find(|spec| spec.name == **name).unwrap().shape.clone();
    names.iter().map(shape).collect()
}

#[test]
fn the_encoder_is_resnet_18_with_five_channels() {
    let mut blueprint = Blueprint::default();
    let encoder = Encoder::new(&mut blueprint, 3, true, 1.0);
    let parameters = draw(blueprint);
    let names = [
        "stem.weight",
        "stages.0.first.first.weight",
        "stages.1.first.first.weight",
        "stages.1.first.shortcut.weight",
        "stages.3.first.shortcut.weight",
        "stages.3.second.second.weight",
    ];
    let expected =
        [[64, 5, 7, 7], [64, 64, 3, 3], [128, 64, 3, 3], [128, 64, 1, 1], [512, 256, 1, 1], [512, 512, 3, 3]];
    assert_eq!(filters(&parameters, &names), expected);
    let features = encoder.forward(&mut Training::new(&parameters), &zeros([1, 3, 256, 256]));
    assert_eq!(features.dims(), [1, 512, 8, 8]);
}

#[test]
fn the_decoders_have_the_published_layers() {
    for channels in [1, 3] {
        let mut blueprint = Blueprint::default();
        let decoder = Decoder::new(&mut blueprint, channels, 1.0);
        let parameters = draw(blueprint);
        let mut inputs = 512;
        for (i, outputs) in [512, 256, 128, 128, 128].into_iter().enumerate() {
            let names = [format!("pairs.{i}.convolution.weight"), format!("pairs.{i}.doubling.weight")];
            let expected = [[outputs, inputs, 3, 3], [outputs, outputs, 4, 4]];
            assert_eq!(filters(&parameters, &[&names[0], &names[1]]), expected);
            inputs = outputs;
        }
        let last = filters(&parameters, &["last.weight", "head.weight"]);
        assert_eq!(last, [[128, 128, 3, 3], [channels, 128, 3, 3]]);
        let y = decoder.forward(&mut Training::new(&parameters), &zeros([1, 512, 8, 8]));
        assert_eq!(y.dims(), [1, channels, 256, 256]);
    }
}

#[test]
fn the_discriminator_has_the_published_layers() {
    let mut blueprint = Blueprint::default();
    let discriminator = Discriminator::new(&mut blueprint, 1.0);
    let parameters = draw(blueprint);
    let middle: Vec<String> = (0..6).map(|i| format!("middle.{i}.weight")).collect();
    let names: Vec<&str> =
        ["first"].into_iter().chain(middle.iter().map(String::as_str)).chain(["last"]).collect();
    let channels = [4, 64, 128, 256, 512, 512, 512, 128, 1];
    let expected: Vec<_> = channels.windows(2).map(|pair| vec![pair[1], pair[0], 4, 4]).collect();
    assert_eq!(filters(&parameters, &names), expected);
    let [image, map] = [3, 1].map(|channels| zeros([2, channels, 256, 256]));
    let judged = discriminator.forward(&mut Training::new(&parameters), &image, &map);
    assert_eq!((judged.logits.dims(), judged.features.dims()), ([2, 1, 1, 1], [2, 128, 2, 2]));
}

#[test]
fn the_networks_have_the_published_number_of_parameters() {
    let millions = |blueprint: Blueprint| {
        let count: usize = blueprint.parameters().iter().map(|spec| spec.len()).sum();
        (count as f64 / 1e5).round() / 10.0
    };
    let generator = |architecture: Architecture| {
        let mut blueprint = Blueprint::default();
        ImageGenerator::new(&mut blueprint, &architecture).unwrap();
        millions(blueprint)
    };
    assert_eq!(generator(Architecture::published()), 31.8);
    assert_eq!(generator(Architecture::published().in_use()), 21.5);
    let mut blueprint = Blueprint::default();
    Discriminator::new(&mut blueprint, 1.0);
    assert_eq!(millions(blueprint), 12.2);
    let mut blueprint = Blueprint::default();
    Detector::new(&mut blueprint, 1.0);
    assert!(blueprint.parameters().iter().any(|spec| Detector::is_discriminators(&spec.name)));
}

#[test]
fn a_narrow_network_keeps_the_sizes() {
    let mut blueprint = Blueprint::default();
    let decoder = Decoder::new(&mut blueprint, 1, 1.0 / 64.0);
    let parameters = draw(blueprint);
    let y = decoder.forward(&mut Training::new(&parameters), &zeros([1, 8, 8, 8]));
    assert_eq!(y.dims(), [1, 1, 256, 256]);
}
