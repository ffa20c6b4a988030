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

/// Synthetic anomalies, and as many good images, that scales and losses are measured on.
const PAIRS: u64 = 64;

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
    let with = |clean_share: f32| Recipe { clean_share, ..recipe.clone() };
    let anomalous = synthesizer_of(model, &images, with(0.0))?;
    let clean = synthesizer_of(model, &images, with(1.0))?;
    let samples: Vec<Sample> =
        (0..PAIRS).flat_map(|i| [clean.pair(i, 0), anomalous.pair(i, 1)]).map(sample).collect();
    console::note(&format!(
        "measuring which layers can compute on bytes, on {} and as many synthetic anomalies",
        count(PAIRS as usize, "good image", "good images")
    ));
    Ok(quantise(model, &samples)?)
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
    let [before, after] = loss.pixel_ap;
    console::result(&format!("pixel AP  {after:.4}, in floats {before:.4}"));
    let [before, after] = loss.image_auroc;
    console::result(&format!("AUROC     {after:.4}, in floats {before:.4} (images)"));
    console::result(&format!("score     differs by up to {:.4}", loss.score));
    if !loss.is_small() {
        console::warning(&format!(
            "more is lost than {} of pixel AP or {} of AUROC: compare with anoseg eval and verify, or use --fp16",
            Loss::MOST_PIXEL_AP,
            Loss::MOST_IMAGE_AUROC
        ));
    }
    match loss.decisions {
        Some(0) => console::note(&format!("no decision of {} differs", loss.samples)),
        Some(changed) => console::warning(&format!(
            "{changed} of {} decisions differ: anoseg verify compares those on your own images",
            loss.samples
        )),
        None => {}
    }
}
