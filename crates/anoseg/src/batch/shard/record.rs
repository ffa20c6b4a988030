//! What a folder says of the shard that its verdicts are of.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use anoseg_image::{Limits, write};
use anoseg_infer::{Decision, Error};
use serde::{Deserialize, Serialize};

use super::Shard;
use crate::batch::format::Known;
use crate::batch::verdict::SCHEMA;
use crate::batch::{CocoSegmentation, Format, ResultsError};

/// What the verdicts beside it are a part of: `<verdicts>.shard.json`. It is written at the start of a run
/// and again at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::batch) struct Record {
    schema: u32,
    pub(in crate::batch) shard: Shard,
    /// Whether all images of the shard had their turn.
    pub(in crate::batch) complete: bool,
    /// Number of verdicts by decision; None until the end.
    pub(in crate::batch) counts: Option<Counts>,
    /// Number of the files of all shards that get a line.
    listed: usize,
    /// BLAKE3 of the names of these files in turn, each with a line break.
    pub(in crate::batch) listing_blake3: String,
    /// Kinds of image files.
    pub(in crate::batch) files: Vec<String>,
    /// Whether image files mirror the folders of the images.
    pub(in crate::batch) tree: bool,
    pub(in crate::batch) coco_segmentation: CocoSegmentation,
    /// Limits on each image.
    #[serde(default)]
    pub(in crate::batch) limits: Limits,
    /// The files of this shard: place among those of all shards, and name as in the verdict.
    pub(in crate::batch) images: Vec<(usize, String)>,
}

/// Numbers of verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Images judged good.
    pub good: usize,
    /// Images to review.
    pub review: usize,
    /// Images rejected.
    pub reject: usize,
    /// Images that could not be judged.
    pub failed: usize,
}

impl Counts {
    /// Counts a verdict; None for an image that could not be judged.
    pub fn add(&mut self, decision: Option<Decision>) {
        let number = match decision {
            Some(Decision::Good) => &mut self.good,
            Some(Decision::Review) => &mut self.review,
            Some(Decision::Reject) => &mut self.reject,
            None => &mut self.failed,
        };
        *number += 1;
    }
}

impl Record {
    pub(super) fn new(
        shard: Shard,
        listed: usize,
        listing_blake3: String,
        images: Vec<(usize, String)>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            shard,
            complete: false,
            counts: None,
            listed,
            listing_blake3,
            files: Vec::new(),
            tree: false,
            coco_segmentation: CocoSegmentation::default(),
            limits: Limits::default(),
            images,
        }
    }

    /// As it is at the end of a run.
    pub(in crate::batch) fn ended(self, complete: bool, verdicts: &[Known]) -> Self {
        let mut counts = Counts::default();
        verdicts.iter().for_each(|verdict| counts.add(verdict.decision));
        Self { complete, counts: Some(counts), ..self }
    }

    /// Writes it beside the verdicts.
    pub(in crate::batch) fn write(&self, folder: &Path, format: Format) -> Result<(), ResultsError> {
        let text = serde_json::to_string(self).map_err(|error| Error::Bug(error.to_string()))?;
        write::atomic(&folder.join(format.shard_name()), |file| writeln!(file, "{text}"))?;
        Ok(())
    }

    /// What no program of this version writes; None if nothing.
    fn fault(&self) -> Option<String> {
        if self.schema != SCHEMA {
            return Some(format!("schema is {}, and this version reads {SCHEMA}", self.schema));
        }
        let outside = self.images.iter().any(|(position, _)| *position >= self.listed);
        let mut places: Vec<usize> = self.images.iter().map(|(position, _)| *position).collect();
        places.sort_unstable();
        let twice = places.windows(2).any(|pair| pair[0] == pair[1]);
        (outside || twice).then(|| "the places of its images are not those of a list".to_owned())
    }

    /// That of a folder; None where there is none.
    ///
    /// # Errors
    /// The file is no such record.
    pub(in crate::batch) fn read(folder: &Path, format: Format) -> io::Result<Option<Self>> {
        let path = folder.join(format.shard_name());
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(metadata) if !metadata.is_file() => return Err(io::ErrorKind::InvalidInput.into()),
            Ok(_) => {}
        }
        let record: Self = serde_json::from_reader(BufReader::new(File::open(&path)?))?;
        match record.fault() {
            Some(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            None => Ok(Some(record)),
        }
    }
}
