//! A folder with verdicts and image files, which can be gone on with after an interruption.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anoseg_image::WriteError;
use anoseg_image::write::{self, FolderLock, ResultNames};
use anoseg_infer::{Error, Model, RegionOfInterest};

use super::error::{ResultsError, io_error, is_general};
use super::format::Known;
use super::journal::{Contents, Journal};
use super::names::name_of;
use super::run::{Run, exists, keep_earlier};
use super::shard::{Part, Record};
use super::stages::{Plan, Recorded, Task, Unwritten, Written};
use super::tree::Tree;
use super::verdict::{FileNames, Verdict};
use super::{CocoSegmentation, Format, ImageFiles, Inspected, coco};

/// The folder of a batch: verdicts in one [`Format`], a line per image that is written as soon as
/// the image is judged, and the image files. It is locked while this exists.
///
/// Files that this library did not write are never replaced.
pub struct Results {
    folder: PathBuf,
    format: Format,
    files: ImageFiles,
    /// Where on the image defects count, for the overlays.
    region: Option<RegionOfInterest>,
    run: Run,
    journal: Journal,
    names: ResultNames,
    /// What earlier runs said, by image.
    known: HashMap<String, Known>,
    kept: Option<PathBuf>,
    broken: usize,
    segmentation: CocoSegmentation,
    /// The inputs whose folders are mirrored; empty: all files lie in one folder.
    tree: Tree,
    /// The part of the batch that this is; None: the whole.
    part: Option<(Part, Record)>,
    // The last field, so that the folder is locked until all else is done.
    lock: FolderLock,
}

impl Results {
    /// Begins verdicts in a folder that exists. Earlier ones are kept under another name, see
    /// [`Results::kept`].
    ///
    /// # Errors
    /// The folder is in use or cannot be written, or the model has no thresholds.
    pub fn create(
        folder: &Path,
        format: Format,
        files: ImageFiles,
        model: &Model,
    ) -> Result<Self, ResultsError> {
        Self::create_part(folder, format, files, model, None)
    }

    /// As [`Results::create`], of a part of a batch: only its images are planned.
    ///
    /// # Errors
    /// As for [`Results::create`].
    pub fn create_part(
        folder: &Path,
        format: Format,
        files: ImageFiles,
        model: &Model,
        part: Option<Part>,
    ) -> Result<Self, ResultsError> {
        let run = Run::of(model, format)?;
        let lock = FolderLock::acquire(folder, "predict")?;
        let kept = keep_earlier(folder, format)?;
        run.write(folder, format)?;
        let part = part.map(|part| part.begin(folder, format, files)).transpose()?;
        let journal = Journal::create(folder.join(format.journal_name()), format)?;
        let region = model.description().preprocess.region.clone();
        let results = Self::of(folder, format, files, run, (journal, Contents::default()), lock);
        Ok(Self { kept, region, part, ..results })
    }

    /// Goes on with the verdicts in a folder, if there are any.
    ///
    /// # Errors
    /// As [`Results::create`], or the verdicts are of another model, or of a part of a batch.
    pub fn resume(
        folder: &Path,
        format: Format,
        files: ImageFiles,
        model: &Model,
    ) -> Result<Self, ResultsError> {
        Self::resume_part(folder, format, files, model, None)
    }

    /// As [`Results::resume`], of a part of a batch.
    ///
    /// # Errors
    /// As for [`Results::resume`], or the verdicts are of another part, or of the whole.
    pub fn resume_part(
        folder: &Path,
        format: Format,
        files: ImageFiles,
        model: &Model,
        part: Option<Part>,
    ) -> Result<Self, ResultsError> {
        let path = folder.join(format.journal_name());
        if !exists(&path) {
            return Self::create_part(folder, format, files, model, part);
        }
        let run = Run::of(model, format)?;
        let lock = FolderLock::acquire(folder, "predict")?;
        run.check_earlier(folder, format)?;
        let earlier = Record::read(folder, format)
            .map_err(|error| io_error(&folder.join(format.shard_name()), error))?
            .map(|record| record.shard);
        let asked = part.as_ref().map(Part::shard);
        if earlier != asked {
            return Err(ResultsError::OtherShard { path, earlier, asked });
        }
        run.write(folder, format)?;
        let part = part.map(|part| part.begin(folder, format, files)).transpose()?;
        let journal = Journal::resume(path, format)?;
        let region = model.description().preprocess.region.clone();
        Ok(Self { region, part, ..Self::of(folder, format, files, run, journal, lock) })
    }

