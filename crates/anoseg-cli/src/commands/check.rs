//! `anoseg check`.

use anoseg::evaluation::{Examination, Examinations, examine_within, write_json};
use anoseg_image::dataset::display_name;
use anyhow::Result;

use crate::args::Check;
use crate::exit::Outcome;
use crate::{advice, console, outputs};

pub(crate) fn run(options: &Check) -> Result<Outcome> {
    let folders = super::categories(&options.data, &options.data_options)?;
    let one = folders.is_empty();
    let limits = options.limits.limits();
    let folders = if one { vec![options.data.clone()] } else { folders };
    if let Some(path) = &options.json {
        outputs::prepare_file(path, "--json", outputs::Output::Figures)?;
    }
    let (mut examinations, mut fine) = (Vec::new(), true);
    for folder in folders {
        let examination = match super::open(&folder, &options.data_options) {
            Ok(dataset) => examine_within(&dataset, &limits)?,
            Err(error) if one => return Err(error.into()),
            Err(error) => {
                console::warning(&error.to_string());
                fine = false;
                continue;
            }
        };
        show(&examination, &display_name(&folder));
        fine &= examination.is_fine();
        examinations.push(examination);
    }
    if let Some(path) = &options.json {
        write_json(path, &Examinations::new(examinations))?;
    }
    Ok(super::outcome(fine))
}

fn show(examination: &Examination, folder: &str) {
    console::result(&format!("{folder}: layout {}", examination.layout));
    examination.counts().iter().for_each(|line| console::result(&format!("  {line}")));
    examination.left_out_summary().iter().for_each(|line| console::result(&format!("  {line}")));
    examination.findings().for_each(|finding| console::warning(&advice::with_limit_option(finding)));
    examination.notes.iter().for_each(|note| console::note(&format!("note: {note}")));
    if examination.is_fine() && examination.notes.is_empty() {
        console::result("  nothing is wrong");
    }
}
