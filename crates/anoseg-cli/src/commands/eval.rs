//! `anoseg eval`.

use std::path::Path;

use anoseg::evaluate::{Figures, TestRun, evaluate, write_map};
use anoseg::train::default_run_dir;
use anoseg::{Error, Model};
use anoseg_image::{Category, write};
use anoseg_metrics::Evaluation;
use anoseg_report::assemble::Assembly;
use anyhow::Result;

use crate::args::Eval;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Eval) -> Result<Outcome> {
    let model = super::load_model(&options.model)?;
    let category = Category::open(&options.data)?;
    category.warnings.iter().for_each(|warning| console::warning(warning));
    let run_dir = options.run_dir.clone().unwrap_or_else(|| default_run_dir(&options.model));
    let run = judge(&model, &category, &run_dir, options.report.as_deref(), options.maps.as_deref())?;
    print_table(&run.figures);
    if let Some(path) = &options.json {
        write_json(path, &run.figures)?;
    }
    for failure in &run.failures {
        console::warning(&format!("left out: {failure}"));
    }
    Ok(if run.failures.is_empty() { Outcome::Fine } else { Outcome::SomeBadData })
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
        "images", "im AUROC", "im AP", "px AUROC", "px AP", "F1 max", "IoU max", "IoU thr", "PRO .30",
        "PRO .05", "detected",
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
    let Evaluation { pixel_f1_max, iou_max, iou_at_threshold, aupro_30, aupro_05, detection_rate, .. } =
        *evaluation;
    let values = [
        image_auroc,
        image_ap,
        pixel_auroc,
        pixel_ap,
        pixel_f1_max,
        iou_max,
        iou_at_threshold,
        aupro_30,
        aupro_05,
        detection_rate,
    ];
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    std::iter::once(images.to_string()).chain(values.map(text)).collect()
}
