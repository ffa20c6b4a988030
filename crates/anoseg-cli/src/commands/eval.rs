//! `anoseg eval`.

use std::path::{Path, PathBuf};

use anoseg::evaluation::{
    BenchmarkResults, Entry, EvaluationFiles, Failure, TestRun, evaluate_with_files, write_json,
};
use anoseg::{Dataset, Model, RunDir, SettingError, StopToken, TrainError};
use anyhow::Result;

use super::resume;
use crate::args::Eval;
use crate::console;
use crate::exit::Outcome;
use crate::{exit, outputs, stop};

pub(crate) fn run(options: &Eval) -> Result<Outcome> {
    super::require_model_first(&options.model, [&options.data])?;
    let folders = super::categories(&options.data, &options.data_options)?;
    if !folders.is_empty() {
        return run_all(options, &folders);
    }
    if options.model.is_dir() {
        let allowed = "a folder; give a model file, or a folder of categories with a folder of models";
        return Err(SettingError::new("MODEL", &options.model, allowed).into());
    }
    let model = Model::load(&options.model)?;
    let dataset = super::open(&options.data, &options.data_options)?;
    super::show_warnings(&dataset);
    prepare_outputs(options)?;
    let run_dir = options.run_dir.as_ref().map_or_else(|| RunDir::beside(&options.model), RunDir::open);
    let files = EvaluationFiles {
        report: options.report.clone(),
        maps: options.maps.clone(),
        limits: options.limits.limits(),
        stop: stop_on_signals(),
    };
    let run = evaluate_with_files(&model, &dataset, &run_dir, &files)?;
    print_figures(&run);
    let json = options.json.as_ref().map_or(Ok(()), |path| write_json(path, &run.record()));
    let complete = super::show_left_out(&run, &dataset);
    all_written(run.unwritten.into_iter().chain(json.err()))?;
    Ok(super::outcome(complete))
}

/// Each dataset of a folder with the model of its name in a folder of models.
fn run_all(options: &Eval, folders: &[PathBuf]) -> Result<Outcome> {
    if !options.model.is_dir() {
        let name = super::folder_name(&folders[0]);
        let allowed = format!(
            "{} holds several categories: give a folder with a model for each, {name}.anoseg and so on, or one category",
            options.data.display()
        );
        return Err(SettingError::new("MODEL", &options.model, allowed).into());
    }
    prepare_outputs(options)?;
    let pages = options.report.as_deref().map(pages_folder);
    let (mut results, mut complete, mut bad) = (BenchmarkResults::default(), true, None);
    let (stop, mut unwritten) = (stop_on_signals(), Vec::new());
    for folder in folders {
        let name = super::folder_name(folder);
        let path = options.model.join(format!("{name}.anoseg"));
        if !path.is_file() {
            let why = resume::why_missing(&path).map_or_else(String::new, |why| format!(": {why}"));
            let error = format!("there is no model {}{why}", path.display());
            console::warning(&format!("{name} is left out: {error}"));
            results.fail(Failure { category: name, seed: None, error });
            complete = false;
            continue;
        }
        match run_one(options, folder, &path, pages.as_deref(), &stop) {
            Ok((entry, all_read, failed)) => {
                complete &= all_read;
                unwritten.extend(failed);
                results.add(name, entry);
            }
            Err(error) if super::concerns_one_dataset(&error) || super::concerns_a_model(&error) => {
                console::warning(&format!("{name} is left out: {}", exit::message(&error)));
                results.fail(Failure { category: name, seed: None, error: exit::message(&error) });
                complete = false;
                bad = bad.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(error)) = (results.is_empty(), bad) {
        return Err(error);
    }
    if results.is_empty() {
        let allowed = format!("it has no model for any category of {}", options.data.display());
        return Err(SettingError::new("MODEL", &options.model, allowed).into());
    }
    console::result(results.benchmark.table().markdown().trim_end());
    let json = options.json.as_ref().map_or(Ok(()), |path| write_json(path, &results.benchmark));
    let page = options.report.as_ref().map_or(Ok(()), |path| results.write_page(path));
    all_written(unwritten.into_iter().chain(json.err()).chain(page.err()))?;
    Ok(super::outcome(complete))
}

/// Stops after the image under way.
pub(super) fn stop_on_signals() -> StopToken {
    stop::on_signals("stopping after this image")
}

/// Checks before the evaluation that its outputs can be written.
fn prepare_outputs(options: &Eval) -> Result<()> {
    let [json, report, maps] = [&options.json, &options.report, &options.maps].map(Option::as_deref);
    outputs::require_apart(&[("--json", json), ("--report", report), ("--maps", maps)])?;
    if let Some(path) = &options.json {
        outputs::prepare_file(path, "--json", outputs::Output::Figures)?;
    }
    if let Some(path) = &options.report {
        outputs::prepare_file(path, "--report", outputs::Output::Report)?;
    }
    options.maps.as_ref().map_or(Ok(()), |folder| outputs::prepare_folder(folder))
}

/// Fails with the first of these errors, and warns of the others.
pub(super) fn all_written(unwritten: impl IntoIterator<Item = TrainError>) -> Result<()> {
    let mut unwritten = unwritten.into_iter();
    let first = unwritten.next();
    unwritten.for_each(|error| console::warning(&error.to_string()));
    first.map_or(Ok(()), |error| Err(error.into()))
}

/// One dataset of several. Returns whether all of it could be read, and what could not be written.
fn run_one(
    options: &Eval,
    folder: &Path,
    model: &Path,
    pages: Option<&Path>,
    stop: &StopToken,
) -> Result<(Entry, bool, Vec<TrainError>)> {
    let name = super::folder_name(folder);
    let dataset = Dataset::open_until(folder, options.data_options.layout, &|| stop.is_stopped())?;
    super::show_warnings(&dataset);
    let run_dir = options
        .run_dir
        .as_ref()
        .map_or_else(|| RunDir::beside(model), |all| RunDir::open(all.join(format!("{name}-run"))));
    let model = Model::load(model)?;
    let report = pages.map(|pages| pages.join(format!("{name}.html")));
    let maps = options.maps.as_ref().map(|maps| maps.join(&name));
    let files = EvaluationFiles { report, maps, limits: options.limits.limits(), stop: stop.clone() };
    let run = evaluate_with_files(&model, &dataset, &run_dir, &files)?;
    let complete = super::show_left_out(&run, &dataset);
    Ok((Entry::new(&model.description().provenance, run.figures), complete, run.unwritten))
}

/// Where the datasets' pages go: beside the page that leads to them.
fn pages_folder(report: &Path) -> PathBuf {
    report.parent().unwrap_or(Path::new("")).to_owned()
}

/// The figures as a table, with shares of images and of marked pixels, and the time.
pub(super) fn print_figures(run: &TestRun) {
    console::result(run.figures.table().plain().trim_end());
    run.lines().iter().for_each(|line| console::result(line));
    if let Some(seconds) = run.figures.seconds_per_image {
        console::result(&format!("{:.1} ms per image", 1000.0 * seconds));
    }
}