    /// What is written on, with what an earlier run has written.
    fn of(
        folder: &Path,
        format: Format,
        files: ImageFiles,
        run: Run,
        (journal, Contents { mut known, broken }): (Journal, Contents),
        lock: FolderLock,
    ) -> Self {
        known.iter_mut().for_each(|known| known.files.keep_results(folder));
        let mut names = ResultNames::new(folder);
        known.iter().flat_map(|known| known.files.iter()).for_each(|name| names.reserve(name));
        Self {
            folder: folder.to_owned(),
            format,
            files,
            region: None,
            run,
            journal,
            names,
            known: known.into_iter().map(|known| (known.image.clone(), known)).collect(),
            kept: None,
            broken,
            segmentation: CocoSegmentation::default(),
            tree: Tree::default(),
            part: None,
            lock,
        }
    }

    /// Sets how a COCO document has the pixels of regions. Its lines (`verdicts.coco.jsonl`) always have
    /// run lengths.
    #[must_use]
    pub fn with_segmentation(self, segmentation: CocoSegmentation) -> Self {
        Self { segmentation, ..self }
    }

    /// Puts the image files of each image into the folder that it has below its input: those of
    /// `input/a/x.png` into `a`. Verdicts name them relative to the folder of the results, with `/`.
    /// Names that an earlier run gave stay.
    #[must_use]
    pub fn mirroring(self, inputs: &[PathBuf]) -> Self {
        Self { tree: Tree::of(inputs), ..self }
    }

