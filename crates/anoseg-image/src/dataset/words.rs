//! What the name of a folder says about the images in it; words for good and bad parts.

use std::ffi::OsStr;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::vocabulary::{
    DEFECT, DEFECT_WITHIN, GOOD, GOOD_WITHIN, NEGATING_STARTS, NEGATIONS, THINGS, UNCLEAR, WITH,
};

/// What a folder holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Images of good parts.
    Good,
    /// Images of defects.
    Defect,
    /// Masks.
    Mask,
    /// Words for both: it is not clear what the folder holds.
    Unclear,
}

/// Part of a dataset, by the name of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    Train,
    Validation,
    Test,
    /// Test images whose ground truth is not published (MVTec AD 2).
    Unlabelled,
}

const MASK: &[&str] = &["mask", "masks", "groundtruth", "ground_truth", "gt", "gts"];
const MASK_AT_TOP: &[&str] = &[
    "label",
    "labels",
    "annotation",
    "annotations",
    "segmentation",
    "segmentations",
    "truth",
    "mask_images",
    "labelled",
    "labeled",
];

const TRAIN: &[&str] = &["train", "training", "train_set", "trainset"];
const VALIDATION: &[&str] = &["validation", "valid", "val"];
const TEST: &[&str] = &["test", "tests", "testing", "test_set", "testset", "test_public"];

