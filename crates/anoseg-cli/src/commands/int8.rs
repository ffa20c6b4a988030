//! `anoseg export --int8`: which layers compute on bytes.

use std::path::Path;
use std::sync::Arc;

use anoseg::evaluation::{load_good_images_as, recipe, synthesizer_of, window_of};
use anoseg::{Decision, Image, Model};
use anoseg_export::{Loss, Quantisation, Sample, quantise};
use anoseg_image::text::count;
use anoseg_synth::{Pair, Recipe};
use anyhow::Result;

use crate::args::DataOptions;
use crate::{advice, console};

/// Synthetic anomalies, and as many good images, that the scales are measured on, and the loss.
const PAIRS: [u64; 2] = [32, 64];

/// Images that tell whether they are of the model's part.
const FEW: usize = 8;

/// The layers of `model` that compute on bytes, by the good images of `data` and synthetic anomalies on them.
pub(super) fn choose(model: &Model, data: &Path, options: &DataOptions) -> Result<Quantisation> {
    let dataset = super::open(data, options)?;
    super::show_warnings(&dataset);
    let good = load_good_images_as(&dataset, &model.description().preprocess, 0)?;
    good.warnings.iter().for_each(|warning| console::warning(&advice::with_limit_option(warning)));
    let images = Arc::new(good.images);
    warn_of_other_images(model, &images)?;
    let recipe = recipe(model)?;
    let every_second = |first: usize| Arc::new(images.iter().skip(first).step_by(2).cloned().collect());
    let halves: [Arc<Vec<Image>>; 2] = [0, 1].map(every_second);
    console::note(&format!(
        "measuring scales on {} and the loss on {}, and on synthetic anomalies on them",
        count(halves[0].len(), "good image", "good images"),
        count(halves[1].len(), "other", "others"),
    ));
    let [measured, judged] = [0, 1].map(|i| samples(model, &halves[i], (&recipe, PAIRS[i])));
    Ok(quantise(model, &measured?, &judged?)?)
}

/// Good images, and as many with synthetic anomalies, in turn.
fn samples(model: &Model, images: &Arc<Vec<Image>>, (recipe, pairs): (&Recipe, u64)) -> Result<Vec<Sample>> {
    let with = |clean_share: f32| Recipe { clean_share, ..recipe.clone() };
    let anomalous = synthesizer_of(model, images, with(0.0))?;
    let clean = synthesizer_of(model, images, with(1.0))?;
    Ok((0..pairs).flat_map(|i| [clean.pair(i, 0), anomalous.pair(i, 1)]).map(sample).collect())
}

/// Says where most of the images would be rejected.
fn warn_of_other_images(model: &Model, images: &[Image]) -> Result<()> {
    let Some(calibration) = &model.description().calibration else { return Ok(()) };
    let some = &images[..images.len().min(FEW)];
    let mut rejected = 0;
    for image in some {
        let score = model.analyse_prepared(image, None)?.score;
        rejected += usize::from(calibration.decide(score) == Decision::Reject);
    }
    if 2 * rejected > some.len() {
        console::warning(&format!(
            "the model rejects {rejected} of the first {}: the scales and the loss are worth nothing unless these \
             are good images of the model's own part",
            count(some.len(), "image", "images")
        ));
    }
    Ok(())
}

fn sample(pair: Pair) -> Sample {
    let window = window_of(&pair);
    Sample { image: pair.image, window, truth: pair.label, inside: pair.inside }
}

/// Prints which layers compute on bytes, and what that costs.
pub(super) fn show(quantisation: &Quantisation) {
    let kept = &quantisation.kept;
    console::result(&format!(
        "int8      {} of {} layers",
        quantisation.len(),
        quantisation.len() + kept.len()
    ));
    if !kept.is_empty() {
        console::result(&format!("float32   {}", kept.join(", ")));
    }
    let loss = &quantisation.loss;
    console::result(&format!(
        "loss      on {} good images and synthetic anomalies; others may lose more",
        loss.samples
    ));
    let [before, after] = loss.pixel_ap;
    console::result(&format!("  pixel AP      {after:.4}, in floats {before:.4}"));
    let [before, after] = loss.image_auroc;
    console::result(&format!("  image AUROC   {after:.4}, in floats {before:.4}"));
    console::result(&format!("  differences   scores up to {:.4}, maps up to {:.4}", loss.score, loss.map));
    if !loss.is_small() {
        console::warning(&format!(
            "more is lost than {} of pixel AP or {} of image AUROC: see what anoseg verify finds on your images, or use \
             --fp16",
            Loss::MOST_PIXEL_AP,
            Loss::MOST_IMAGE_AUROC
        ));
    }
    match loss.decisions {
        Some(0) | None => {}
        Some(changed) => console::warning(&format!(
            "{changed} of these {} get another decision: anoseg verify says which of your own images do",
            loss.samples
        )),
    }
}
