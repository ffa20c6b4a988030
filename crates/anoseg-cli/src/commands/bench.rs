//! `anoseg bench`.

use std::ops::RangeInclusive;
use std::path::Path;

use anoseg::evaluation::{
    BenchmarkResults, Entry, EvaluationFiles, Failure, Series, evaluate_with_files, require_test_images,
};
use anoseg::{Config, SettingError, TrainError};
use anoseg_image::Dataset;
use anyhow::{Result, bail};

use super::{encoder, eval, train};
use crate::args::Bench;
use crate::console;
use crate::exit::Outcome;
use crate::{exit, outputs};

/// Largest table of an earlier call that is read.
const MOST_TABLE_BYTES: u64 = 64 << 20;

pub(crate) fn run(options: &Bench) -> Result<Outcome> {
    let config = train::config(options.preset, &options.settings)?;
    let seeds = seeds(config.seed, options.seeds)?;
    let mut results = BenchmarkResults::default();
    let datasets = open(options, &mut results)?;
    for (name, output) in [("bench.json", outputs::Output::Figures), ("report.html", outputs::Output::Report)]
    {
        outputs::prepare_file(&options.out.join(name), "--out", output)?;
    }
    let encoder = encoder::of(&config, options.settings.encoder.as_deref())?;
    let limits = options.limits.over(config.input.limits());
    let series = Series { folder: options.out.clone(), stop: train::stop_on_signals(), encoder, limits };
    set_aside(&series, &datasets, &config, seeds.clone())?;
    let (mut complete, mut unwritten) = (results.benchmark.failures.is_empty(), Vec::new());
    for dataset in &datasets {
        for seed in seeds.clone() {
            let name = run_name(&dataset.name, seed);
            console::note(&name);
            let config = Config { seed, ..config.clone() };
            match measure(&series, &name, dataset, &config) {
                Ok((entry, all_read, failed)) => {
                    complete &= all_read;
                    unwritten.extend(failed);
                    results.add(name, entry);
                    // After each training, so that an interrupted benchmark leaves a table of the
                    // runs that are done.
                    unwritten.extend(results.write(&options.out).err());
                }
                Err(error) if super::concerns_one_dataset(&error) => {
                    leave_out(&mut results, &name, (&dataset.name, Some(seed)), exit::message(&error));
                    complete = false;
                }
                Err(error) => return Err(error),
            }
        }
    }
    if results.is_empty() {
        bail!(anoseg::TrainError::Data {
            path: options.data.clone(),
            what: "no dataset could be measured; see the warnings above".into(),
        });
    }
    // With what failed after the last training.
    unwritten.extend(results.write(&options.out).err());
    console::result(results.benchmark.table().markdown().trim_end());
    console::result(&console::one_line(&format!("report {}", options.out.join("report.html").display())));
    eval::all_written(unwritten)?;
    Ok(super::outcome(complete))
}

/// The name of a training.
fn run_name(category: &str, seed: u64) -> String {
    format!("{category}-seed{seed}")
}

/// Keeps the results of an earlier call that this one would replace: models of other settings or images,
/// and a table with other runs.
fn set_aside(
    series: &Series,
    datasets: &[Dataset],
    config: &Config,
    seeds: RangeInclusive<u64>,
) -> Result<(), TrainError> {
    let (mut planned, mut replaced) = (Vec::new(), Vec::new());
    for dataset in datasets {
        for seed in seeds.clone() {
            let name = run_name(&dataset.name, seed);
            let config = Config { seed, ..config.clone() };
            // An error comes again when its training begins.
            if series.would_replace(&name, dataset, &config).unwrap_or(false) {
                replaced.push(name.clone());
            }
            planned.push(name);
        }
    }
    let measured = measured(&series.folder.join("bench.json"));
    if replaced.is_empty() && measured.iter().all(|name| planned.contains(name)) {
        return Ok(());
    }
    let kept: Vec<String> = measured.into_iter().filter(|name| !replaced.contains(name)).collect();
    let aside = series.set_aside(&replaced, &["bench.json", "bench.md", "report.html"], &kept)?;
    super::tell_set_aside(&series.folder, &aside);
    Ok(())
}

