//! The layouts of datasets, and how they are told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::list::Tree;
use super::mask_content::holds_photos;
use super::pairs;
use super::words::{self, Split, Word};
use super::{DatasetError, display_name};

/// How the images and masks of a dataset are arranged in folders. Names of folders count in any
/// case, and `ok` or `normal` mean the same as `good`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// All images in the folder and below it show good parts.
    Plain,
    /// `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>`: MVTec AD (Bergmann et
    /// al., CVPR 2019), MVTec LOCO, MVTec AD 2 and BTAD.
    Mvtec,
    /// `Data/Images/Normal`, `Data/Images/Anomaly`, `Data/Masks/Anomaly`: VisA (Zou et al., ECCV
    /// 2022). The file `split_csv/1cls.csv` beside the folder divides into training and test.
    Visa,
    /// Each image beside its label, `Part0.jpg` and `Part0_label.bmp`: KolektorSDD and KolektorSDD2
    /// (Tabernik et al., 2019). A label that marks nothing means a good part.
    Kolektor,
    /// Folders such as `good` and `bad`, `ok` and `ng`.
    Sorted,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Mvtec, Self::Visa, Self::Kolektor, Self::Sorted];

    /// The name of the layout, in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mvtec => "mvtec",
            Self::Visa => "visa",
            Self::Kolektor => "kolektor",
            Self::Sorted => "sorted",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|layout| layout.name() == text.to_lowercase());
        known.ok_or_else(|| format!("known layouts are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Folders of unknown names for each one named after good parts, from which on that name may be one
/// of a product.
const FEW_OF: usize = 3;

/// The layout of the folder `root` with these contents.
///
/// # Errors
/// When the folder holds several datasets, or it is not clear which of its images show good parts.
pub(super) fn detect(root: &Path, tree: &Tree) -> Result<Layout, DatasetError> {
    let folders = Folders::of(root, tree);
    if folders.at_top().any(|name| matches!(words::split(name), Some(Split::Train | Split::Test))) {
        let paired = !folders.has_good() && pairs::any(&tree.images);
        return Ok(if paired { Layout::Kolektor } else { Layout::Mvtec });
    }
    if folders.is_visa() {
        return Ok(Layout::Visa);
    }
    if folders.has_word_at_top() {
        return clear(root, tree, &folders, Layout::Sorted);
    }
    let names = folders.datasets();
    if !names.is_empty() {
        return Err(DatasetError::ManyDatasets { path: root.to_path_buf(), names });
    }
    if folders.has_good() || folders.has(Word::Defect) {
        return clear(root, tree, &folders, Layout::Sorted);
    }
    if pairs::any(&tree.images) {
        return Ok(Layout::Kolektor);
    }
    clear(root, tree, &folders, Layout::Plain)
}

/// Refuses where a name contradicts the layout: images of defects, and masks, must never be learned
/// from.
fn clear(root: &Path, tree: &Tree, folders: &Folders<'_>, layout: Layout) -> Result<Layout, DatasetError> {
    let suspicious = |found: String| Err(DatasetError::Suspicious { path: root.to_path_buf(), found });
    if layout == Layout::Plain
        && let Some(found) = own_name(root, &tree.images)
    {
        return suspicious(found);
    }
    for parts in folders.all() {
        let Some(name) = parts.last() else { continue };
        let text = || parts.join("/");
        if words::split(Path::new(name).as_os_str()).is_some() {
            return suspicious(format!(
                "it holds a folder {}, which is a part of some dataset by its name",
                text()
            ));
        }
        match words::of(Path::new(name).as_os_str()) {
            Some(Word::Unclear) => {
                return suspicious(format!(
                    "it holds a folder {}, whose name may stand for good or for bad parts",
                    text()
                ));
            }
            Some(Word::Mask) if layout == Layout::Plain && !holds_photos(&tree.below(&way(root, &parts))) => {
                return suspicious(format!("it holds a folder {}, of masks by its name", text()));
            }
            _ => {}
        }
    }
    if layout == Layout::Sorted
        && let Some(name) = folders.good_among_products()
    {
        return suspicious(format!(
            "only its folder {} is named after good parts, which may be the name of a product, and most beside it are \
             named after neither good nor bad parts",
            shown(name)
        ));
    }
    if let Some([one, other]) = folders.unknown_opposites() {
        return suspicious(format!(
            "of its folders {} and {} one is the opposite of the other by its name",
            shown(one),
            shown(other)
        ));
    }
    Ok(layout)
}

fn way(root: &Path, parts: &[String]) -> PathBuf {
    parts.iter().fold(root.to_path_buf(), |way, part| way.join(part))
}

fn shown(name: &OsStr) -> String {
    display_name(Path::new(name))
}

/// What the folder's own place says against good parts.
fn own_name(root: &Path, images: &[PathBuf]) -> Option<String> {
    let real = fs::canonicalize(root).ok()?;
    let name = real.file_name()?;
    let shown = name.to_string_lossy();
    match words::of(name) {
        Some(Word::Defect) if words::is_one_word(name) => {
            return Some(format!("it is named {shown}, as folders of defects are"));
        }
        Some(Word::Mask) if !holds_photos(images) => {
            return Some(format!("it is named {shown}, as folders of masks are"));
        }
        Some(Word::Good) => return None,
        _ => {}
    }
    let above = real.parent()?;
    let above_name = above.file_name()?;
    if words::of(above_name) == Some(Word::Mask) && !holds_photos(images) {
        return Some(format!("it lies in {}, a folder of masks by its name", above_name.to_string_lossy()));
    }
    let is_category = |folder: &Path| {
        super::list::folders(folder).is_ok_and(|folders| {
            folders
                .iter()
                .any(|folder| words::split(folder.file_name().unwrap_or_default()) == Some(Split::Train))
        })
    };
    if words::split(above_name) == Some(Split::Test) && above.parent().is_some_and(is_category) {
        return Some(format!("{shown} is the test folder of a defect"));
    }
    None
}

/// The folders below a root, as the names on the way to each.
struct Folders<'a> {
    below: Vec<Vec<&'a OsStr>>,
}

impl<'a> Folders<'a> {
    fn of(root: &Path, tree: &'a Tree) -> Self {
        let parts = |folder: &'a PathBuf| -> Option<Vec<&'a OsStr>> {
            Some(folder.strip_prefix(root).ok()?.iter().collect())
        };
        Self { below: tree.folders.iter().filter_map(parts).collect() }
    }

    fn at_top(&self) -> impl Iterator<Item = &'a OsStr> {
        self.below.iter().filter(|parts| parts.len() == 1).map(|parts| parts[0])
    }

    fn all(&self) -> impl Iterator<Item = Vec<String>> {
        self.below.iter().map(|parts| parts.iter().map(|part| part.to_string_lossy().into_owned()).collect())
    }

    /// The names of folders that lie in the same one, as far as they are `wanted`.
    fn siblings(&self, wanted: impl Fn(&OsStr) -> bool) -> impl Iterator<Item = Vec<&'a OsStr>> {
        let mut beside = BTreeMap::<&[&OsStr], Vec<&'a OsStr>>::new();
        for (name, above) in self.below.iter().filter_map(|parts| parts.split_last()) {
            if wanted(name) {
                beside.entry(above).or_default().push(name);
            }
        }
        beside.into_values()
    }

    /// A folder whose name contains a word for good parts, as names of products do (`ok_plug`), among
    /// many folders of unknown names, none of them named after a defect alone.
    fn good_among_products(&self) -> Option<&'a OsStr> {
        self.siblings(|_| true).find_map(|names| {
            let is_good = |name: &&&OsStr| words::of(name) == Some(Word::Good);
            let unknown = names.iter().filter(|name| words::of(name).is_none()).count();
            let clear = names.iter().any(|name| words::whole(name).is_some());
            let few = names.iter().filter(is_good).count() * FEW_OF <= unknown;
            names.iter().find(is_good).filter(|_| few && !clear).copied()
        })
    }

    /// Two folders side by side, of which one is named as the opposite of the other and neither as
    /// good or bad.
    fn unknown_opposites(&self) -> Option<[&'a OsStr; 2]> {
        self.siblings(|name| words::of(name).is_none()).find_map(|names| {
            let opposite = |name: &&'a OsStr| {
                let other = names.iter().find(|other| words::are_opposites(name, other))?;
                Some([*name, *other])
            };
            names.iter().filter(|name| words::may_negate(name)).find_map(opposite)
        })
    }

    fn has(&self, word: Word) -> bool {
        self.below.iter().any(|parts| parts.last().is_some_and(|name| words::of(name) == Some(word)))
    }

    fn has_good(&self) -> bool {
        self.has(Word::Good)
    }

    fn has_word_at_top(&self) -> bool {
        self.at_top().any(|name| matches!(words::of(name), Some(Word::Good | Word::Defect | Word::Unclear)))
    }

    fn is_visa(&self) -> bool {
        self.below.iter().any(|parts| is_visa(parts))
    }

    /// The names of the folders at the top that are datasets.
    fn datasets(&self) -> Vec<String> {
        let name = |name: &OsStr| name.to_string_lossy().into_owned();
        self.at_top().filter(|top| self.is_dataset(top)).map(name).collect()
    }

    fn is_dataset(&self, top: &OsStr) -> bool {
        let below: Vec<&[&OsStr]> = self
            .below
            .iter()
            .filter(|parts| parts[0] == top && parts.len() > 1)
            .map(|parts| &parts[1..])
            .collect();
        is_dataset(&below)
    }
}

