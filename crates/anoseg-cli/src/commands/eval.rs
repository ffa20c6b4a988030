//! `anoseg eval`.

use std::path::{Path, PathBuf};

use anoseg::evaluation::{
    BenchmarkResults, Entry, EvaluationFiles, Figures, evaluate_with_files, write_json,
};
use anoseg::{Model, RunDir, SettingError};
use anoseg_image::{Dataset, dataset};
use anyhow::Result;

use super::make_folder;
use crate::args::Eval;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Eval) -> Result<Outcome> {
    let folders = dataset::categories(&options.data)?;
    if !folders.is_empty() {
        return run_all(options, &folders);
    }
    if options.model.is_dir() {
        let allowed = "a folder; give a model file, or a folder of categories with a folder of models";
        return Err(SettingError::new("MODEL", &options.model, allowed).into());
    }
    let model = Model::load(&options.model)?;
    let dataset = Dataset::open(&options.data)?;
    dataset.warnings.iter().for_each(|warning| console::warning(warning));
    let run_dir = options.run_dir.as_ref().map_or_else(|| RunDir::beside(&options.model), RunDir::open);
    let files = EvaluationFiles { report: options.report.clone(), maps: options.maps.clone() };
    let run = evaluate_with_files(&model, &dataset, &run_dir, &files)?;
    print_figures(&run.figures);
    if let Some(path) = &options.json {
        write_json(path, &run.record())?;
    }
    for failure in &run.failures {
        console::warning(&format!("left out: {failure}"));
    }
    Ok(if run.failures.is_empty() { Outcome::Fine } else { Outcome::SomeBadData })
}

/// Each dataset of a folder with the model of its name in a folder of models.
fn run_all(options: &Eval, folders: &[PathBuf]) -> Result<Outcome> {
    if !options.model.is_dir() {
        let name = Dataset::open(&folders[0])?.name;
        let allowed = format!(
            "{} holds several categories: give a folder with a model for each, {name}.anoseg and so on, or one category",
            options.data.display()
        );
        return Err(SettingError::new("MODEL", &options.model, allowed).into());
    }
    let pages = options.report.as_deref().map(pages_folder).transpose()?;
    let (mut results, mut complete) = (BenchmarkResults::default(), true);
    for folder in folders {
        let dataset = Dataset::open(folder)?;
        let name = dataset.name.clone();
        let path = options.model.join(format!("{name}.anoseg"));
        if !path.is_file() {
            console::warning(&format!("{name} is left out: there is no model {}", path.display()));
            complete = false;
            continue;
        }
        dataset.warnings.iter().for_each(|warning| console::warning(warning));
        let model = Model::load(&path)?;
        let run_dir = options
            .run_dir
            .as_ref()
            .map_or_else(|| RunDir::beside(&path), |all| RunDir::open(all.join(format!("{name}-run"))));
        let report = pages.as_ref().map(|pages| pages.join(format!("{name}.html")));
        let files = EvaluationFiles { report, maps: options.maps.as_ref().map(|maps| maps.join(&name)) };
        let run = evaluate_with_files(&model, &dataset, &run_dir, &files)?;
        run.failures.iter().for_each(|failure| console::warning(&format!("left out: {failure}")));
        complete &= run.failures.is_empty();
        results.add(name, Entry::new(&model.description().provenance, run.figures));
    }
    if results.is_empty() {
        let allowed = format!("it has no model for any category of {}", options.data.display());
        return Err(SettingError::new("MODEL", &options.model, allowed).into());
    }
    console::result(results.benchmark.table().markdown().trim_end());
    if let Some(path) = &options.json {
        write_json(path, &results.benchmark)?;
    }
    if let Some(path) = &options.report {
        results.write_page(path)?;
    }
    Ok(if complete { Outcome::Fine } else { Outcome::SomeBadData })
}

/// Where the datasets' pages go: beside the page that leads to them.
fn pages_folder(report: &Path) -> Result<PathBuf> {
    let folder = report.parent().unwrap_or(Path::new("")).to_owned();
    if !folder.as_os_str().is_empty() {
        make_folder(&folder)?;
    }
    Ok(folder)
}

/// The figures as a table, with intervals and time.
pub(super) fn print_figures(figures: &Figures) {
    console::result(figures.table().plain().trim_end());
    figures.intervals().iter().for_each(|line| console::result(line));
    if let Some(seconds) = figures.seconds_per_image {
        console::result(&format!("{:.1} ms per image", 1000.0 * seconds));
    }
}
