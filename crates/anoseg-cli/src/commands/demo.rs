//! `anoseg demo`.

use std::path::{Path, PathBuf};

use anoseg::{Config, TrainingRun};
use anoseg_image::{Category, write};
use anoseg_synth::demo::{Part, defective, good};
use anyhow::{Context as _, Result};

use super::{cpu, eval, train};
use crate::args::Demo;
use crate::console;
use crate::exit::Outcome;

/// Side of the made-up pictures, in pixels.
const SIDE: usize = 256;

/// Good pictures of each part to train on.
const TRAINING: u64 = 60;

/// Good pictures of each part to test on.
const TEST_GOOD: u64 = 16;

/// Pictures of each defect of each part.
const TEST_DEFECTIVE: u64 = 6;

pub(crate) fn run(options: &Demo) -> Result<Outcome> {
    let stop = train::stop_on_ctrl_c()?;
    let mut reports = Vec::new();
    for part in Part::ALL {
        let folder = options.out.join(part.name());
        console::note(&format!("{}: drawing pictures", part.name()));
        let data = folder.join("data").join(part.name());
        draw_dataset(&data, part, options.seed)?;
        let config = Config { seed: options.seed, budget: options.time.into(), ..Config::default() };
        let category = Category::open(&data)?;
        let (device, run_dir, model_path) = (cpu(), folder.join("model-run"), folder.join("model.anoseg"));
        let training = TrainingRun {
            category: &category,
            config: &config,
            run_dir: &run_dir,
            resume: false,
            device: &device,
            encoder: None,
            stop: &stop,
        };
        let model = train::with_progress(&training)?;
        model.save(&model_path)?;
        let report = folder.join("report.html");
        let tested = eval::judge(&model, &category, &run_dir, Some(&report), None)?;
        eval::print_table(&tested.figures);
        console::result("");
        reports.push((part.name().to_owned(), report));
    }
    let index = write_index(&options.out, &reports)?;
    console::result(&format!("report {}", index.display()));
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

/// Draws a category in MVTec AD layout.
fn draw_dataset(root: &Path, part: Part, seed: u64) -> Result<()> {
    let good_folders = [("train/good", 0..TRAINING), ("test/good", TRAINING..TRAINING + TEST_GOOD)];
    for (folder, numbers) in good_folders {
        let folder = made(root.join(folder))?;
        for (name, number) in numbers.enumerate() {
            let image = good(part, seed, number, SIDE, SIDE);
            write::write_png(&folder.join(format!("{name:03}.png")), &image)?;
        }
    }
    for defect in part.defects() {
        let pictures = made(root.join("test").join(defect))?;
        let masks = made(root.join("ground_truth").join(defect))?;
        for number in 0..TEST_DEFECTIVE {
            let drawn = defective(part, defect, seed, number, SIDE, SIDE);
            let drawn =
                drawn.with_context(|| format!("the part {} knows no defect {defect}", part.name()))?;
            write::write_png(&pictures.join(format!("{number:03}.png")), &drawn.image)?;
            write::write_mask_png(&masks.join(format!("{number:03}_mask.png")), &drawn.mask)?;
        }
    }
    Ok(())
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir_all(&folder).map_err(|error| anoseg::Error::io(&folder, &error))?;
    Ok(folder)
}
