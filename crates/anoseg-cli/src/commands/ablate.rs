//! `anoseg ablate`.

use anoseg::evaluation::ablation::{Outcome as Row, Variant, variants};
use anoseg::evaluation::{
    Ablation, EvaluationFiles, Series, evaluate_with_report, require_test_images, write_ablation,
};
use anoseg::{Config, Preset, TrainError};
use anoseg_image::Dataset;
use anyhow::Result;

use super::{encoder, eval, train};
use crate::args::Ablate;
use crate::console;
use crate::exit::Outcome;
use crate::outputs;

pub(crate) fn run(options: &Ablate) -> Result<Outcome> {
    let full = train::config(Some(options.preset), &options.settings)?;
    let dataset = super::open(&options.data, &options.data_options)?;
    super::show_warnings(&dataset);
    // Checked before hours of training, not after.
    require_test_images(&dataset)?;
    for (name, output) in
        [("ablation.json", outputs::Output::Figures), ("report.html", outputs::Output::Report)]
    {
        outputs::prepare_file(&options.out.join(name), "--out", output)?;
    }
    let encoder = encoder::of(&full, options.settings.encoder.as_deref())?;
    let limits = options.limits.over(full.input.limits());
    let series = Series { folder: options.out.clone(), stop: train::stop_on_signals(), encoder, limits };
    let variants = variants(&full);
    set_aside(&series, &dataset, &variants)?;
    let mut ablation =
        Ablation { schema: 1, category: dataset.name.clone(), seed: full.seed, variants: Vec::new() };
    let mut unwritten = Vec::new();
    let (mut page, mut complete) = (None, true);
    for variant in variants {
        console::note(&format!("{}: {}", variant.name, variant.description));
        let model = train::series_model(&series, variant.name, &dataset, &variant.config)?;
        console::note(&format!("{}: evaluating", variant.name));
        let report = page.is_none().then(|| options.out.join("report.html"));
        let files = EvaluationFiles { report, maps: None, limits, stop: series.stop.clone() };
        let (run, report) = evaluate_with_report(&model, &dataset, &series.run_dir(variant.name), &files)?;
        page = page.or(report);
        complete &= super::show_left_out(&run, &dataset);
        ablation.variants.push(Row::new(&variant, &model.description().provenance, &run));
        // After each variant, so that an interrupted ablation leaves a table of the variants that
        // are done.
        unwritten.extend(write_ablation(&ablation, page.as_ref(), &options.out).err());
    }
    console::result(ablation.table().markdown().trim_end());
    console::result(&console::one_line(&format!("report {}", options.out.join("report.html").display())));
    eval::all_written(unwritten)?;
    Ok(super::outcome(complete))
}

/// Keeps the results of an earlier call with other settings or images, which this one would replace.
fn set_aside(series: &Series, dataset: &Dataset, planned: &[Variant]) -> Result<(), TrainError> {
    // An error comes again when its training begins.
    let replaced =
        |variant: &Variant| series.would_replace(variant.name, dataset, &variant.config).unwrap_or(false);
    if !planned.iter().any(replaced) {
        return Ok(());
    }
    // Also the variants that the settings now lack: of one table all go together.
    let all = variants(&Config::of(Preset::Paper)).into_iter();
    let goes = |variant: &Variant| planned.iter().find(|one| one.name == variant.name).is_none_or(replaced);
    let names: Vec<String> = all.filter(goes).map(|variant| variant.name.to_owned()).collect();
    let aside = series.set_aside(&names, &["ablation.json", "ablation.md", "report.html"], &[])?;
    super::tell_set_aside(&series.folder, &aside);
    Ok(())
}