/// The names of the trainings in the table of an earlier call; none where it cannot be read.
fn measured(table: &Path) -> Vec<String> {
    let text = anoseg_image::read::regular_text(table, MOST_TABLE_BYTES).unwrap_or_default();
    let table: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let name = |entry: &serde_json::Value| {
        Some(run_name(entry["figures"]["category"].as_str()?, entry["seed"].as_u64()?))
    };
    table["entries"].as_array().into_iter().flatten().filter_map(name).collect()
}

/// Names what gives no figures, and notes it among the results.
fn leave_out(
    results: &mut BenchmarkResults,
    name: &str,
    (category, seed): (&str, Option<u64>),
    error: String,
) {
    console::warning(&format!("{name} is left out: {error}"));
    results.fail(Failure { category: category.to_owned(), seed, error });
}

/// `count` seeds from `first` on.
fn seeds(first: u64, count: u64) -> Result<RangeInclusive<u64>, SettingError> {
    let allowed = || format!("there are no {count} seeds from this one on");
    let last = first.checked_add(count - 1);
    last.map(|last| first..=last).ok_or_else(|| SettingError::new("--seed", first, allowed()))
}

/// The datasets with test images in a folder; the folder itself if it is a dataset. Of several, those
/// that cannot be measured are named before hours of training, and left out.
fn open(options: &Bench, results: &mut BenchmarkResults) -> Result<Vec<Dataset>> {
    let open = |folder: &Path| -> Result<Dataset> {
        let dataset = super::open(folder, &options.data_options)?;
        require_test_images(&dataset)?;
        super::show_warnings(&dataset);
        Ok(dataset)
    };
    let folders = super::categories(&options.data, &options.data_options)?;
    if folders.is_empty() {
        return Ok(vec![open(&options.data)?]);
    }
    let mut datasets = Vec::new();
    for folder in &folders {
        let name = super::folder_name(folder);
        match open(folder) {
            Ok(dataset) => datasets.push(dataset),
            Err(error) if super::concerns_one_dataset(&error) => {
                leave_out(results, &name, (&name, None), exit::message(&error));
            }
            Err(error) => return Err(error),
        }
    }
    for (folder, error) in super::unreadable_folders(&options.data) {
        if !folders.contains(&folder) {
            let name = super::folder_name(&folder);
            leave_out(results, &name, (&name, None), error.to_string());
        }
    }
    Ok(datasets)
}

/// Trains and evaluates. Returns whether every test image could be read, and what could not be
/// written.
fn measure(
    series: &Series,
    name: &str,
    dataset: &Dataset,
    config: &Config,
) -> Result<(Entry, bool, Vec<TrainError>)> {
    let model = train::series_model(series, name, dataset, config)?;
    console::note(&format!("{name}: evaluating"));
    let report = Some(series.folder.join(format!("{name}.html")));
    let files = EvaluationFiles { report, maps: None, limits: series.limits, stop: series.stop.clone() };
    let run = evaluate_with_files(&model, dataset, &series.run_dir(name), &files)?;
    let complete = super::show_left_out(&run, dataset);
    Ok((Entry::new(&model.description().provenance, run.figures), complete, run.unwritten))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last possible seed once gave no training, and a message about warnings that did not
    /// exist.
    #[test]
    fn the_last_seed_is_one() {
        assert_eq!(seeds(u64::MAX, 1).unwrap().collect::<Vec<_>>(), [u64::MAX]);
        assert_eq!(seeds(3, 2).unwrap().collect::<Vec<_>>(), [3, 4]);
        assert!(seeds(u64::MAX, 2).unwrap_err().to_string().contains("--seed"));
    }
}
