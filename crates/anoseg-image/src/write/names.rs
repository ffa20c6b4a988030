//! Names of result files that overwrite nothing but results.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::is_result;
use crate::text::is_unseen;

/// Most bytes of a file's name on usual file systems.
const MOST_BYTES: usize = 255;

/// Bytes that are kept free after a shortened stem for suffix, number and ending.
const RESERVED: usize = 28;

/// Chooses the names of result files in a folder. Each image has a stem of its own; a name is free
/// if the folder has no such file, or one that [`is_result`].
///
/// Names are compared without regard to case, because some file systems do so.
///
/// ```
/// use anoseg_image::write::ResultNames;
///
/// let mut names = ResultNames::new("results");
/// assert_eq!(names.stem("a/x.png".as_ref()), "x");
/// assert_eq!(names.stem("b/x.png".as_ref()), "x-2");
/// assert_eq!(names.file("x-2", "_mask", "png"), "x-2_mask.png");
/// ```
#[derive(Debug)]
pub struct ResultNames {
    folder: PathBuf,
    /// Lower-case stems that images have.
    stems: HashSet<String>,
    /// The next number of each stem that several images have.
    numbers: HashMap<String, usize>,
    /// Lower-case names of files that were given.
    files: HashSet<String>,
}

impl ResultNames {
    /// Names in this folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let (stems, numbers, files) = (HashSet::new(), HashMap::new(), HashSet::new());
        Self { folder: folder.into(), stems, numbers, files }
    }

    /// The stem of the results of an image: its file's name without the ending, with a number where
    /// several images have the same. The order of the calls alone decides, so that the same images
    /// get the same stems in every run.
    ///
    /// Characters that are not shown ([`is_unseen`]), and characters that a file system may refuse,
    /// become `_`. A stem that leaves no room for the suffix is cut, and a digest of the whole name
    /// keeps it apart from others.
    pub fn stem(&mut self, image: &Path) -> String {
        self.stem_in("", image)
    }

    /// As [`ResultNames::stem`], in a folder below: `""`, or names that each end with `/`. The stem
    /// begins with the folder. Only stems of the same folder get numbers because of each other.
    pub fn stem_in(&mut self, folder: &str, image: &Path) -> String {
        let stem = image.file_stem().unwrap_or(image.as_os_str());
        let plain = shortened(&usable_name(&stem.to_string_lossy()), stem.as_encoded_bytes());
        let plain = format!("{folder}{plain}");
        let number = self.numbers.entry(plain.to_lowercase()).or_insert(1);
        loop {
            let candidate = if *number == 1 { plain.clone() } else { format!("{plain}-{number}") };
            *number += 1;
            if self.stems.insert(candidate.to_lowercase()) {
                return candidate;
            }
        }
    }

    /// Keeps a name for a file that a former run wrote.
    pub fn reserve(&mut self, file: &str) {
        self.files.insert(file.to_lowercase());
    }

    /// The name of a result file: `<stem><suffix>.<ending>`, with a number before the ending where a
    /// file is there that is no result, or that was given to another image.
    pub fn file(&mut self, stem: &str, suffix: &str, ending: &str) -> String {
        let mut number = 1;
        loop {
            let name = match number {
                1 => format!("{stem}{suffix}.{ending}"),
                _ => format!("{stem}{suffix}-{number}.{ending}"),
            };
            number += 1;
            if !self.files.contains(&name.to_lowercase()) && self.is_free(&name) {
                self.files.insert(name.to_lowercase());
                return name;
            }
        }
    }

    fn is_free(&self, name: &str) -> bool {
        let path = self.folder.join(name);
        // A link, even a dead one, is somebody's.
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.is_file() && is_result(&path),
            Err(_) => true,
        }
    }
}

/// The first of numbered names, from 1 on, under which nothing lies, not even a dead link.
///
/// ```
/// use anoseg_image::write::first_free;
///
/// let folder = std::env::temp_dir();
/// let free = first_free(|number| folder.join(format!("no such file {number}")));
/// assert_eq!(free, folder.join("no such file 1"));
/// ```
pub fn first_free(numbered: impl Fn(u32) -> PathBuf) -> PathBuf {
    let mut number = 1;
    while std::fs::symlink_metadata(numbered(number)).is_ok() {
        number += 1;
    }
    numbered(number)
}

