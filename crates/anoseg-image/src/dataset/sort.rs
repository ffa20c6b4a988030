//! What each file of a dataset is, by the folders that it lies in.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::kolektor::DEFECT;
use super::left_out::{LeftOut, LeftOutKind};
use super::names::key;
use super::pairs;
use super::words::{self, Split, Word};
use super::{GOOD, Layout};

/// The files of a dataset, each taken for one thing.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) train: Vec<PathBuf>,
    pub(super) validation: Vec<PathBuf>,
    pub(super) test: Vec<Shown>,
    pub(super) masks: Vec<MaskFile>,
    pub(super) left_out: Vec<LeftOut>,
}

/// An image whose class is known.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) path: PathBuf,
    /// `good`, or the type of defect.
    pub(super) defect: String,
    pub(super) place: Place,
}

impl Shown {
    /// A good image; masks of good images are not looked for.
    pub(super) fn good(path: PathBuf) -> Self {
        let place = Place::new(&[], &path);
        Self { path, defect: GOOD.to_owned(), place }
    }

    /// An image of the defect that its folder at the top is named after.
    pub(super) fn by_folder(path: PathBuf, root: &Path) -> Self {
        let below = path.strip_prefix(root).ok().and_then(Path::parent).unwrap_or(Path::new(""));
        let folders: Vec<&OsStr> = below.iter().collect();
        let defect =
            folders.first().map_or_else(|| GOOD.to_owned(), |name| name.to_string_lossy().into_owned());
        let place = Place::new(&folders, &path);
        Self { path, defect, place }
    }
}

/// A mask.
#[derive(Clone, Debug)]
pub(super) struct MaskFile {
    pub(super) path: PathBuf,
    pub(super) place: Place,
}

/// Where an image or a mask lies, in terms that are the same for both: the folders without those
/// that only say image or mask, and the stem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) folders: Vec<String>,
    pub(super) stem: String,
}

impl Place {
    fn new(folders: &[&OsStr], path: &Path) -> Self {
        Self { folders: folders.iter().map(|name| key(name)).collect(), stem: pairs::stem(path) }
    }
}

/// Sorts the images of `root`.
pub(super) fn sort(root: &Path, images: Vec<PathBuf>, layout: Layout) -> Sorted {
    let mut beside = pairs::of(&images);
    if layout == Layout::Sorted {
        let of_defect = |mask: &Path| {
            let below = mask.strip_prefix(root).ok().and_then(Path::parent).unwrap_or(Path::new(""));
            below.iter().any(|name| words::of(name) == Some(Word::Defect))
        };
        beside.extend(pairs::by_ending(&images).into_iter().filter(|(mask, _)| of_defect(mask)));
    }
    let beside: Vec<Option<PathBuf>> =
        images.iter().map(|image| beside.get(image.as_path()).map(|partner| partner.to_path_buf())).collect();
    let mut sorted = Sorted::default();
    for (path, partner) in images.into_iter().zip(beside) {
        let folders: Vec<OsString> = path
            .strip_prefix(root)
            .ok()
            .and_then(Path::parent)
            .map(|parent| parent.iter().map(OsStr::to_os_string).collect())
            .unwrap_or_default();
        let folders: Vec<&OsStr> = folders.iter().map(OsString::as_os_str).collect();
        let is_mask = partner.is_some();
        match layout {
            Layout::Plain | Layout::Kolektor => sorted.train.push(path),
            Layout::Mvtec => sorted.add_mvtec(path, &folders, is_mask),
            Layout::Visa | Layout::Sorted => sorted.add_sorted(path, &folders, is_mask),
        }
    }
    sorted
}

impl Sorted {
    fn leave_out(&mut self, path: PathBuf, kind: LeftOutKind, reason: impl Into<String>) {
        self.left_out.push(LeftOut::new(path, kind, reason));
    }

    fn unsorted(&mut self, path: PathBuf, reason: &str) {
        self.leave_out(path, LeftOutKind::Unsorted, reason);
    }

    fn add_mask(&mut self, path: PathBuf, folders: &[&OsStr]) {
        let place = Place::new(folders, &path);
        self.masks.push(MaskFile { path, place });
    }

    fn add_shown(&mut self, path: PathBuf, defect: String, folders: &[&OsStr]) {
        let place = Place::new(folders, &path);
        self.test.push(Shown { path, defect, place });
    }

    /// Adds a defective image and the mask beside it.
    pub(super) fn add_labelled(&mut self, image: PathBuf, label: PathBuf, root: &Path) {
        let below =
            image.strip_prefix(root).ok().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
        let folders: Vec<&OsStr> = below.iter().collect();
        self.add_mask(label, &folders);
        self.add_shown(image, DEFECT.to_owned(), &folders);
    }

