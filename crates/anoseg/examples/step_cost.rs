//! Times one training step of a network, part by part.
#![allow(clippy::print_stdout)]
use std::time::Instant;

use anoseg::network::{Architecture, Generator, Mode, Statistics, WeightInit, parameter_count};
use burn::tensor::{Device, Distribution, Tensor};

fn main() {
    let device = Device::flex().autodiff();
    for widths in [vec![32, 64, 96, 128], vec![48, 96, 128, 160], vec![64, 96, 128, 160]] {
        let architecture = Architecture { widths, ..Architecture::default() };
        let network = Generator::new(&architecture, &mut WeightInit::new(0, &device));
        let images = Tensor::<4>::random([8, 3, 256, 256], Distribution::Default, &device);
        let (mut forward, mut both) = (vec![], vec![]);
        for _ in 0..6 {
            let start = Instant::now();
            let loss =
                network.map_logits(images.clone(), &mut Mode::Train(Statistics::default())).square().mean();
            forward.push(start.elapsed().as_secs_f64());
            let _gradients = loss.backward();
            both.push(start.elapsed().as_secs_f64());
        }
        forward.sort_by(f64::total_cmp);
        both.sort_by(f64::total_cmp);
        println!(
            "{:?} {} parameters: forward {:.3} s, step {:.3} s",
            architecture.widths,
            parameter_count(&network),
            forward[2],
            both[2]
        );
    }
}