/// A name for a result file or its folder: with `_` for characters that are not shown
/// ([`is_unseen`]), and for what Windows' file systems do not allow.
pub fn usable_name(name: &str) -> String {
    let refused = |c: char| is_unseen(c) || "<>:\"/\\|?*\u{fffd}".contains(c);
    name.chars().map(|c| if refused(c) { '_' } else { c }).collect()
}

/// The stem, or its start and a digest of `whole` where it would be too long.
fn shortened(stem: &str, whole: &[u8]) -> String {
    let most = MOST_BYTES - RESERVED;
    if stem.len() <= most {
        return stem.to_owned();
    }
    let digest = format!("~{:08x}", fnv1a(whole));
    let mut end = most - digest.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{digest}", &stem[..end])
}

/// The FNV-1a hash (Fowler, Noll, Vo) of 32 bits. It keeps names apart and is no protection.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mask;
    use crate::write::write_result_mask;

    #[test]
    fn equal_stems_get_names_of_their_own() {
        let mut names = ResultNames::new("absent");
        let stems = ["a/x.png", "b/x.png", "b/x-2.png", "c/x.jpg", "d/X.png", "..", "d/x.png"];
        let stems = stems.map(|path| names.stem(path.as_ref()));
        assert_eq!(stems, ["x", "x-2", "x-2-2", "x-3", "X-4", "..", "x-5"]);
    }

    /// A user's own `000_mask.png` was once overwritten without a word.
    #[test]
    fn only_results_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("000_mask.png"), "the user's").unwrap();
        std::fs::create_dir(path("001_mask.png")).unwrap();
        let name = |stem: &str| ResultNames::new(folder.path()).file(stem, "_mask", "png");
        for _ in 0..2 {
            assert_eq!(name("000"), "000_mask-2.png");
            write_result_mask(&path("000_mask-2.png"), &Mask::filled(8, 8, true)).unwrap();
        }
        assert_eq!(name("001"), "001_mask-2.png");
    }

    #[test]
    fn stems_of_other_folders_need_no_numbers() {
        let mut names = ResultNames::new("absent");
        let stems = ["p/", "q/", "p/", ""].map(|folder| names.stem_in(folder, "in/x.png".as_ref()));
        assert_eq!(stems, ["p/x", "q/x", "p/x-2", "x"]);
        assert_eq!(names.file("p/x", "_mask", "png"), "p/x_mask.png");
    }

    #[test]
    fn names_given_or_reserved_are_not_given_again() {
        let mut names = ResultNames::new("absent");
        names.reserve("a_map.tiff");
        let files: Vec<_> = (0..3).map(|_| names.file("A", "_map", "tiff")).collect();
        assert_eq!(files, ["A_map-2.tiff", "A_map-3.tiff", "A_map-4.tiff"]);
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let mut names = ResultNames::new("absent");
        for letter in ["x", "ü", "検"] {
            let long = |end: &str| format!("{}{end}.png", letter.repeat(246 / letter.len()));
            let (one, other) = (names.stem(long("1").as_ref()), names.stem(long("2").as_ref()));
            assert_ne!(one, other);
            assert!(
                one.starts_with(letter) && one.len() + "_overlay-1000000.png".len() <= MOST_BYTES,
                "{one}"
            );
            assert_eq!(ResultNames::new("absent").stem(long("1").as_ref()), one, "stable");
        }
    }

    #[test]
    fn names_hold_nothing_that_a_terminal_or_a_file_system_obeys() {
        let mut names = ResultNames::new("absent");
        assert_eq!(names.stem("a\u{1b}[31m\n:b.png".as_ref()), "a_[31m__b");
        // `a<override>gnp.exe.png` is shown as `aexe.png`, and would be in the name of its mask.
        for unseen in ["\u{202e}", "\u{2028}", "\u{2029}", "\u{200b}", "\u{2066}", "\u{61c}", "\u{feff}"] {
            let mut names = ResultNames::new("absent");
            assert_eq!(names.stem(format!("a{unseen}b.png").as_ref()), "a_b", "{}", unseen.escape_unicode());
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_stay_apart() {
        use std::os::unix::ffi::OsStrExt as _;
        let mut names = ResultNames::new("absent");
        let stems = [&b"part\xfe.png"[..], b"part\xff.png"]
            .map(|name| names.stem(Path::new(std::ffi::OsStr::from_bytes(name))));
        assert_eq!(stems, ["part_", "part_-2"]);
    }
}
