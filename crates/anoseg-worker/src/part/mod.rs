//! Parts: the verdicts of a chunk as a Parquet file.
//!
//! A part depends on model, images and limits alone. It has neither times nor names of machines, so that two
//! workers write the same bytes.

mod columns;
mod read;
mod write;

use anoseg::batch::Verdict;

pub use columns::COLUMNS;
pub(crate) use read::read;
pub(crate) use write::write;

/// A line of a part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The verdict, with the pixels of its regions.
    pub(crate) verdict: Verdict,
    /// BLAKE3 of the image's file; None where it could not be read.
    pub(crate) image_digest: Option<String>,
}

/// The name of a part in its folder.
pub(crate) fn file_name(key: &str) -> String {
    format!("{key}.parquet")
}

/// The name of a part below the folder of results.
pub(crate) fn name(model: &str, key: &str) -> String {
    format!("{model}/{}", file_name(key))
}

#[cfg(test)]
mod tests {
    use anoseg::Decision;
    use anoseg::batch::{RegionRecord, Rle, WarningRecord};

    use super::*;

    fn verdict(image: &str) -> Verdict {
        Verdict { model_digest: "0f".into(), ..Verdict::unjudged(image.to_owned()) }
    }

    fn rows() -> Vec<Row> {
        let region = |peak, segmentation| RegionRecord {
            bounds: [1, 2, 3, 4],
            area: 9,
            peak,
            peak_at: [2, 3],
            segmentation,
        };
        let rle = Rle { size: [20, 30], counts: vec![3, 5, 592] };
        let judged = Verdict {
            width: Some(30),
            height: Some(20),
            score: Some(0.1 + 0.2_f32),
            decision: Some(Decision::Reject),
            regions: vec![region(f32::MIN_POSITIVE, Some(rle)), region(0.75, None)],
            warnings: vec![WarningRecord { code: "constant".into(), message: "a, \"b\"\n".into() }],
            ..verdict("Prüfling 1.png")
        };
        let good = Verdict { score: Some(0.0), decision: Some(Decision::Good), ..verdict("") };
        let failed = Verdict { error: Some("no image".into()), errors: vec!["e".into()], ..verdict("b.png") };
        let row = |verdict, digest: Option<&str>| Row { verdict, image_digest: digest.map(str::to_owned) };
        vec![row(judged, Some("aa")), row(good, Some("bb")), row(failed, None)]
    }

    #[test]
    fn a_part_gives_back_every_verdict_to_the_last_bit() {
        for rows in [rows(), rows()[..1].to_vec(), rows()[2..].to_vec(), Vec::new()] {
            let bytes = write(&rows).unwrap();
            assert_eq!(read(bytes.into(), rows.len()).unwrap(), rows);
        }
    }

    #[test]
    fn the_same_rows_are_the_same_bytes() {
        assert_eq!(write(&rows()).unwrap(), write(&rows()).unwrap());
    }

    #[test]
    fn what_is_no_part_is_refused_without_a_panic() {
        let whole = write(&rows()).unwrap();
        for length in [0, 4, whole.len() / 2, whole.len() - 1] {
            assert!(read(whole[..length].to_vec().into(), rows().len()).is_err(), "{length}");
        }
    }

    #[test]
    fn what_no_worker_writes_is_refused() {
        let refused = |change: &dyn Fn(&mut Verdict)| {
            let mut rows = rows();
            change(&mut rows[0].verdict);
            let bytes = write(&rows).unwrap();
            assert!(read(bytes.into(), rows.len()).is_err(), "{:?}", rows[0].verdict);
        };
        refused(&|verdict| verdict.score = Some(f32::NAN));
        refused(&|verdict| verdict.score = Some(1.5));
        refused(&|verdict| verdict.schema = 77);
        refused(&|verdict| verdict.regions[0].peak = f32::INFINITY);
        for (size, counts) in [([1 << 40, 1 << 40], vec![1]), ([20, 30], vec![3, 5]), ([30, 20], vec![600])] {
            refused(&|verdict| {
                verdict.regions[0].segmentation = Some(Rle { size, counts: counts.clone() });
            });
        }
        let bytes = write(&rows()).unwrap();
        assert!(read(bytes.into(), 2).is_err());
    }

    /// The table in the documentation names each column.
    #[test]
    fn every_column_is_documented() {
        let table = include_str!("../../../../docs/queue_parts.md");
        for column in COLUMNS {
            assert!(table.contains(&format!("| `{column}` |")), "{column}");
        }
        assert_eq!(columns::schema().fields().len(), COLUMNS.len());
    }

    /// A field that the schema of verdicts gets must become a column.
    #[test]
    fn every_field_of_a_verdict_is_a_column() {
        let line = serde_json::to_value(verdict("a")).unwrap();
        let columns: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let others: Vec<&&str> = COLUMNS.iter().filter(|column| !columns.contains(column)).collect();
        assert_eq!(others, [&"image_digest"]);
        assert!(columns.iter().all(|column| COLUMNS.contains(column)), "{columns:?}");
    }
}