/// The words of a name in small letters, without digits at their ends, joined by `_`.
fn words(name: &OsStr) -> Vec<String> {
    let text: String = name.to_string_lossy().nfc().collect::<String>().to_lowercase();
    text.split(|c: char| !c.is_alphanumeric())
        .map(|word| word.trim_matches(|c: char| c.is_ascii_digit()).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether the name means good parts and nothing else. In a dataset whose folders are types of
/// defects, `ok_but_scratched` is one of them.
pub(super) fn is_good(name: &OsStr) -> bool {
    whole(name) == Some(Word::Good)
}

/// What a name says that is a word for good or bad parts as a whole, such as `ok`, `badparts` or
/// `without_crack`. Names that only contain such a word may be names of products.
pub(super) fn whole(name: &OsStr) -> Option<Word> {
    whole_of(&words(name))
}

fn whole_of(words: &[String]) -> Option<Word> {
    let joined = words.join("_");
    if let Some(meaning) = meaning(&joined) {
        return Some(meaning);
    }
    let (first, rest) = words.split_first()?;
    if rest.is_empty() {
        return None;
    }
    if negates_next(first) && !VAGUE.contains(&first.as_str()) {
        return whole_of(rest).map(opposite);
    }
    if WITH.contains(&first.as_str()) {
        return whole_of(rest);
    }
    let (last, before) = words.split_last()?;
    if last == "free" {
        return whole_of(before).filter(|word| *word == Word::Defect).map(opposite);
    }
    if THINGS.contains(&last.as_str()) {
        return whole_of(before);
    }
    if THINGS.contains(&first.as_str()) { whole_of(rest) } else { None }
}

/// Negations that leave open what a part is.
const VAGUE: &[&str] = &["false", "pseudo", "almost", "nearly", "barely"];

fn opposite(word: Word) -> Word {
    match word {
        Word::Good => Word::Defect,
        Word::Defect => Word::Good,
        other => other,
    }
}

/// What one word in small letters, or several joined by `_`, means: good or bad parts. `goodparts`
/// and `uncracked` are taken apart.
pub(super) fn meaning(word: &str) -> Option<Word> {
    let known = |word: &str| {
        if GOOD.contains(&word) { Some(Word::Good) } else { DEFECT.contains(&word).then_some(Word::Defect) }
    };
    let negated = || {
        let rest = NEGATING_STARTS.iter().find_map(|start| known(word.strip_prefix(start)?));
        rest.map(opposite)
    };
    let compound = || {
        THINGS.iter().find_map(|thing| {
            let start = word.strip_suffix(thing)?;
            known(start.trim_end_matches('_'))
        })
    };
    known(word).or_else(negated).or_else(compound)
}

/// Whether a word turns the meaning of the next one.
pub(super) fn negates_next(word: &str) -> bool {
    word != "free" && NEGATIONS.contains(&word)
}

/// Whether the name is a single word.
pub(super) fn is_one_word(name: &OsStr) -> bool {
    words(name).len() == 1
}

/// What the name of a folder says; None where it says nothing.
pub(super) fn of(name: &OsStr) -> Option<Word> {
    let words = words(name);
    let joined = words.join("_");
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if MASK.contains(&joined.as_str()) || has(MASK) || joined.contains("ground_truth") {
        return Some(Word::Mask);
    }
    if UNCLEAR.contains(&joined.as_str()) {
        return Some(Word::Unclear);
    }
    if let Some(word) = whole_of(&words) {
        return Some(word);
    }
    let means = |wanted| words.iter().any(|word| word.len() > 2 && is_compound(word) == Some(wanted));
    let good = has(GOOD_WITHIN) || means(Word::Good);
    let defect = has(DEFECT_WITHIN) || means(Word::Defect);
    match (good, defect, has(NEGATIONS)) {
        (true, true, _) => Some(Word::Unclear),
        (true, false, false) | (false, true, true) => Some(Word::Good),
        (false, true, false) | (true, false, true) => Some(Word::Defect),
        (false, false, _) => None,
    }
}

/// What a word says that is put together from one for good or bad parts and another one.
fn is_compound(word: &str) -> Option<Word> {
    meaning(word).filter(|_| !GOOD.contains(&word) && !DEFECT.contains(&word))
}

/// A name as the opposite of another one by its form, such as `uncoated` beside `coated` and
/// `without_clip` beside `with_clip`, whether or not the words are known.
pub(super) fn are_opposites(one: &OsStr, other: &OsStr) -> bool {
    let (one, other) = (words(one), words(other));
    is_negation_of(&one, &other) || is_negation_of(&other, &one)
}

/// Whether a name has the form of a negation, so that it is worth comparing it with others.
pub(super) fn may_negate(name: &OsStr) -> bool {
    let words = words(name);
    let starts =
        |word: &String| negates_next(word) || NEGATING_STARTS.iter().any(|start| word.starts_with(start));
    words.first().is_some_and(starts) || words.last().is_some_and(|word| word == "free")
}

fn is_negation_of(negated: &[String], plain: &[String]) -> bool {
    let plain = match plain {
        [first, rest @ ..] if !rest.is_empty() && WITH.contains(&first.as_str()) => rest,
        all => all,
    };
    let Some((first, rest)) = negated.split_first() else { return false };
    if plain.is_empty() {
        return false;
    }
    if negates_next(first) && rest == plain {
        return true;
    }
    let (joined, plain) = (negated.join("_"), plain.join("_"));
    let starts = NEGATING_STARTS.iter().any(|start| joined.strip_prefix(start) == Some(plain.as_str()));
    starts || joined == format!("{plain}_free")
}

/// As [`of`]; folders of labels and annotations are masks, too. On a part, a label is a label, so
/// this holds at the top of a dataset only.
pub(super) fn at_top(name: &OsStr) -> Option<Word> {
    if MASK_AT_TOP.contains(&words(name).join("_").as_str()) { Some(Word::Mask) } else { of(name) }
}

/// Whether any folder on the way is named after masks.
pub(super) fn names_masks(way: &Path) -> bool {
    way.iter().any(|name| of(name) == Some(Word::Mask))
}

/// The part of a dataset that a folder of this name holds.
pub(super) fn split(name: &OsStr) -> Option<Split> {
    let name = name.to_string_lossy().to_lowercase().replace(['-', ' '], "_");
    let is = |list: &[&str]| list.contains(&name.as_str());
    if is(TRAIN) {
        Some(Split::Train)
    } else if is(VALIDATION) {
        Some(Split::Validation)
    } else if is(TEST) {
        Some(Split::Test)
    } else if name.starts_with("test_private") {
        Some(Split::Unlabelled)
    } else {
        None
    }
}

/// Endings of a mask's name after the name of its image.
const MASK_ENDINGS: &[&str] = &["_mask", "_gt", "_label", "_ground_truth", "-mask", "-gt", "-label", ".mask"];

/// The stem without the ending of a mask, where it has one.
pub(super) fn without_mask_ending(stem: &str) -> Option<&str> {
    MASK_ENDINGS.iter().find_map(|ending| {
        let at = stem.len().checked_sub(ending.len())?;
        let (start, end) = (stem.get(..at)?, stem.get(at..)?);
        (end.eq_ignore_ascii_case(ending) && !start.is_empty()).then_some(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(name: &str) -> Option<Word> {
        of(name.as_ref())
    }

    #[test]
    fn good_parts_have_many_names() {
        for name in [
            "good",
            "Good",
            "OK",
            "ok",
            "0_good",
            "Normal",
            "good-parts",
            "defect-free",
            "no_defect",
            "01 OK",
        ] {
            assert_eq!(word(name), Some(Word::Good), "{name}");
        }
    }

    #[test]
    fn so_have_defects() {
        for name in [
            "bad",
            "NG",
            "ng_2",
            "Anomaly",
            "abnormal",
            "not_ok",
            "not good",
            "nok",
            "KO",
            "defect_7",
            "Defective",
        ] {
            assert_eq!(word(name), Some(Word::Defect), "{name}");
        }
    }

    #[test]
    fn other_names_say_nothing() {
        for name in
            ["monday", "camera_2", "2026-03-01", "label", "bottle", "test", "tokyo", "book", "normandy", ""]
        {
            assert_eq!(word(name), None, "{name}");
        }
        assert_eq!(word("good_and_bad"), Some(Word::Unclear));
    }

    #[test]
    fn masks_are_told_by_folder_and_by_ending() {
        for name in ["mask", "Masks", "ground_truth", "Ground-Truth", "gt", "good_masks"] {
            assert_eq!(word(name), Some(Word::Mask), "{name}");
        }
        assert_eq!(at_top("labels".as_ref()), Some(Word::Mask));
        assert_eq!(without_mask_ending("Part0_label"), Some("Part0"));
        assert_eq!(without_mask_ending("10301_GT"), Some("10301"));
        assert_eq!(without_mask_ending("_mask"), None);
        assert_eq!(without_mask_ending("ümask"), None);
    }

    /// Pairs of folders whose defects were once learned as good.
    #[test]
    fn pairs_of_folders_in_other_words_and_languages() {
        for (good, bad) in [
            ("goodparts", "badparts"),
            ("okImages", "ng_images"),
            ("uncracked", "cracked"),
            ("without_crack", "with_crack"),
            ("ok_front", "def_front"),
            ("conforme", "non_conforme"),
            ("bueno", "malo"),
            ("buono", "scarto"),
            ("bom", "ruim"),
            ("bons", "mauvais"),
            ("dobry", "zly"),
            ("dobre", "złe"),
            ("годные", "брак"),
            ("годные", "негодные"),
            ("正常", "异常"),
            ("合格", "不合格"),
            ("正常", "異常"),
            ("ohne_kratzer", "mit_kratzer"),
            ("pass", "fail"),
            ("accepted", "rejected"),
            ("clean", "dirty"),
            ("perfect", "imperfect"),
            ("crack_free", "crack"),
        ] {
            assert_eq!((word(good), word(bad)), (Some(Word::Good), Some(Word::Defect)), "{good}, {bad}");
        }
        assert_eq!(word("positive"), Some(Word::Unclear));
        assert_eq!(word("Negative"), Some(Word::Unclear));
    }

    #[test]
    fn opposites_are_told_by_their_form() {
        let opposites = |one: &str, other: &str| are_opposites(one.as_ref(), other.as_ref());
        for (one, other) in [
            ("uncoated", "coated"),
            ("clip", "no_clip"),
            ("with clip", "without-clip"),
            ("non_porous", "porous"),
            ("nonporous", "Porous"),
            ("burr", "burr_free"),
        ] {
            assert!(opposites(one, other) && opposites(other, one), "{one}, {other}");
        }
        for (one, other) in [("coated", "painted"), ("no_1", "1"), ("nut", "nuts"), ("line_1", "line_2")] {
            assert!(!opposites(one, other), "{one}, {other}");
        }
    }

    #[test]
    fn splits_are_whole_names() {
        assert_eq!(split("Train".as_ref()), Some(Split::Train));
        assert_eq!(split("test_public".as_ref()), Some(Split::Test));
        assert_eq!(split("test_private_mixed".as_ref()), Some(Split::Unlabelled));
        assert_eq!(split("trains".as_ref()), None);
    }
}
