//! Verdicts are kept, found again page by page, and removed at their limits.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::time::Duration;

use anoseg_history::{
    Error, FeedbackFilter, Filter, History, ModelKey, Reader, Record, Retention, ScoreRow, Statement, Truth,
    now,
};
use anoseg_image::Region;
use anoseg_infer::Decision;
use common::{DECISIONS, FOR_EVER, USED, image_file, model, summary, write, write_of};
use proptest::prelude::*;

#[test]
fn a_verdict_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let (key, summary) = (model("token"), summary(500));
    let region = |peak| Region { x: 1, y: 2, width: 3, height: 4, area: 9, peak, peak_x: 2, peak_y: 3 };
    let record = Record {
        time: 1_700_000_000_123,
        request: Some("request-7"),
        regions: &[region(0.75), region(f32::NEG_INFINITY)],
        ..Record::new("part \u{1b} ü.png", &key, (Decision::Review, 0.1 + 0.4), USED, &summary)
    };
    let id = history.record(&record).unwrap();
    let row = history.reader().verdict(id).unwrap().unwrap();
    assert_eq!((row.time, &row.name[..], row.request.as_deref()), (record.time, record.name, record.request));
    assert_eq!((row.decision, row.score, row.used, &row.model), (Decision::Review, 0.5, USED, &key));
    assert_eq!((row.width, row.height, row.brightness, row.sharpness), (640, 480, 0.4, 0.02));
    assert_eq!(
        (row.regions[0].bounds, row.regions[0].peak, row.regions[1].peak),
        ([1, 2, 3, 4], Some(0.75), None)
    );
    assert_eq!(history.reader().thumbnail(id).unwrap().unwrap(), summary.thumbnail);
    let mut read = Vec::new();
    history.reader().scores(&Filter::default(), 0, |row| read.push(row)).unwrap();
    assert_eq!(read, [ScoreRow::of(id, &record)]);
    assert_eq!(history.reader().models().unwrap(), std::slice::from_ref(&key));
    assert_eq!(history.reader().verdict(id + 1).unwrap(), None);
}

/// Another rule, or another region, says nothing of the model's own thresholds.
#[test]
fn verdicts_decided_in_another_way_are_shown_and_give_no_scores() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let (key, summary) = (model("token"), summary(500));
    let own = write(&history, now(), "a", 0.3);
    let by_regions = r#"{"rule":"regions","min_pixels":20}"#;
    let other = Record::new("b", &key, (Decision::Reject, 0.3), USED, &summary);
    let id = history.record(&Record { decided_by: Some(by_regions), ..other.clone() }).unwrap();
    assert!(history.record(&Record { decided_by: Some("no JSON"), ..other }).is_err());
    let page = history.reader().page(&Filter::default(), None, 10).unwrap();
    let told = page.rows[0].decided_by.as_ref().unwrap();
    assert_eq!((page.rows[0].id, &told["rule"], &told["min_pixels"]), (id, &"regions".into(), &20.into()));
    assert_eq!(page.rows[1].decided_by, None);
    let mut read = Vec::new();
    history.reader().scores(&Filter::default(), 0, |row| read.push(row.id)).unwrap();
    assert_eq!(read, [own]);
}

/// A history of the first version, as earlier programs wrote it.
#[test]
fn a_history_of_an_earlier_version_is_brought_to_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let own = write(&History::open(folder.path(), FOR_EVER).unwrap(), now(), "a", 0.3);
    let connection = rusqlite::Connection::open(folder.path().join("history.sqlite")).unwrap();
    connection.execute("ALTER TABLE verdicts DROP COLUMN decided_by", []).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    assert!(matches!(Reader::open(folder.path()), Err(Error::Older { found: 1, .. })));
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    assert_eq!(history.reader().verdict(own).unwrap().unwrap().decided_by, None);
}

#[test]
fn values_out_of_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let (key, summary) = (model("token"), summary(1));
    for score in [f32::NAN, -0.1, 1.1] {
        let record = Record::new("a", &key, (Decision::Good, score), USED, &summary);
        assert!(matches!(history.record(&record), Err(Error::Value { .. })));
    }
    let id = write(&history, 1, "a", 0.5);
    for statement in [
        Statement::new(Truth::Good, ""),
        Statement { original: Some(b""), ..Statement::new(Truth::Good, "kim") },
    ] {
        assert!(matches!(history.state(id, &statement), Err(Error::Value { .. })));
    }
    assert!(matches!(
        history.state(99, &Statement::new(Truth::Good, "kim")),
        Err(Error::NoVerdict { id: 99 })
    ));
}

/// A row of the model that the database is compared with.
#[derive(Clone, Debug)]
struct Plain {
    time: i64,
    name: String,
    score: f32,
    model: usize,
    feedback: Option<Truth>,
}

const MODELS: [&str; 2] = ["token", "gear"];

