//! Figures of models on test images, with report and maps.

use std::path::{Path, PathBuf};

use anoseg_image::{Dataset, Limits, write};
use anoseg_infer::Model;
use anoseg_report::assemble::Assembly;
use anoseg_report::{Comparison, Report};
pub use anoseg_train::ablation::{self, Ablation};
pub use anoseg_train::benchmark::{Benchmark, Entry, Failure};
pub use anoseg_train::calibrate::{OnImage, calibrate, calibrate_until, recipe, synthesizer_of};
pub use anoseg_train::config::CalibrationSettings;
pub use anoseg_train::evaluate::{
    Figures, Judged, MapFiles, Record, Reported, TestRun, evaluate, evaluate_within, require_test_images,
};
pub use anoseg_train::examine::{Examination, Examinations, LeftOutFile, examine, examine_within};
pub use anoseg_train::series::{Series, SeriesModel};
use anoseg_train::{Error, Result, RunDir, StopToken};
pub use anoseg_train::{
    GoodImages, Table, load_good_images, load_good_images_as, load_good_images_within, synthesizer, window_of,
};

/// Files that [`evaluate_with_files`] writes beside the figures, and what bounds and stops it.
#[derive(Clone, Debug, Default)]
pub struct EvaluationFiles {
    /// The HTML report.
    pub report: Option<PathBuf>,
    /// The folder of the anomaly maps.
    pub maps: Option<PathBuf>,
    /// Limits on each image.
    pub limits: Limits,
    /// Ends the evaluation, with [`Error::Stopped`], after the image under way.
    pub stop: StopToken,
}

/// Evaluates a model and writes the files that are asked for. `run_dir` is the training's run
/// directory, for the report's training curve; what it lacks is left out. Files that cannot be written
/// are in [`TestRun::unwritten`].
///
/// # Errors
/// As [`evaluate`], or it was stopped.
pub fn evaluate_with_files(
    model: &Model,
    dataset: &Dataset,
    run_dir: &RunDir,
    files: &EvaluationFiles,
) -> Result<TestRun> {
    let (mut run, report) = evaluate_with_report(model, dataset, run_dir, files)?;
    if let (Some(path), Some(report)) = (&files.report, report) {
        let html = anoseg_report::render(&report);
        let written = write::atomic(path, |file| file.write_all(html.as_bytes()));
        run.unwritten.extend(written.err().map(Error::from));
    }
    Ok(run)
}

/// Evaluates a model, writes the maps if asked for, and gives the contents of the report if one is
/// asked for.
///
/// # Errors
/// As [`evaluate_with_files`].
pub fn evaluate_with_report(
    model: &Model,
    dataset: &Dataset,
    run_dir: &RunDir,
    files: &EvaluationFiles,
) -> Result<(TestRun, Option<Report>)> {
    let mut assembly = files.report.as_ref().map(|_| Assembly::new(model)).transpose()?;
    let mut maps = files.maps.as_ref().map(MapFiles::new);
    let (mut names, mut unwritten) = (Vec::new(), None);
    let mut run = evaluate_within(model, dataset, &files.limits, &mut |judged, evaluated, image| {
        if files.stop.is_stopped() {
            return Err(Error::Stopped);
        }
        if let Some(assembly) = &mut assembly {
            assembly.add(judged, evaluated, image)?;
        }
        // After the first map that cannot be written, the others are not tried.
        let written = match (&mut maps, &unwritten) {
            (Some(maps), None) => maps.write(judged, evaluated).map(Some),
            _ => Ok(None),
        };
        names.push(written.unwrap_or_else(|error| {
            unwritten = Some(error);
            None
        }));
        Ok(())
    })?;
    // Both are in the order in which the images were judged.
    for (judged, name) in run.judged.iter_mut().zip(names) {
        judged.map = name;
    }
    run.unwritten.extend(unwritten);
    let report = assembly.map(|assembly| assembly.report(&run, dataset, run_dir)).transpose();
    // A run directory that cannot be read costs the report, not the figures.
    let report = report.unwrap_or_else(|error| {
        run.unwritten.push(error);
        None
    });
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

    /// Adds a dataset, or a training on it, without figures.
    pub fn fail(&mut self, failure: Failure) {
        self.benchmark.fail(failure);
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
        let table = self.benchmark.markdown();
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
        let mut comparison = comparison("Figures", note, self.benchmark.table());
        comparison.remarks = self.benchmark.errors();
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
    let Table { head, columns, rows } = table;
    let (title, note) = (title.to_owned(), note.to_owned());
    Comparison { title, note, remarks: Vec::new(), head, columns, rows }
}
