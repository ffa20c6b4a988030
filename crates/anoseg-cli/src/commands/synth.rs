//! `anoseg synth`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anoseg::evaluation::{load_good_images_within, synthesizer};
use anoseg_image::write;
use anoseg_report::{GROUND_TRUTH_COLOUR, contact_sheet, outlined};
use anoseg_synth::Pair;
use anyhow::Result;

use crate::args::Synth;
use crate::exit::Outcome;
use crate::{advice, console, outputs};

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
    (0..options.count).try_for_each(|number| PairFiles::new(&pairs_folder, number).refuse_foreign())?;
    let limits = options.limits.over(config.input.limits());
    let good = load_good_images_within(&dataset, &config, &limits)?;
    good.warnings.iter().for_each(|warning| console::warning(&advice::with_limit_option(warning)));
    good.remarks().iter().for_each(|remark| console::warning(&remark.to_string()));
    let inside = good.inside();
    let (images, geometry) = (Arc::new(good.images), good.preprocess.geometry);
    let synthesizer = synthesizer(images, config.recipe(), config.seed, &geometry)?.within(inside);
    let mut cells = Vec::new();
    for number in 0..options.count {
        // Whole images, also where the network takes parts of them.
        let pair = synthesizer.whole_pair(number, 0);
        PairFiles::new(&pairs_folder, number).write(&pair)?;
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

/// The files of a pair: the image, its mask, and what was drawn.
struct PairFiles {
    image: PathBuf,
    mask: PathBuf,
    kinds: PathBuf,
}

impl PairFiles {
    fn new(folder: &Path, number: u64) -> Self {
        let file = |ending: &str| folder.join(format!("{number:05}{ending}"));
        Self { image: file(".png"), mask: file("_mask.png"), kinds: file(".txt") }
    }

    /// Fails where a file of the user would be replaced.
    fn refuse_foreign(&self) -> Result<()> {
        outputs::prepare_result(&self.image, "--out")?;
        outputs::prepare_result(&self.mask, "--out")?;
        // The text has no marker, but it is written after its image.
        if self.image.exists() { Ok(()) } else { outputs::prepare_result(&self.kinds, "--out") }
    }

    /// Marked as results, so that they are never learned from or judged, even where the folder of the
    /// good images is the output.
    fn write(&self, pair: &Pair) -> Result<()> {
        write::write_result_png(&self.image, &pair.image)?;
        write::write_result_mask(&self.mask, &pair.label)?;
        let kinds = pair.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        write::atomic(&self.kinds, |file| writeln!(file, "{kinds}"))?;
        Ok(())
    }
}
