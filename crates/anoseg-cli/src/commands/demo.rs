//! `anoseg demo`.

use std::path::{Path, PathBuf};

use anoseg::evaluation::{EvaluationFiles, Series, evaluate_with_files};
use anoseg::{Align, Config};
use anoseg_image::{Dataset, Limits, write};
use anoseg_synth::demo::{Part, defective, good};
use anyhow::{Context as _, Result};

use super::{eval, make_folder, train};
use crate::args::Demo;
use crate::console;
use crate::exit::Outcome;

/// Side of the generated images, in pixels.
const SIDE: usize = 256;

/// The same of parts that are not held still, which take a smaller share of the image.
const LOOSE_SIDE: usize = 320;

/// Good images of each part to train on.
const TRAINING: u64 = 60;

/// Good images of each part to test on.
const TEST_GOOD: u64 = 16;

/// Images of each defect of each part.
const TEST_DEFECTIVE: u64 = 6;

/// Name of each model, in the folder of its part.
const MODEL: &str = "model";

pub(crate) fn run(options: &Demo) -> Result<Outcome> {
    let stop = train::stop_on_signals();
    let mut reports = Vec::new();
    let parts: &[Part] = if options.moved { &[Part::LooseToken] } else { &Part::ALL };
    for &part in parts {
        let folder = options.out.join(part.name());
        console::note(&format!("{}: generating images", part.name()));
        let data = folder.join("data").join(part.name());
        draw_dataset(&data, part, options.seed)?;
        let mut config = Config { seed: options.seed, budget: options.time.into(), ..Config::default() };
        config.input.align = if options.moved { Align::Auto } else { Align::Off };
        let dataset = Dataset::open(&data)?;
        // So that a second call goes on where the first was stopped.
        let series =
            Series { folder: folder.clone(), stop: stop.clone(), encoder: None, limits: Limits::default() };
        let model = train::series_model(&series, MODEL, &dataset, &config)?;
        let report = folder.join("report.html");
        let files = EvaluationFiles {
            report: Some(report.clone()),
            stop: stop.clone(),
            ..EvaluationFiles::default()
        };
        let tested = evaluate_with_files(&model, &dataset, &series.run_dir(MODEL), &files)?;
        eval::print_figures(&tested);
        eval::all_written(tested.unwritten)?;
        console::result("");
        reports.push((part.name().to_owned(), report));
    }
    let index = write_index(&options.out, &reports)?;
    console::result(&console::one_line(&format!("report {}", index.display())));
    Ok(Outcome::Fine)
}

/// The page that leads to each part's report.
fn write_index(out: &Path, reports: &[(String, PathBuf)]) -> Result<PathBuf> {
    let index = out.join("report.html");
    let links: Vec<(String, String)> =
        reports.iter().map(|(name, _)| (name.clone(), format!("{name}/report.html"))).collect();
    let html = anoseg_report::index("anoseg demo", None, &links);
    write::atomic(&index, |file| file.write_all(html.as_bytes()))?;
    Ok(std::fs::canonicalize(&index).unwrap_or(index))
}

/// Generates a dataset in MVTec AD layout.
fn draw_dataset(root: &Path, part: Part, seed: u64) -> Result<()> {
    let side = if part == Part::LooseToken { LOOSE_SIDE } else { SIDE };
    let good_folders = [("train/good", 0..TRAINING), ("test/good", TRAINING..TRAINING + TEST_GOOD)];
    for (folder, numbers) in good_folders {
        let folder = made(root.join(folder))?;
        for (name, number) in numbers.enumerate() {
            let image = good(part, seed, number, side, side);
            write::write_png(&folder.join(format!("{name:03}.png")), &image)?;
        }
    }
    for defect in part.defects() {
        let images = made(root.join("test").join(defect))?;
        let masks = made(root.join("ground_truth").join(defect))?;
        for number in 0..TEST_DEFECTIVE {
            let drawn = defective(part, defect, seed, number, side, side);
            let drawn = drawn.with_context(|| format!("the part {} has no defect {defect}", part.name()))?;
            write::write_png(&images.join(format!("{number:03}.png")), &drawn.image)?;
            write::write_mask_png(&masks.join(format!("{number:03}_mask.png")), &drawn.mask)?;
        }
    }
    Ok(())
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    make_folder(&folder)?;
    Ok(folder)
}
