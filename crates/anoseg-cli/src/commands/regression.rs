//! `anoseg feedback regression`, and how decisions that change are shown.

use std::collections::BTreeSet;
use std::path::Path;

use anoseg::{Model, SettingError};
use anoseg_history::comparison::{Bounds, Comparison, Judge};
use anoseg_history::regression::{NamedChange, Regression};
use anoseg_history::{ModelKey, Reader, Truth};
use anoseg_image::text::count;
use anoseg_report::format::exact_score;
use anyhow::Result;

use crate::args::FeedbackRegression;
use crate::exit::Outcome;
use crate::{console, stop};

pub(super) fn run(options: &FeedbackRegression) -> Result<Outcome> {
    let stop = stop::on_signals("stopping after this image");
    let (model, network) = load(&options.model)?;
    let former = options.former.as_deref().map(load).transpose()?;
    let reader = Reader::open(&options.history)?;
    let name = name(&reader, options)?;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let bounds = Bounds {
        images: size(options.images),
        time: std::time::Duration::MAX,
        limits: &options.limits.limits(),
        changes: size(options.list),
        stopped: &|| stop.is_stopped(),
    };
    let judges = (
        former.as_ref().map(|(model, network)| Judge { model, network }),
        Judge { model: &model, network: &network },
    );
    let comparison = Comparison::of(&reader, &name, judges, bounds)?;
    let Comparison { available, images, left_out, regression, .. } = &comparison;
    if stop.is_stopped() {
        console::note("stopped: the figures are those of the images until then");
    }
    if *available == 0 {
        console::warning(
            "the history has no feedback on this model whose image was kept: give the image with the feedback",
        );
        return Ok(Outcome::SomeBadData);
    }
    console::result(&format!("images    {images} of {available} with feedback and a file"));
    show(regression, "images");
    show_changes(&reader, regression, bounds.changes)?;
    if *left_out > 0 {
        let left_out = count(*left_out, "image", "images");
        console::warning(&format!("{left_out} left out: the file is damaged or too large, or not judged"));
    }
    if stop.is_stopped() {
        return Ok(Outcome::Interrupted);
    }
    let worse = options.max_worse.is_some_and(|most| regression.worse > most);
    if worse {
        console::warning(&format!("{} of the images are decided worse than before", regression.worse));
        return Ok(Outcome::Worse);
    }
    Ok(super::outcome(*left_out == 0))
}

/// A model with thresholds, and the digest of its network.
fn load(path: &Path) -> Result<(Model, String)> {
    let model = Model::load(path)?;
    model.calibration()?;
    let network = ModelKey::network_digest(model.to_file())?;
    Ok((model, network))
}

/// The name of the model whose images count.
fn name(reader: &Reader, options: &FeedbackRegression) -> Result<String> {
    if let Some(name) = &options.name {
        return Ok(name.clone());
    }
    let names: BTreeSet<String> = reader.models()?.into_iter().map(|model| model.name).collect();
    match names.len() {
        0 | 1 => Ok(names.into_iter().next().unwrap_or_default()),
        _ => {
            let known = names.into_iter().collect::<Vec<_>>().join(", ");
            let allowed = console::one_line(&format!("the history has several models, give one of {known}"));
            Err(SettingError::new("--name", "none", allowed).into())
        }
    }
}

/// Shows how many decisions change, and how they stand to feedback.
pub(super) fn show(regression: &Regression, what: &str) {
    let (verdicts, changed) = (regression.verdicts, regression.changed());
    let share = 100.0 * changed as f64 / (verdicts as f64).max(1.0);
    console::result(&format!("changes   {changed} of {verdicts} decisions ({share:.2} %)"));
    if changed > 0 {
        let (worse, better) = (regression.worse, regression.better);
        console::result(&format!("          by feedback {worse} of these {what} get worse, {better} better"));
    }
    let (before, after) = (&regression.before, &regression.after);
    let rows = [
        ("missed", "defects that pass", before.missed_defects(), after.missed_defects(), before.defect),
        ("false", "good parts rejected", before.false_rejects(), after.false_rejects(), before.good),
    ];
    for (name, what, before, after, counts) in rows {
        let of: u64 = counts.iter().sum();
        console::result(&format!("{name:<10}{what}: {after} of {of} with feedback, at present {before}"));
    }
}

/// Lists the changes, and says how many more there are.
pub(super) fn show_changes(reader: &Reader, regression: &Regression, most: usize) -> Result<()> {
    let told = regression.told(reader)?;
    told.changes.iter().for_each(show_change);
    let further = told.changed - told.changes.len() as u64;
    if further > 0 && most > 0 {
        console::result(&format!("          and {further} more (--list)"));
    }
    Ok(())
}

fn show_change(NamedChange { name, change, worse }: &NamedChange) {
    let feedback = match change.feedback {
        Some(Truth::Good) => ", confirmed good",
        Some(Truth::Defect) => ", confirmed defect",
        None => "",
    };
    let [before, after] = change.scores.map(exact_score);
    let score = if before == after { before } else { format!("{before} -> {after}") };
    console::result(&console::one_line(&format!(
        "          verdict {} ({name}), score {score}: {} -> {}{feedback}{}",
        change.verdict,
        change.before.name(),
        change.after.name(),
        if *worse { ": worse" } else { "" }
    )));
}
