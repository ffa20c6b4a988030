//! Results of a job, as files here.

use std::path::Path;

use anoseg::ModelFile;
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
    let counts = collected.counts;
    super::tell_verdicts(counts, &collected.verdicts);
    Ok(match (counts.failed > 0, counts.reject > 0 && form.fail_on_anomaly) {
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