fn plain() -> impl Strategy<Value = Plain> {
    let truth = prop_oneof![3 => Just(None), 1 => Just(Some(Truth::Good)), 1 => Just(Some(Truth::Defect))];
    ((0..50_i64), "[aAb_%]{1,4}", 0..=10_u8, 0..2_usize, truth).prop_map(
        |(time, name, score, model, feedback)| Plain {
            time,
            name,
            score: f32::from(score) / 10.0,
            model,
            feedback,
        },
    )
}

fn filter() -> impl Strategy<Value = Filter> {
    let time = || proptest::option::of(0..50_i64);
    let score = || proptest::option::of((0..=10_u8).prop_map(|score| f32::from(score) / 10.0));
    let feedback = proptest::option::of(prop_oneof![
        Just(FeedbackFilter::Without),
        Just(FeedbackFilter::With),
        Just(FeedbackFilter::Is(Truth::Defect)),
    ]);
    let model = proptest::option::of(prop_oneof![Just("token"), Just("gear"), Just("other")]);
    let decision = proptest::option::of((0..3_usize).prop_map(|i| DECISIONS[i]));
    let text = proptest::option::of("[aAb_%]{1,2}");
    (time(), time(), model, decision, score(), score(), text, feedback).prop_map(
        |(from, until, model, decision, least_score, most_score, text, feedback)| Filter {
            from,
            until,
            model: model.map(str::to_owned),
            network: None,
            digest: None,
            decision,
            least_score,
            most_score,
            text,
            feedback,
        },
    )
}

fn passes(filter: &Filter, row: &Plain) -> bool {
    let text = |text: &String| row.name.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
    filter.from.is_none_or(|from| row.time >= from)
        && filter.until.is_none_or(|until| row.time < until)
        && filter.model.as_ref().is_none_or(|model| MODELS[row.model] == model)
        && filter.decision.is_none_or(|decision| USED.decide(row.score) == decision)
        && filter.least_score.is_none_or(|least| row.score >= least)
        && filter.most_score.is_none_or(|most| row.score <= most)
        && filter.text.as_ref().is_none_or(text)
        && filter.feedback.is_none_or(|feedback| match feedback {
            FeedbackFilter::Without => row.feedback.is_none(),
            FeedbackFilter::With => row.feedback.is_some(),
            FeedbackFilter::Is(truth) => row.feedback == Some(truth),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each filter gives the rows that pass it, each once, whatever the size of a page, and while further
    /// verdicts are written.
    #[test]
    fn pages_hold_what_the_filter_passes(
        rows in proptest::collection::vec(plain(), 1..40),
        filters in proptest::collection::vec((filter(), 1..9_usize), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path(), FOR_EVER).unwrap();
        let mut ids = Vec::new();
        for row in &rows {
            let id = write_of(&history, &model(MODELS[row.model]), row.time, &row.name, row.score);
            if let Some(truth) = row.feedback {
                history.state(id, &Statement::new(truth, "kim")).unwrap();
            }
            ids.push(id);
        }
        for (filter, size) in filters {
            let passing: Vec<i64> = ids.iter().zip(&rows).filter(|(_, row)| passes(&filter, row)).map(|(id, _)| *id).collect();
            let (mut found, mut before) = (Vec::new(), Some(ids[ids.len() - 1] + 1));
            while let Some(id) = before {
                let page = history.reader().page(&filter, Some(id), size).unwrap();
                prop_assert!(page.rows.len() <= size);
                found.extend(page.rows.iter().map(|row| row.id));
                before = page.next;
                write(&history, 25, "a", 0.5);
            }
            found.reverse();
            prop_assert_eq!(&found, &passing, "{:?}", filter);
            let mut scores = Vec::new();
            history.reader().scores(&filter, 0, |row| scores.push(row.id)).unwrap();
            scores.retain(|id| ids.contains(id));
            prop_assert_eq!(scores, passing);
        }
    }
}

#[test]
fn the_newest_statement_counts_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let id = write(&history, 1, "a.png", 0.9);
    let feedback = || history.reader().verdict(id).unwrap().unwrap().feedback;
    let image = image_file(1);
    let first = Statement { note: "a shadow", original: Some(&image), ..Statement::new(Truth::Good, "kim") };
    history.state(id, &first).unwrap();
    assert_eq!(feedback(), Some(Truth::Good));
    history.state(id, &Statement::new(Truth::Defect, "lee")).unwrap();
    assert_eq!(feedback(), Some(Truth::Defect));
    history.state(id, &Statement::revoke("lee")).unwrap();
    assert_eq!(feedback(), None);
    let statements = history.reader().statements(id).unwrap();
    let authors: Vec<_> = statements.iter().map(|s| (s.truth, &s.author[..], &s.note[..])).collect();
    assert_eq!(
        authors,
        [(None, "lee", ""), (Some(Truth::Defect), "lee", ""), (Some(Truth::Good), "kim", "a shadow")]
    );
    // The image stays for a later statement.
    let original = history.reader().verdict(id).unwrap().unwrap().original.unwrap();
    assert_eq!(fs::read(history.reader().original(&original)).unwrap(), image);
}

#[test]
fn old_verdicts_go_and_those_with_feedback_stay() {
    let folder = tempfile::tempdir().unwrap();
    let day = 24 * 60 * 60 * 1000;
    let kept = {
        let history = History::open(folder.path(), FOR_EVER).unwrap();
        let old = |name| write(&history, now() - 10 * day, name, 0.9);
        let (_gone, kept) = (old("a"), old("b"));
        let image = image_file(1);
        let statement = Statement { original: Some(&image), ..Statement::new(Truth::Good, "kim") };
        history.state(kept, &statement).unwrap();
        write(&history, now(), "c", 0.1);
        kept
    };
    let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
    let names = |history: &History| -> Vec<String> {
        history
            .reader()
            .page(&Filter::default(), None, 9)
            .unwrap()
            .rows
            .into_iter()
            .map(|row| row.name)
            .collect()
    };
    let retention = Retention { age: days(5), feedback_age: None, bytes: None };
    let history = History::open(folder.path(), retention).unwrap();
    assert_eq!(names(&history), ["c", "b"]);
    let original = history.reader().verdict(kept).unwrap().unwrap().original.unwrap();
    let file = history.reader().original(&original);
    assert!(file.exists());
    // While it runs as well.
    for number in 0..200 {
        write(&history, now() - 10 * day, &format!("old {number}"), 0.1);
    }
    assert!(names(&history).len() <= 9 && history.reader().count(&Filter::default()).unwrap() < 66);
    drop(history);
    let history = History::open(folder.path(), Retention { feedback_age: days(5), ..retention }).unwrap();
    assert_eq!(names(&history), ["c"]);
    assert!(!file.exists());
}

#[test]
fn the_files_stay_below_their_limit_and_shrink() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 2 << 20;
    let size = || fs::metadata(folder.path().join("history.sqlite")).unwrap().len();
    let stated = {
        let history = History::open(folder.path(), Retention { bytes: Some(limit), ..FOR_EVER }).unwrap();
        let stated = write(&history, 0, "stated", 0.9);
        history.state(stated, &Statement::new(Truth::Good, "kim")).unwrap();
        for number in 0..3000 {
            write(&history, 1 + number, "x", 0.1);
            assert!(history.bytes().unwrap() < limit + (1 << 20), "{number}");
        }
        let rows = history.reader().page(&Filter::default(), None, 1000).unwrap().rows;
        assert!(rows.len() > 200 && rows[0].time == 3000, "the newest are kept: {}", rows.len());
        stated
    };
    assert!(size() < limit + (3 << 20), "{}", size());
    let history = History::open(folder.path(), Retention { bytes: Some(limit / 4), ..FOR_EVER }).unwrap();
    assert!(history.bytes().unwrap() <= limit / 4 && size() < limit / 4 + (2 << 20), "{}", size());
    assert!(history.reader().verdict(stated).unwrap().is_some());
    drop(history);
    // Feedback goes last.
    let history = History::open(folder.path(), Retention { bytes: Some(1), ..FOR_EVER }).unwrap();
    assert_eq!(history.reader().count(&Filter::default()).unwrap(), 0);
    assert_eq!(history.reader().check().unwrap(), Vec::<String>::new());
}