    /// The file of the verdicts.
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.format.file_name())
    }

    /// The name that earlier verdicts have now, if there were any.
    pub fn kept(&self) -> Option<&Path> {
        self.kept.as_deref()
    }

    /// Lines of the earlier run that were broken, by a power failure for example. Their images are
    /// inspected again.
    pub fn broken_lines(&self) -> usize {
        self.broken
    }

    /// Sorts the images of a batch into those that have a verdict and all files that are wanted, and those to
    /// inspect; images of other parts are left out. The same images in the same order get the same names in every run.
    pub fn plan(&mut self, paths: &[PathBuf]) -> Plan {
        let mut plan = Plan::default();
        for path in paths {
            // Images of other parts have their stems too, so that all parts together give those of one run.
            let stem = self.stem(path, path);
            if self.part.as_ref().is_some_and(|(part, _)| !part.takes(path)) {
                continue;
            }
            let known = self.known.get(&name_of(path));
            match known.and_then(|known| known.decision.filter(|_| self.files.are_in(&known.files))) {
                Some(decision) => plan.earlier.push(decision),
                None => plan.tasks.push(Task { path: path.clone(), stem }),
            }
        }
        plan
    }

    /// Writes the files and the verdict of an inspected image. Files that cannot be written are
    /// listed in the verdict, and returned.
    ///
    /// # Errors
    /// The verdict cannot be written, or a file cannot for a reason that concerns all others too,
    /// such as a full disk. The verdict is written in the latter case.
    pub fn add(
        &mut self,
        task: &Task,
        inspected: Inspected,
    ) -> Result<(Verdict, Vec<WriteError>), ResultsError> {
        let verdict = Verdict::of(&inspected, self.has_pixels());
        let unwritten = self.place(task, verdict, inspected);
        let Recorded { verdict, unwritten, stop } = self.record(unwritten.write())?;
        stop.map_or(Ok((verdict, unwritten)), Err)
    }

    /// The stem of the files of an image, made of the stem of `named`, with its folder in a tree.
    fn stem(&mut self, image: &Path, named: &Path) -> String {
        // A semicolon separates fields in some spreadsheets. It is replaced first, so that stems differ.
        let plain = |text: &str| text.replace(';', "_");
        let named = match named.to_string_lossy() {
            name if name.contains(';') => PathBuf::from(plain(&name)),
            _ => named.to_owned(),
        };
        self.names.stem_in(&plain(&self.tree.folder(image)), &named)
    }

    /// Whether verdicts have the pixels of their regions.
    pub(super) fn has_pixels(&self) -> bool {
        self.format == Format::Coco
    }

    /// Chooses the names of an image's files. The order of the calls decides which are free.
    pub(super) fn place(&mut self, task: &Task, mut verdict: Verdict, inspected: Inspected) -> Unwritten {
        let former = self.known.get(&verdict.image).map_or_else(FileNames::default, |k| k.files.clone());
        verdict.model_digest.clone_from(&self.run.model_blake3);
        verdict.files = self.files.choose(&task.stem, former, &mut self.names);
        Unwritten {
            verdict,
            inspected,
            files: self.files,
            folder: self.folder.clone(),
            region: self.region.clone(),
        }
    }

    /// Adds the line of an image whose files are written.
    ///
    /// # Errors
    /// The line cannot be written; the image's files are removed then, because no verdict names them.
    pub(super) fn record(&mut self, written: Written) -> Result<Recorded, ResultsError> {
        let Written { verdict, mut errors } = written;
        if let Err(error) = self.append(&verdict) {
            self.remove_files(&verdict);
            return Err(error);
        }
        let stop = errors
            .iter()
            .position(|error| is_general(error, &self.folder))
            .map(|general| errors.swap_remove(general).into());
        Ok(Recorded { verdict, unwritten: errors, stop })
    }

    /// Writes down that an image could not be judged. An earlier verdict on it stays, and so does a
    /// line that says the same.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_failure(&mut self, path: &Path, error: &dyn std::fmt::Display) -> Result<(), ResultsError> {
        let verdict = self.signed(Verdict::failed(path, error));
        let known = self.known.get(&verdict.image);
        if known.is_some_and(|known| known.decision.is_some() || known.error == verdict.error) {
            return Ok(());
        }
        self.append(&verdict)
    }

    /// What earlier runs said of images in a watched folder. It and the names are no longer kept here.
    pub(super) fn take_known(&mut self) -> HashMap<String, Known> {
        self.names = ResultNames::new(&self.folder);
        std::mem::take(&mut self.known)
    }

    /// As [`Results::place`], with names that depend on nothing but `stem`, and are not kept.
    pub(super) fn place_alone(&mut self, stem: &Path, verdict: Verdict, inspected: Inspected) -> Unwritten {
        self.names = ResultNames::new(&self.folder);
        let stem = self.stem(&inspected.path, stem);
        let task = Task { path: inspected.path.clone(), stem };
        self.place(&task, verdict, inspected)
    }

    /// A verdict with the model's digest.
    pub(super) fn signed(&self, verdict: Verdict) -> Verdict {
        Verdict { model_digest: self.run.model_blake3.clone(), ..verdict }
    }

    /// As [`Results::record`], for an image that can wait: where the folder takes no more, neither a line
    /// nor a file of it stays.
    ///
    /// # Errors
    /// As for [`Results::record`], or a file cannot be written for a reason that concerns all others too.
    pub(super) fn record_whole(
        &mut self,
        mut written: Written,
    ) -> Result<(Verdict, Vec<WriteError>), ResultsError> {
        let general = written.errors.iter().position(|error| is_general(error, &self.folder));
        let failed = match general {
            Some(general) => Err(written.errors.swap_remove(general).into()),
            None => self.require_in_place(),
        };
        if let Err(error) = failed {
            self.remove_files(&written.verdict);
            return Err(error);
        }
        self.record(written).map(|Recorded { verdict, unwritten, .. }| (verdict, unwritten))
    }

    fn remove_files(&self, verdict: &Verdict) {
        for name in verdict.files.iter() {
            _ = fs::remove_file(self.folder.join(name));
        }
    }

    /// A line that is added to a file that is no longer in its folder would be lost.
    pub(super) fn require_in_place(&self) -> Result<(), ResultsError> {
        if self.journal.is_in_place() {
            return Ok(());
        }
        let path = self.folder.join(self.format.journal_name());
        Err(io_error(&path, io::Error::new(io::ErrorKind::NotFound, "the file or its folder is gone")))
    }

    /// Goes on with what is in the folder now, after it was removed or replaced. The folder itself is not
    /// made: it may be one that is not mounted.
    ///
    /// # Errors
    /// As for [`Results::resume`].
    pub(super) fn reopen(&mut self) -> Result<(), ResultsError> {
        if !self.lock.is_in_place() {
            self.lock = FolderLock::acquire(&self.folder, "predict")?;
        }
        let path = self.folder.join(self.format.journal_name());
        let (journal, contents) = if exists(&path) {
            self.run.check_earlier(&self.folder, self.format)?;
            Journal::resume(path, self.format)?
        } else {
            self.run.write(&self.folder, self.format)?;
            (Journal::create(path, self.format)?, Contents::default())
        };
        self.journal = journal;
        self.known = contents.known.into_iter().map(|known| (known.image.clone(), known)).collect();
        Ok(())
    }

    /// Adds a line.
    pub(super) fn append(&mut self, verdict: &Verdict) -> Result<(), ResultsError> {
        let line = self.format.line(verdict).map_err(|error| Error::Bug(error.to_string()))?;
        self.journal.append(&line)
    }

    /// Ends the verdicts; `complete` says whether all images had their turn.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn finish(self, complete: bool) -> Result<(), ResultsError> {
        let Self { folder, format, segmentation, run, journal, part, lock, .. } = self;
        let verdicts = journal.finish(format)?;
        if format == Format::Coco {
            let lines = folder.join(format.journal_name());
            let document = folder.join(format.file_name());
            write::atomic(&document, |target| coco::write(&lines, segmentation, target))?;
        }
        run.ended(complete).write(&folder, format)?;
        if let Some((_, record)) = part {
            record.ended(complete, &verdicts).write(&folder, format)?;
        }
        drop(lock);
        Ok(())
    }
}
