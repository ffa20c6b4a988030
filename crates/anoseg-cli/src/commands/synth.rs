//! `anoseg synth`.

use std::path::Path;
use std::sync::Arc;

use anoseg::evaluation::load_good_images;
use anoseg_image::write;
use anoseg_report::{GROUND_TRUTH_COLOUR, contact_sheet, outlined};
use anoseg_synth::{Pair, Synthesizer};
use anyhow::Result;

use crate::args::Synth;
use crate::console;
use crate::exit::Outcome;
use crate::outputs;

/// Side of an image on the contact sheet, in pixels.
const CELL: usize = 192;

/// Images in a row of the contact sheet: each pair takes two.
const COLUMNS: usize = 8;

/// Pairs on the contact sheet; the others are written as files only, because a sheet of thousands
/// would be too large.
const MOST_ON_SHEET: usize = 120;

pub(crate) fn run(options: &Synth) -> Result<Outcome> {
    let mut config = super::settings(options.preset, options.config.as_deref())?;
    config.seed = options.seed.unwrap_or(config.seed);
    config.validate()?;
    let dataset = super::open(&options.data, &options.data_options)?;
    super::show_warnings(&dataset);
    // Before the images are read, not after it.
    let pairs_folder = options.out.join("pairs");
    outputs::prepare_folder(&pairs_folder)?;
    let sheet = options.out.join("sheet.png");
    outputs::prepare_result(&sheet, "--out")?;
    let good = load_good_images(&dataset, &config)?;
    good.warnings.iter().for_each(|warning| console::warning(warning));
    good.remarks().iter().for_each(|remark| console::warning(&remark.to_string()));
    let synthesizer = Synthesizer::new(Arc::new(good.images), config.synthesis, config.seed)?;
    let mut cells = Vec::new();
    for number in 0..options.count {
        let pair = synthesizer.pair(number, 0);
        write_pair(&pairs_folder, number, &pair)?;
        if cells.len() < 2 * MOST_ON_SHEET {
            cells.push(pair.image.clone());
            cells.push(outlined(&pair.image, &pair.label, GROUND_TRUTH_COLOUR));
        }
    }
    write::write_result_png(&sheet, &contact_sheet(&cells, COLUMNS, CELL))?;
    console::result(&format!("{} pairs in {}", options.count, pairs_folder.display()));
    console::result(&console::one_line(&format!("contact sheet {}", sheet.display())));
    Ok(Outcome::Fine)
}

/// The image, its mask, and what was drawn.
fn write_pair(folder: &Path, number: u64, pair: &Pair) -> Result<()> {
    write::write_png(&folder.join(format!("{number:05}.png")), &pair.image)?;
    write::write_mask_png(&folder.join(format!("{number:05}_mask.png")), &pair.label)?;
    let kinds = pair.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    write::atomic(&folder.join(format!("{number:05}.txt")), |file| writeln!(file, "{kinds}"))?;
    Ok(())
}
