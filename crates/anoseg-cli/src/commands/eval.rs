//! `anoseg eval`.

use std::path::{Path, PathBuf};

use anoseg::benchmark::Entry;
use anoseg::evaluate::{Figures, TestRun, evaluate, write_map};
use anoseg::train::default_run_dir;
use anoseg::{Error, Model};
use anoseg_image::{Category, dataset, write};
use anoseg_metrics::Evaluation;
use anoseg_report::assemble::Assembly;
use anyhow::Result;

use super::bench::Results;
use crate::args::Eval;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Eval) -> Result<Outcome> {
    let categories = dataset::categories(&options.data)?;
    if !categories.is_empty() {
        return run_all(options, &categories);
    }
    let model = super::load_model(&options.model)?;
    let category = Category::open(&options.data)?;
    category.warnings.iter().for_each(|warning| console::warning(warning));
    let run_dir = options.run_dir.clone().unwrap_or_else(|| default_run_dir(&options.model));
    let run = judge(&model, &category, &run_dir, options.report.as_deref(), options.maps.as_deref())?;
    print_table(&run.figures);
    if let Some(path) = &options.json {
        write_json(path, &run.record())?;
    }
    for failure in &run.failures {
        console::warning(&format!("left out: {failure}"));
    }
    Ok(if run.failures.is_empty() { Outcome::Fine } else { Outcome::SomeBadData })
}

/// Each category of a folder with the model of its name in a folder of models.
fn run_all(options: &Eval, folders: &[PathBuf]) -> Result<Outcome> {
    if !options.model.is_dir() {
        let what = format!(
            "{} holds several categories: give a folder with a model for each, {}.anoseg and so on, or one category",
            options.data.display(),
            Category::open(&folders[0])?.name
        );
        return Err(Error::Arguments(what).into());
    }
    let pages = options.report.as_deref().map(pages_folder).transpose()?;
    let (mut results, mut complete) = (Results::default(), true);
    for folder in folders {
        let category = Category::open(folder)?;
        let name = category.name.clone();
        let path = options.model.join(format!("{name}.anoseg"));
        if !path.is_file() {
            console::warning(&format!("{name} is left out: there is no model {}", path.display()));
            complete = false;
            continue;
        }
        category.warnings.iter().for_each(|warning| console::warning(warning));
        let model = super::load_model(&path)?;
        let run_dir = options
            .run_dir
            .as_ref()
            .map_or_else(|| default_run_dir(&path), |all| all.join(format!("{name}-run")));
        let report = pages.as_ref().map(|pages| pages.join(format!("{name}.html")));
        let maps = options.maps.as_ref().map(|maps| maps.join(&name));
        let run = judge(&model, &category, &run_dir, report.as_deref(), maps.as_deref())?;
        run.failures.iter().for_each(|failure| console::warning(&format!("left out: {failure}")));
        complete &= run.failures.is_empty();
        results.add(name, Entry::new(&model.description().provenance, run.figures));
    }
    if results.benchmark().entries.is_empty() {
        let what = format!(
            "{} has no model for any category of {}",
            options.model.display(),
            options.data.display()
        );
        return Err(Error::Arguments(what).into());
    }
    console::result(results.benchmark().markdown().trim_end());
    if let Some(path) = &options.json {
        write_json(path, results.benchmark())?;
    }
    if let Some(path) = &options.report {
        results.write_page(path)?;
    }
    Ok(if complete { Outcome::Fine } else { Outcome::SomeBadData })
}

/// Where the categories' pages go: beside the page that leads to them.
fn pages_folder(report: &Path) -> Result<PathBuf> {
    let folder = report.parent().unwrap_or(Path::new("")).to_owned();
    if !folder.as_os_str().is_empty() {
        std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, &error))?;
    }
    Ok(folder)
}

/// Evaluates and, where asked for, writes the report and the maps.
pub(super) fn judge(
    model: &Model,
    category: &Category,
    run_dir: &Path,
    report: Option<&Path>,
    maps: Option<&Path>,
) -> Result<TestRun> {
    let mut assembly = report.map(|_| Assembly::new(model)).transpose()?;
    let run = evaluate(model, category, &mut |judged, evaluated, image| {
        if let Some(assembly) = &mut assembly {
            assembly.add(judged, evaluated, image);
        }
        maps.map_or(Ok(()), |folder| write_map(folder, judged, evaluated))
    })?;
    if let (Some(path), Some(assembly)) = (report, assembly) {
        let html = assembly.render(&run, category, run_dir)?;
        write::atomic(path, |file| file.write_all(html.as_bytes()))?;
    }
    Ok(run)
}

pub(super) fn write_json(path: &Path, figures: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(figures).map_err(|error| Error::Bug(error.to_string()))?;
    write::atomic(path, |file| writeln!(file, "{text}"))?;
    Ok(())
}

/// The figures as a table: one row for each defect type and one for all.
pub(super) fn print_table(figures: &Figures) {
    let columns = [
        "images", "im AUROC", "im AP", "px AUROC", "px AP", "F1 max", "IoU max", "IoU thr", "region",
        "PRO .30", "PRO .05", "detected",
    ];
    let name_width =
        figures.defects.keys().map(String::len).chain([figures.category.len()]).max().unwrap_or(0);
    let row = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("  {cell:>8}")).collect();
        console::result(&format!("{name:<name_width$}{cells}"));
    };
    row("", &columns.map(str::to_owned));
    for (defect, evaluation) in &figures.defects {
        row(defect, &cells(evaluation));
    }
    row(&figures.category, &cells(&figures.all));
    let all = &figures.all;
    let share = |name: &str, value: Option<f64>, interval: Option<[f64; 2]>| {
        if let (Some(value), Some([low, high])) = (value, interval) {
            let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
            console::result(&format!("{name}: {value:.1} % (95 % interval {low:.1} to {high:.1})"));
        }
    };
    share("image AUROC", all.image_auroc, all.intervals.image_auroc);
    share("defective pictures rejected", all.detection_rate, all.intervals.detection_rate);
    share("good pictures rejected", all.false_reject_rate, all.intervals.false_reject_rate);
    if let Some(seconds) = figures.seconds_per_image {
        console::result(&format!("{:.1} ms per picture", 1000.0 * seconds));
    }
}

fn cells(evaluation: &Evaluation) -> Vec<String> {
    let Evaluation { images, image_auroc, image_ap, pixel_auroc, pixel_ap, .. } = *evaluation;
    let Evaluation { pixel_f1_max, iou_max, iou_at_threshold, region_recall, aupro_30, aupro_05, .. } =
        *evaluation;
    let values = [
        image_auroc,
        image_ap,
        pixel_auroc,
        pixel_ap,
        pixel_f1_max,
        iou_max,
        iou_at_threshold,
        region_recall,
        aupro_30,
        aupro_05,
        evaluation.detection_rate,
    ];
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    std::iter::once(images.to_string()).chain(values.map(text)).collect()
}
