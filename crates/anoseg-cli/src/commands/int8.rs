//! `anoseg export --int8`: which layers compute on bytes.

use std::path::Path;
use std::sync::Arc;

use anoseg::evaluation::{load_good_images_as, recipe, synthesizer_of, window_of};
use anoseg::{Model, TrainError};
use anoseg_export::{Quantisation, Sample, quantise};
use anoseg_image::text::count;
use anoseg_synth::{Pair, Recipe};
use anyhow::Result;

use crate::args::DataOptions;
use crate::{advice, console};

/// Synthetic anomalies, and as many good images, that scales and losses are measured on.
const PAIRS: u64 = 64;

/// The layers of `model` that compute on bytes, by the good images of `data` and synthetic anomalies on them.
pub(super) fn choose(model: &Model, data: &Path, options: &DataOptions) -> Result<Quantisation> {
    let dataset = super::open(data, options)?;
    super::show_warnings(&dataset);
    let good = load_good_images_as(&dataset, &model.description().preprocess, 0)?;
    good.warnings.iter().for_each(|warning| console::warning(&advice::with_limit_option(warning)));
    let images = Arc::new(good.images);
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
    let quantisation = quantise(model, &samples)?;
    if quantisation.is_empty() {
        let what = "any layer in bytes costs too much accuracy: leave out --int8; --fp16 halves the file";
        return Err(TrainError::Data { path: data.to_owned(), what: what.to_owned() }.into());
    }
    Ok(quantisation)
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
    match loss.decisions {
        Some(0) => console::note(&format!("no decision on {} synthetic images differs", loss.samples)),
        Some(changed) => console::warning(&format!(
            "{changed} of {} decisions on synthetic and good images differ: anoseg verify compares those on \
             your own",
            loss.samples
        )),
        None => {}
    }
}
