//! Tests of the passes over one shard.

use std::sync::Arc;

use anoseg_image::Mask;
use anoseg_synth::demo::{Part, good};
use anoseg_synth::{Pair, Synthesizer};

use super::*;
use crate::config::Preset;
use crate::tensors::values_of;

/// The published networks at a fiftieth of their width, and two anomalous images with their
/// originals.
fn tiny() -> (Learner, [Shard; 2]) {
    let mut config = Config::of(Preset::Paper);
    config.architecture.width = 0.02;
    config.synthesis.clean_share = 0.0;
    let images = (0..3).map(|number| good(Part::Token, 0, number, 256, 256)).collect();
    let synthesizer = Synthesizer::new(Arc::new(images), config.synthesis.clone(), 0).unwrap();
    let shard = || {
        let batch = Batch::new(0, &synthesizer.batch(0, 2), Some(&synthesizer.base_batch(0, 2)), false);
        batch.shards.into_iter().next().unwrap()
    };
    (Learner::new(&config, None, 3), [shard(), shard()])
}

fn values(gradients: &Gradients) -> Vec<f32> {
    gradients.values().flat_map(|gradient| values_of(gradient.clone())).collect()
}

#[test]
fn features_are_dropped_where_images_are_few() {
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
    let learner = Learner::new(&config, None, 3);
    let at = |step| learner.pass(Batch::new(step, &pairs, None, false).shards.remove(0)).losses;
    let (early, late) = (at(4), at(5));
    assert_eq!((early.cross_entropy, late.focal), (None, None));
    let (focal, cross_entropy) = (early.focal.unwrap(), late.cross_entropy.unwrap());
    // The same network: only the focal loss reduces the weight of pixels.
    assert!(0.0 < focal && focal < cross_entropy, "{focal}, {cross_entropy}");
    let LossWeights { focal: weight, dice, cross_entropy: plain, .. } = config.loss;
    for (losses, expected) in [(early, weight * focal), (late, plain * cross_entropy)] {
        assert!((losses.total - expected - dice * losses.dice).abs() < 1e-5, "{losses:?}");
    }
}

/// Losses and gradients come from the pixels inside alone.
#[test]
fn labels_outside_the_region_have_no_effect() {
    let mut config = Config::of(Preset::Fast);
    config.architecture.widths = vec![4, 4];
    let images = Arc::new((0..3).map(|number| good(Part::Token, 0, number, 64, 64)).collect());
    let region = Mask::from_fn(64, 64, |x, _| x < 20);
    let synthesizer = Synthesizer::new(images, config.synthesis.clone(), 0).unwrap().within(Some(region));
    let learner = Learner::new(&config, None, 3);
    let pass = |pairs: &[Pair]| {
        let pass = learner.pass(Batch::new(0, pairs, None, false).shards.remove(0));
        (pass.losses.total, values(&pass.parts[0].gradients))
    };
    let inside = synthesizer.batch(0, 2);
    // Without a region the same pairs have losses of all pixels.
    let everywhere: Vec<Pair> = inside.iter().map(|pair| Pair { inside: None, ..pair.clone() }).collect();
    assert_ne!(pass(&inside).1, pass(&everywhere).1);
    // Nowhere inside: no gradient at all.
    let none = Mask::filled(64, 64, false);
    let nowhere: Vec<Pair> = inside
        .iter()
        .map(|pair| Pair { inside: Some(none.clone()), label: none.clone(), ..pair.clone() })
        .collect();
    let (_, gradients) = pass(&nowhere);
    assert!(gradients.iter().all(|&gradient| gradient == 0.0));
}

#[test]
fn true_pairs_of_the_discriminator_include_synthetic_anomalies() {
    let (learner, [shard, same]) = tiny();
    let [_, found, _] = learner.pass(shard).parts;
    let shard = same.tensors(&learner.device);
    let parameters = learner.trained.parameters.own_leaves();
    let outputs = learner.generate(&mut Training::new(&parameters), &shard);
    let ShardTensors { images, labels, good, anomalous, .. } = shard;
    assert_eq!(anomalous, [true]);
    let fake = (outputs.reconstruction.unwrap().detach(), sigmoid(outputs.map_logits).detach());
    let judged = |real| learner.adversary.as_ref().unwrap().pass(real, fake.clone()).gradients;
    let on_normal = judged((good.unwrap(), labels.zeros_like()));
    assert_eq!(values(&found.gradients), values(&judged((images, labels))));
    assert_ne!(values(&found.gradients), values(&on_normal));
}

#[test]
fn true_pairs_of_the_detector_are_good_images_with_an_empty_map() {
    let (learner, [shard, same]) = tiny();
    let [_, _, found] = learner.pass(shard).parts;
    let ShardTensors { images, labels, good, .. } = same.tensors(&learner.device);
    let (good, detector) = (good.unwrap(), learner.detector.as_ref().unwrap());
    // Where nothing is pasted the two are the same image.
    let changed = (images.clone() - good.clone()).abs().max_dim(1);
    assert_eq!(values_of((changed.clone() * (-labels.clone() + 1.0)).max())[0], 0.0);
    assert!(values_of(changed.max())[0] > 0.0);
    let judged = |truth: &Tensor<4>| {
        let anomalous = Some((images.clone(), labels.clone()));
        let maps = learner.maps(&good, &[]).unwrap();
        detector.pass(truth.clone(), maps, anomalous, &learner.detector_weights).gradients
    };
    assert_eq!(values(&found.gradients), values(&judged(&good)));
    assert_ne!(values(&found.gradients), values(&judged(&images)));
}
