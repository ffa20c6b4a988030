//! Results of a job, as files here.

use std::path::Path;

use anoseg::ModelFile;
use anoseg_image::text::count;
use anoseg_worker::Queue;
use anyhow::Result;

use super::make_folder;
use crate::args::VerdictForm;
use crate::console;
use crate::exit::Outcome;

/// Writes the verdicts of a job into a folder.
pub(super) fn verdicts(queue: &Queue, job: &str, folder: &Path, form: &VerdictForm) -> Result<Outcome> {
    make_folder(folder)?;
    let collected = queue.collect(job, folder, form.format, form.coco_segmentation)?;
    if let Some(kept) = &collected.kept {
        console::note(&format!("the verdicts of an earlier run are kept: {}", kept.display()));
    }
    let (good, review, rejected) = (collected.good, collected.review, collected.rejected);
    let verdicts = collected.verdicts.display();
    let counts = format!("{good} good, {review} to review, {rejected} rejected: {verdicts}");
    console::result(&console::one_line(&counts));
    if collected.failed > 0 {
        console::warning(&format!("{} could not be judged", count(collected.failed, "image", "images")));
    }
    Ok(match (collected.failed > 0, rejected > 0 && form.fail_on_anomaly) {
        (true, _) => Outcome::SomeBadData,
        (false, true) => Outcome::Anomalies,
        (false, false) => Outcome::Fine,
    })
}

/// Writes the model of a training.
pub(super) fn model(queue: &Queue, job: &str, output: &Path) -> Result<Outcome> {
    crate::prepare_file(output, "--output", crate::Output::Model)?;
    let bytes = queue.trained(job)?;
    let file = ModelFile::parse(&bytes).map_err(|fault| anoseg::Error::model(output, fault))?;
    crate::save_model(&file, output)?;
    console::result(&console::one_line(&format!("model     {}", output.display())));
    Ok(Outcome::Fine)
}