#[test]
fn one_process_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(folder.path()), Err(Error::Missing { .. })));
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let id = write(&history, 1, "a", 0.5);
    assert_eq!(reader.verdict(id).unwrap().unwrap().name, "a");
    assert!(matches!(History::open(folder.path(), FOR_EVER), Err(Error::InUse(_))));
    drop(history);
    assert_eq!(Reader::open(folder.path()).unwrap().verdict(id).unwrap().unwrap().name, "a");
}

#[test]
fn threads_share_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let history = &history;
            scope.spawn(move || {
                for number in 0..50 {
                    write(history, 1, &format!("{thread} {number}"), 0.5);
                    history.reader().page(&Filter::default(), None, 5).unwrap();
                }
            });
        }
    });
    assert_eq!(history.reader().count(&Filter::default()).unwrap(), 200);
}

#[test]
fn numbers_are_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention { age: Some(Duration::ZERO), ..FOR_EVER };
    let last = {
        let history = History::open(folder.path(), FOR_EVER).unwrap();
        write(&history, 1, "a", 0.5);
        write(&history, 1, "b", 0.5)
    };
    let history = History::open(folder.path(), retention).unwrap();
    assert_eq!(history.reader().count(&Filter::default()).unwrap(), 0);
    assert_eq!(write(&history, now() + 1_000_000, "c", 0.5), last + 1);
}

#[test]
fn models_of_one_network_share_their_scores() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), FOR_EVER).unwrap();
    let key = model("token");
    let again = ModelKey { version: "2".into(), digest: "calibrated anew".into(), ..key.clone() };
    write_of(&history, &key, 1, "a", 0.5);
    write_of(&history, &again, 2, "b", 0.5);
    write_of(&history, &model("gear"), 3, "c", 0.5);
    let filter = Filter { network: Some(key.network), ..Filter::default() };
    assert_eq!(history.reader().count(&filter).unwrap(), 2);
}
