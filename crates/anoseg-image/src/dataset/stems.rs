//! What the names of files say about their parts, where their folder does not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::words::{self, Word};
use super::{display_name, pairs};

/// What the names of images say that are taken as good.
pub(super) enum Names {
    /// Nothing against it.
    Fine,
    /// This word of defects stands in every name, so that it says nothing about single images: in
    /// names of the product, or of a folder of defects.
    AllOf(String),
    /// Some of them name defects, others do not: the reason to refuse, as the start of a sentence.
    Mixed(String),
}

/// Looks at the names of images of one folder.
pub(super) fn examine(images: &[PathBuf]) -> Names {
    let markers: Vec<BTreeSet<Marker>> = images.iter().map(|image| markers(&pairs::stem(image))).collect();
    let Some((first, others)) = markers.split_first() else { return Names::Fine };
    // What stands in every name is the naming of the product.
    let common: BTreeSet<&Marker> =
        first.iter().filter(|marker| others.iter().all(|all| all.contains(*marker))).collect();
    let says = |wanted: bool, markers: &BTreeSet<Marker>| {
        markers.iter().any(|marker| marker.good == wanted && !common.contains(marker))
    };
    let named = |find: &dyn Fn(&BTreeSet<Marker>) -> bool| {
        let image = images.iter().zip(&markers).find(|(_, markers)| find(markers));
        image.map(|(path, _)| display_name(Path::new(path.file_name().unwrap_or_default())))
    };
    let Some(defect) = named(&|markers| says(false, markers)) else {
        let word = common.iter().find(|marker| !marker.good);
        return word.map_or(Names::Fine, |marker| Names::AllOf(marker.word.clone()));
    };
    let good = named(&|markers| says(true, markers) && !says(false, markers));
    let other = named(&|markers| !says(false, markers));
    Names::Mixed(match (good, other) {
        (Some(good), _) => {
            format!(
                "some files are named as defects, such as {defect}, and others as good parts, such as {good}"
            )
        }
        (None, Some(other)) => {
            format!("some files are named as defects, such as {defect}, and others are not, such as {other}")
        }
        (None, None) => format!("all files are named as defects, such as {defect}"),
    })
}

/// A word for good or bad parts in a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Marker {
    good: bool,
    word: String,
}

/// Most words that stand for one, as in `nicht in ordnung`.
const LONGEST: usize = 3;

/// The words for good and bad parts in a name. `NotOk` counts as one word and as two.
fn markers(stem: &str) -> BTreeSet<Marker> {
    let mut found = BTreeSet::new();
    for split_capitals in [false, true] {
        for run in runs(stem, split_capitals) {
            of_run(&run, &mut found);
        }
    }
    found
}

/// The words between digits, in small letters. A number stands between two words that have nothing
/// to do with each other, as in `No 3 crack`.
fn runs(stem: &str, split_capitals: bool) -> Vec<Vec<String>> {
    let mut runs = vec![vec![String::new()]];
    let mut before = '_';
    for c in stem.chars() {
        let capital = split_capitals && before.is_lowercase() && c.is_uppercase();
        if c.is_numeric() {
            runs.push(vec![String::new()]);
        } else if let Some(run) = runs.last_mut() {
            if capital || !c.is_alphabetic() {
                run.push(String::new());
            }
            if c.is_alphabetic()
                && let Some(word) = run.last_mut()
            {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    runs.iter_mut().for_each(|run| run.retain(|word| !word.is_empty()));
    runs
}

fn of_run(run: &[String], found: &mut BTreeSet<Marker>) {
    let mut at = 0;
    while at < run.len() {
        let known = (1..=LONGEST.min(run.len() - at)).rev().find_map(|count| {
            let word = run[at..at + count].join("_");
            words::meaning(&word).map(|meaning| (count, word, meaning))
        });
        let Some((count, word, meaning)) = known else {
            at += 1;
            continue;
        };
        let before = at.checked_sub(1).is_some_and(|before| words::negates_next(&run[before]));
        let behind = run.get(at + count).is_some_and(|behind| behind == "free");
        found.insert(Marker { good: (meaning == Word::Good) != (before || behind), word });
        at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the name says good (true) or bad.
    fn says(stem: &str) -> Option<bool> {
        let markers = markers(stem);
        let all: BTreeSet<bool> = markers.iter().map(|marker| marker.good).collect();
        assert!(all.len() < 2, "{stem}: {markers:?}");
        all.first().copied()
    }

    #[test]
    fn names_of_good_parts() {
        for stem in [
            "good_0",
            "OK_001",
            "ok12",
            "part1_ok",
            "normal (3)",
            "not_defect_1",
            "no_scratch_3",
            "defect_free_2",
            "no-defect",
            "NoDefect7",
            "without crack",
            "teil-i.O.-3",
            "anomaly-free",
            "kratzer free",
        ] {
            assert_eq!(says(stem), Some(true), "{stem}");
        }
    }

    #[test]
    fn names_of_defects() {
        for stem in [
            "defect_0",
            "NG_001",
            "NG001",
            "part1_ng",
            "broken (1)",
            "not_ok_3",
            "NotOk3",
            "cam2NG",
            "badPart",
            "n.i.O. 4",
            "Teil 3 nicht in Ordnung",
            "No 3 crack",
            "不良品_1",
        ] {
            assert_eq!(says(stem), Some(false), "{stem}");
        }
    }

    #[test]
    fn other_names_say_nothing() {
        for stem in ["000", "IMG_2031", "tokyo", "book_7", "image-12", "normandy", "no_1", "wing3", ""] {
            assert_eq!(says(stem), None, "{stem}");
        }
    }
}
