use burn::tensor::{Device, Tensor};

use super::*;
use crate::network::{Mode, Statistics, WeightInit, export_parameters, parameter_count};

fn init() -> WeightInit {
    WeightInit::new(0, &Device::flex())
}

/// Shapes of all filters, in the order of the layers' names.
fn filters<M: burn::module::Module>(network: &M, names: &[&str]) -> Vec<Vec<usize>> {
    let parameters = export_parameters(network);
    names.iter().map(|name| parameters[*name].shape.clone()).collect()
}

#[test]
fn the_encoder_is_resnet_18_with_five_channels() {
    let encoder = Encoder::new(&mut init(), 3, true, 1.0);
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
    assert_eq!(filters(&encoder, &names), expected);
    let x = Tensor::zeros([1, 3, 256, 256], &Device::flex());
    let features = encoder.forward(x, &mut Mode::Train(Statistics::default()));
    let shapes: Vec<[usize; 4]> = features.iter().map(Tensor::dims).collect();
    assert_eq!(shapes, [[1, 64, 64, 64], [1, 128, 32, 32], [1, 256, 16, 16], [1, 512, 8, 8]]);
}

#[test]
fn the_decoders_have_the_published_layers() {
    for channels in [1, 3] {
        let decoder = Decoder::new(&mut init(), channels, 1.0);
        let mut inputs = 512;
        for (i, outputs) in [512, 256, 128, 128, 128].into_iter().enumerate() {
            let names = [format!("pairs.{i}.convolution.weight"), format!("pairs.{i}.doubling.weight")];
            let expected = [[outputs, inputs, 3, 3], [outputs, outputs, 4, 4]];
            assert_eq!(filters(&decoder, &[&names[0], &names[1]]), expected);
            inputs = outputs;
        }
        assert_eq!(
            filters(&decoder, &["last.weight", "head.weight"]),
            [[128, 128, 3, 3], [channels, 128, 3, 3]]
        );
        let y = decoder
            .forward(Tensor::zeros([1, 512, 8, 8], &Device::flex()), &mut Mode::Train(Statistics::default()));
        assert_eq!(y.dims(), [1, channels, 256, 256]);
    }
}

#[test]
fn the_discriminator_has_the_published_layers() {
    let discriminator = Discriminator::new(&mut init(), 1.0);
    let middle: Vec<String> = (0..6).map(|i| format!("middle.{i}.weight")).collect();
    let names: Vec<&str> =
        ["first"].into_iter().chain(middle.iter().map(String::as_str)).chain(["last"]).collect();
    let channels = [4, 64, 128, 256, 512, 512, 512, 128, 1];
    let expected: Vec<_> = channels.windows(2).map(|pair| vec![pair[1], pair[0], 4, 4]).collect();
    assert_eq!(filters(&discriminator, &names), expected);
    let [image, map] = [3, 1].map(|channels| Tensor::zeros([2, channels, 256, 256], &Device::flex()));
    let (logits, features) = discriminator.forward(image, map, &mut Mode::Train(Statistics::default()));
    assert_eq!((logits.dims(), features.dims()), ([2, 1, 1, 1], [2, 128, 2, 2]));
}

#[test]
fn the_networks_have_the_published_number_of_parameters() {
    use crate::network::{Architecture, Generator};
    let millions = |parameters: usize| (parameters as f64 / 1e5).round() / 10.0;
    let generator = Generator::new(&Architecture::published(), &mut init());
    assert_eq!(millions(parameter_count(&generator)), 31.8);
    assert_eq!(millions(parameter_count(&generator.without_reconstruction())), 21.5);
    assert_eq!(millions(parameter_count(&Discriminator::new(&mut init(), 1.0))), 12.2);
}

#[test]
fn a_narrow_network_keeps_the_sizes() {
    let decoder = Decoder::new(&mut init(), 1, 1.0 / 64.0);
    let y = decoder
        .forward(Tensor::zeros([1, 8, 8, 8], &Device::flex()), &mut Mode::Train(Statistics::default()));
    assert_eq!(y.dims(), [1, 1, 256, 256]);
}
