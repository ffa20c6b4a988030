//! What the name of a folder says about the images in it; words for good and bad parts.

use std::ffi::OsStr;

use unicode_normalization::UnicodeNormalization as _;

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

#[rustfmt::skip]
const GOOD: &[&str] = &[
    "good", "goods", "ok", "okay", "normal", "normals", "nominal", "passed", "io", "i_o", "gut", "intact", "healthy",
    "flawless", "defectfree", "defect_free", "nodefect", "nodefects", "no_defect", "no_defects", "nondefective",
    "non_defective", "without_defect", "without_defects", "anomaly_free", "undamaged", "fehlerfrei", "gutteil",
    "gutteile", "in_ordnung", "bon", "良品",
];

#[rustfmt::skip]
const DEFECT: &[&str] = &[
    "bad", "ng", "nok", "ko", "nio", "n_i_o", "defect", "defects", "defective", "anomaly", "anomalies", "anomalous",
    "abnormal", "abnormals", "abnormality", "reject", "rejects", "rejected", "fail", "failed", "fails", "faulty",
    "fault", "faults", "scrap", "broken", "damaged", "notgood", "notok", "nogood", "nonconforming", "defekt", "defekte",
    "schlecht", "schlechtteil", "schlechtteile", "ausschuss", "fehler", "fehlerhaft", "nicht_in_ordnung", "schrott",
    "riss", "risse", "kratzer", "ungood", "crack", "cracks", "scratch", "scratches", "dent", "dents", "dirty",
    "missing", "mauvais", "rebut", "不良", "不良品",
];

/// Words that stand for good or bad parts within a longer name, too, such as `good-parts`.
const GOOD_WITHIN: &[&str] = &["good", "ok", "normal", "nominal", "defectfree", "nondefective"];
const DEFECT_WITHIN: &[&str] = &[
    "bad",
    "ng",
    "nok",
    "ko",
    "defect",
    "defects",
    "defective",
    "anomaly",
    "anomalies",
    "anomalous",
    "abnormal",
    "reject",
    "rejects",
    "rejected",
    "failed",
    "faulty",
    "notgood",
    "notok",
];

/// They turn the meaning of the word that they stand beside.
const NEGATIONS: &[&str] = &[
    "no", "not", "non", "without", "free", "un", "ohne", "kein", "keine", "nicht", "false", "pseudo",
    "almost", "nearly", "barely",
];

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
    GOOD.contains(&words(name).join("_").as_str())
}

/// What one word in small letters, or several joined by `_`, means: good or bad parts.
pub(super) fn meaning(word: &str) -> Option<Word> {
    if GOOD.contains(&word) { Some(Word::Good) } else { DEFECT.contains(&word).then_some(Word::Defect) }
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
    if GOOD.contains(&joined.as_str()) {
        return Some(Word::Good);
    }
    if DEFECT.contains(&joined.as_str()) {
        return Some(Word::Defect);
    }
    match (has(GOOD_WITHIN), has(DEFECT_WITHIN), has(NEGATIONS)) {
        (true, true, _) => Some(Word::Unclear),
        (true, false, false) | (false, true, true) => Some(Word::Good),
        (false, true, false) | (true, false, true) => Some(Word::Defect),
        (false, false, _) => None,
    }
}

/// As [`of`]; folders of labels and annotations are masks, too. On a part, a label is a label, so
/// this holds at the top of a dataset only.
pub(super) fn at_top(name: &OsStr) -> Option<Word> {
    if MASK_AT_TOP.contains(&words(name).join("_").as_str()) { Some(Word::Mask) } else { of(name) }
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

    #[test]
    fn splits_are_whole_names() {
        assert_eq!(split("Train".as_ref()), Some(Split::Train));
        assert_eq!(split("test_public".as_ref()), Some(Split::Test));
        assert_eq!(split("test_private_mixed".as_ref()), Some(Split::Unlabelled));
        assert_eq!(split("trains".as_ref()), None);
    }
}