/// Whether a folder with these folders below is a dataset of its own.
fn is_dataset(below: &[&[&OsStr]]) -> bool {
    let first = |word: Word| below.iter().any(|parts| parts.len() == 1 && words::of(parts[0]) == Some(word));
    let mvtec = below.iter().any(|parts| match words::split(parts[0]) {
        Some(Split::Train) => parts.len() == 2 && words::of(parts[1]) == Some(Word::Good),
        Some(Split::Test) => parts.len() == 1,
        _ => false,
    });
    mvtec || below.iter().any(|parts| is_visa(parts)) || (first(Word::Good) && first(Word::Defect))
}

/// Whether the way to a folder is that of good images in the layout of VisA.
fn is_visa(parts: &[&OsStr]) -> bool {
    let rest = match parts {
        [data, rest @ ..] if data.eq_ignore_ascii_case("data") => rest,
        all => all,
    };
    matches!(rest, [images, normal] if images.eq_ignore_ascii_case("images") && words::of(normal) == Some(Word::Good))
}

/// The folders in `root` that are datasets of their own, in natural order; none when `root` is one
/// itself.
///
/// # Errors
/// When the folder is missing or cannot be read.
pub(super) fn categories(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let below = three_levels(root)?;
    let tree = Tree { folders: below.clone(), ..Tree::default() };
    let folders = Folders::of(root, &tree);
    let is_part = |name: &OsStr| matches!(words::split(name), Some(Split::Train | Split::Test));
    if folders.at_top().any(is_part) || folders.is_visa() || folders.has_word_at_top() {
        return Ok(Vec::new());
    }
    let is_category = |folder: &PathBuf| {
        folder.parent() == Some(root) && folder.file_name().is_some_and(|name| folders.is_dataset(name))
    };
    Ok(below.iter().filter(|folder| is_category(folder)).cloned().collect())
}

/// The folders below `root`, down to four levels, each listed once. What cannot be read is left to the
/// listing of its dataset.
fn three_levels(root: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut all = super::list::folders(root)?;
    let mut last = all.clone();
    let mut visited = BTreeSet::new();
    for level in 0..3 {
        // At the top a link to a dataset is a dataset of its own name.
        last.retain(|folder| {
            let new = super::walk::identity_of(folder).is_some_and(|identity| visited.insert(identity));
            new || level == 0
        });
        last = last.iter().flat_map(|folder| super::list::folders(folder).unwrap_or_default()).collect();
        all.extend(last.iter().cloned());
    }
    Ok(all)
}