    fn add_mvtec(&mut self, path: PathBuf, folders: &[&OsStr], is_mask: bool) {
        let Some((top, below)) = folders.split_first() else {
            return self.unsorted(path, "beside the folders of the dataset");
        };
        match words::split(top) {
            Some(Split::Train) => match good_within(below, "train") {
                Ok(()) if is_mask => {
                    self.leave_out(path, LeftOutKind::NotGood, "a mask among the training images")
                }
                Ok(()) => self.train.push(path),
                Err((kind, reason)) => self.leave_out(path, kind, reason),
            },
            Some(Split::Validation) => match good_within(below, "validation") {
                Ok(()) if is_mask => {
                    self.leave_out(path, LeftOutKind::NotGood, "a mask among the validation images")
                }
                Ok(()) => self.validation.push(path),
                Err((kind, reason)) => self.leave_out(path, kind, reason),
            },
            Some(Split::Test) => self.add_test(path, below, is_mask),
            Some(Split::Unlabelled) => self.unsorted(path, "a test image without ground truth"),
            None if words::at_top(top) == Some(Word::Mask) => self.add_mask(path, below),
            None => self.unsorted(path, "in a folder that is no part of the dataset"),
        }
    }

    /// An image below `test`: of a defect, or a mask beside it.
    fn add_test(&mut self, path: PathBuf, below: &[&OsStr], is_mask: bool) {
        let mask_folder = below.iter().position(|name| words::of(name) == Some(Word::Mask));
        if let Some(at) = mask_folder {
            let folders = [&below[..at], &below[at + 1..]].concat();
            return self.add_mask(path, &folders);
        }
        let Some(class) = below.first() else {
            return self.unsorted(path, "in test itself; sort it into test/good or test/<defect>");
        };
        if is_mask {
            return self.add_mask(path, below);
        }
        let defect =
            if words::is_good(class) { GOOD.to_owned() } else { class.to_string_lossy().into_owned() };
        self.add_shown(path, defect, below);
    }

    fn add_sorted(&mut self, path: PathBuf, folders: &[&OsStr], is_mask: bool) {
        let word = |(at, name): (usize, &&OsStr)| if at == 0 { words::at_top(name) } else { words::of(name) };
        let all: Vec<Option<Word>> = folders.iter().enumerate().map(word).collect();
        // `Data` and `Images` say nothing of the class; the mask's folder says that it is a mask.
        let without = |skipped: usize| -> Vec<&OsStr> {
            let says_nothing =
                |name: &OsStr| ["data", "images"].iter().any(|word| name.eq_ignore_ascii_case(word));
            let kept = folders.iter().enumerate().filter(|(at, name)| *at != skipped && !says_nothing(name));
            kept.map(|(_, name)| *name).collect()
        };
        if let Some(at) = all.iter().position(|word| *word == Some(Word::Mask)) {
            return self.add_mask(path, &without(at));
        }
        if is_mask {
            return self.add_mask(path, &without(folders.len()));
        }
        let class = all.iter().rposition(|word| matches!(word, Some(Word::Good | Word::Defect)));
        match class.map(|at| (all[at], folders[at])) {
            Some((Some(Word::Good), _)) => self.train.push(path),
            Some((_, name)) => {
                self.add_shown(path, name.to_string_lossy().into_owned(), &without(folders.len()))
            }
            // Decided later, when it is known whether there is a folder of good images.
            None => self.unsorted(path, UNSORTED),
        }
    }
}

/// The reason that an image lies neither in a folder of good nor of bad images.
pub(super) const UNSORTED: &str = "neither in a folder of good images nor in one of defects";

/// Whether an image in these folders below `train` is a good one, or why not.
fn good_within(below: &[&OsStr], part: &str) -> Result<(), (LeftOutKind, String)> {
    let Some((class, deeper)) = below.split_first() else {
        return Err((LeftOutKind::Unsorted, format!("in {part} itself, not in {part}/good")));
    };
    if !words::is_good(class) {
        return Err((
            LeftOutKind::NotGood,
            format!("in {part}/{}, not in {part}/good", class.to_string_lossy()),
        ));
    }
    let bad = deeper.iter().find(|name| {
        matches!(words::of(name), Some(Word::Defect | Word::Mask | Word::Unclear))
            || words::split(name).is_some()
    });
    match bad {
        Some(name) => {
            let name = name.to_string_lossy();
            Err((LeftOutKind::NotGood, format!("in a folder named {name} among the good images")))
        }
        None => Ok(()),
    }
}
