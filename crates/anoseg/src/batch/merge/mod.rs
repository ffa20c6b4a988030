//! The results of all shards of a batch as those of one run.

mod error;
mod image_files;
mod source;
mod staging;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anoseg_image::write;

use super::shard::{Counts, Shard};
use super::{Format, coco};
pub use error::MergeError;
use source::{Place, Source};
use staging::Staging;

/// How [`merge`] works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeOptions {
    /// Link image files instead of copying them. Shards and result must be on one file system, and a file
    /// that is changed in one place is changed in both.
    pub link: bool,
    /// Allow shards that are missing or did not come to their end.
    pub partial: bool,
}

/// What [`merge`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The file of the verdicts.
    pub verdicts: PathBuf,
    /// Numbers of its verdicts.
    pub counts: Counts,
    /// Shards that are missing or did not come to their end.
    pub incomplete: Vec<Shard>,
}

/// Joins the folders of all shards of a batch into the folder `out`, which must not exist. It is byte for
/// byte what one run over the whole batch writes. `stop` is asked before each image.
///
/// # Errors
/// The folders are not all shards of one batch, or something cannot be read or written. Nothing is left at
/// `out` then.
///
/// # Examples
/// ```no_run
/// use anoseg::batch::{MergeOptions, merge};
///
/// let shards = ["results-0".into(), "results-1".into()];
/// let merged = merge("results".as_ref(), &shards, MergeOptions::default(), &|| false)?;
/// println!("{} rejected", merged.counts.reject);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge(
    out: &Path,
    shards: &[PathBuf],
    options: MergeOptions,
    stop: &dyn Fn() -> bool,
) -> Result<Merged, MergeError> {
    if super::run::exists(out) {
        return Err(MergeError::Exists { path: out.to_owned() });
    }
    let sources =
        shards.iter().map(|folder| Source::open(folder, options.partial)).collect::<Result<Vec<_>, _>>()?;
    let incomplete = check(&sources, options.partial)?;
    let lines = in_order(&sources)?;
    let Some(first) = sources.first() else { return Err(MergeError::None) };
    let format = first.format;
    let staging = Staging::create(out)?;
    let counts = write_lines(&staging, &sources, &lines, options.link, stop)?;
    if format == Format::Coco {
        let lines = staging.path().join(format.journal_name());
        let form = first.record.coco_segmentation;
        let document = staging.path().join(format.file_name());
        write::atomic(&document, |target| coco::write(&lines, form, target))
            .map_err(|error| MergeError::Results(error.into()))?;
    }
    first.run.clone().ended(incomplete.is_empty()).write(staging.path(), format)?;
    staging.finish(out)?;
    Ok(Merged { verdicts: out.join(format.file_name()), counts, incomplete })
}

/// Checks that the folders are those of one batch. Gives the shards that are missing or not complete.
fn check(sources: &[Source], partial: bool) -> Result<Vec<Shard>, MergeError> {
    let Some((first, others)) = sources.split_first() else { return Err(MergeError::None) };
    for other in others {
        if let Some(what) = first.difference(other) {
            let (first, other) = (first.folder.clone(), other.folder.clone());
            return Err(MergeError::Different { what, first, other });
        }
    }
    let is_there = |shard: &Shard| sources.iter().any(|it| it.record.shard == *shard && it.record.complete);
    let missing: Vec<Shard> =
        Shard::all(first.record.shard.count()).filter(|shard| !is_there(shard)).collect();
    if missing.is_empty() || partial { Ok(missing) } else { Err(MergeError::Missing { shards: missing }) }
}

/// The lines of all shards by their place in the batch, each with the number of its source.
fn in_order(sources: &[Source]) -> Result<BTreeMap<usize, (usize, Place)>, MergeError> {
    let mut lines: BTreeMap<usize, (usize, Place)> = BTreeMap::new();
    for (number, source) in sources.iter().enumerate() {
        for (&position, &place) in &source.lines {
            if let Some(&(earlier, its_place)) = lines.get(&position) {
                let text = source.line(place)?;
                if sources[earlier].line(its_place)? != text {
                    let image = source.parse(&text)?.image;
                    let (first, other) = (sources[earlier].folder.clone(), source.folder.clone());
                    return Err(MergeError::Conflict { image, first, other });
                }
            } else {
                lines.insert(position, (number, place));
            }
        }
    }
    Ok(lines)
}

/// Writes the lines of all images and brings their files.
fn write_lines(
    staging: &Staging,
    sources: &[Source],
    lines: &BTreeMap<usize, (usize, Place)>,
    link: bool,
    stop: &dyn Fn() -> bool,
) -> Result<Counts, MergeError> {
    let Some(format) = sources.first().map(|source| source.format) else { return Err(MergeError::None) };
    let path = staging.path().join(format.journal_name());
    let failed = |error| MergeError::io(&path, error);
    let mut target = BufWriter::new(File::create_new(&path).map_err(failed)?);
    target.write_all(format.head().as_bytes()).map_err(failed)?;
    let mut counts = Counts::default();
    for &(number, place) in lines.values() {
        if stop() {
            return Err(MergeError::Stopped);
        }
        let source = &sources[number];
        let line = source.line(place)?;
        let verdict = source.parse(&line)?;
        image_files::bring(&source.folder, staging.path(), &verdict.files, link)?;
        counts.add(verdict.decision);
        target.write_all(line.as_bytes()).map_err(failed)?;
    }
    let file = target.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(counts)
}
