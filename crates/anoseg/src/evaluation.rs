//! Figures of models on test images, with report and maps.

use std::path::{Path, PathBuf};

use anoseg_image::{Dataset, write};
use anoseg_infer::Model;
use anoseg_report::assemble::Assembly;
use anoseg_report::{Comparison, Report};
pub use anoseg_train::ablation::{self, Ablation};
pub use anoseg_train::benchmark::{Benchmark, Entry};
pub use anoseg_train::calibrate::calibrate;
pub use anoseg_train::config::CalibrationSettings;
pub use anoseg_train::evaluate::{Figures, Judged, MapFiles, Record, TestRun, evaluate, require_test_images};
pub use anoseg_train::examine::{Examination, Examinations, LeftOutFile, examine};
pub use anoseg_train::series::{Series, SeriesModel};
use anoseg_train::{Error, Result, RunDir};
pub use anoseg_train::{GoodImages, Table, load_good_images};

/// Files that [`evaluate_with_files`] writes beside the figures.
#[derive(Clone, Debug, Default)]
pub struct EvaluationFiles {
    /// The HTML report.
    pub report: Option<PathBuf>,
    /// The folder of the anomaly maps.
    pub maps: Option<PathBuf>,
}

/// Evaluates a model and writes the files that are asked for. `run_dir` is the training's run
/// directory, for the report's training curve; what it lacks is left out.
///
/// # Errors
/// As [`evaluate`], or a file cannot be written.
pub fn evaluate_with_files(
    model: &Model,
    dataset: &Dataset,
    run_dir: &RunDir,
    files: &EvaluationFiles,
) -> Result<TestRun> {
    let (run, report) = evaluate_with_report(model, dataset, run_dir, files)?;
    if let (Some(path), Some(report)) = (&files.report, report) {
        let html = anoseg_report::render(&report);
        write::atomic(path, |file| file.write_all(html.as_bytes()))?;
    }
    Ok(run)
}

/// Evaluates a model, writes the maps if asked for, and gives the contents of the report if one is
/// asked for.
///
/// # Errors
/// As [`evaluate`], or a map cannot be written.
pub fn evaluate_with_report(
    model: &Model,
    dataset: &Dataset,
    run_dir: &RunDir,
    files: &EvaluationFiles,
) -> Result<(TestRun, Option<Report>)> {
    let mut assembly = files.report.as_ref().map(|_| Assembly::new(model)).transpose()?;
    let mut maps = files.maps.as_ref().map(MapFiles::new);
    let mut names = Vec::new();
    let mut run = evaluate(model, dataset, &mut |judged, evaluated, image| {
        if let Some(assembly) = &mut assembly {
            assembly.add(judged, evaluated, image);
        }
        names.push(maps.as_mut().map(|maps| maps.write(judged, evaluated)).transpose()?);
        Ok(())
    })?;
    // Both are in the order in which the images were judged.
    for (judged, name) in run.judged.iter_mut().zip(names) {
        judged.map = name;
    }
    let report = assembly.map(|assembly| assembly.report(&run, dataset, run_dir)).transpose()?;
    Ok((run, report))
}

/// Writes a JSON document, atomically.
///
/// # Errors
/// It cannot be written.
pub fn write_json(path: &Path, document: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document).map_err(|error| Error::Bug(error.to_string()))?;
    write::atomic(path, |file| writeln!(file, "{text}"))?;
    Ok(())
}

/// The figures of several datasets, and the pages that tell more about each.
#[derive(Debug, Default)]
pub struct BenchmarkResults {
    /// The figures.
    pub benchmark: Benchmark,
    pages: Vec<(String, String)>,
}

impl BenchmarkResults {
    /// Adds a dataset whose page is `<name>.html`.
    pub fn add(&mut self, name: String, entry: Entry) {
        let page = format!("{name}.html");
        self.benchmark.push(entry);
        self.pages.push((name, page));
    }

    /// Whether there are no figures.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Writes `bench.json`, `bench.md` and `report.html` into a folder.
    ///
    /// # Errors
    /// One cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join("bench.json"), &self.benchmark)?;
        let table = self.benchmark.table().markdown();
        write::atomic(&folder.join("bench.md"), |file| file.write_all(table.as_bytes()))?;
        self.write_page(&folder.join("report.html"))
    }

    /// Writes the table with links to the pages, which lie in the same folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_page(&self, path: &Path) -> Result<()> {
        let note =
            "Each category is the mean over its runs, and the last row the plain mean over the categories.";
        let comparison = comparison("Figures", note, self.benchmark.table());
        let html = anoseg_report::index("anoseg benchmark", Some(&comparison), &self.pages);
        write::atomic(path, |file| file.write_all(html.as_bytes()))?;
        Ok(())
    }
}

/// Writes `ablation.json`, `ablation.md` and, around the full training's report, `report.html` into
/// a folder.
///
/// # Errors
/// One cannot be written.
pub fn write_ablation(ablation: &Ablation, full: Option<&Report>, folder: &Path) -> Result<()> {
    write_json(&folder.join("ablation.json"), ablation)?;
    let table = ablation.table().markdown();
    write::atomic(&folder.join("ablation.md"), |file| file.write_all(table.as_bytes()))?;
    if let Some(full) = full {
        let note = "The same training, budget and seed without one technique; the rest of this page is about the \
                    full training.";
        let comparison = Some(comparison("Ablation", note, ablation.table()));
        let html = anoseg_report::render(&Report { comparison, ..full.clone() });
        write::atomic(&folder.join("report.html"), |file| file.write_all(html.as_bytes()))?;
    }
    Ok(())
}

fn comparison(title: &str, note: &str, table: Table) -> Comparison {
    let Table { columns, rows, .. } = table;
    Comparison { title: title.to_owned(), note: note.to_owned(), columns, rows }
}
