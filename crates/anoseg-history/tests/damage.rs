//! Damaged, newer and foreign databases are named and left as they are.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::Path;

use anoseg_history::{Error, Filter, History, Reader};
use common::{FOR_EVER, write};

fn history(folder: &Path, rows: i64) {
    let history = History::open(folder, FOR_EVER).unwrap();
    for number in 0..rows {
        write(&history, number, "a.png", 0.5);
    }
}

fn refused(folder: &Path) -> [Error; 2] {
    [History::open(folder, FOR_EVER).unwrap_err(), Reader::open(folder).unwrap_err()]
}

#[test]
fn a_newer_database_is_refused_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), 1);
    let path = folder.path().join("history.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    for error in refused(folder.path()) {
        assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("history.sqlite") && error.to_string().contains("update anoseg"));
    }
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute("CREATE TABLE mine (x)", []).unwrap();
    let before = fs::read(&path).unwrap();
    for error in refused(folder.path()) {
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    }
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    for content in [&b"my notes"[..], &[0; 9000], b"SQLite format 3\0 and then nothing of it"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        fs::write(&path, content).unwrap();
        for error in refused(folder.path()) {
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("left as it is"), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_database_that_was_cut_short_is_named_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    history(folder.path(), 100);
    let path = folder.path().join("history.sqlite");
    let length = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
    let error = History::open(folder.path(), FOR_EVER).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().len(), length / 2);
}

/// Whatever bytes are overwritten: an error, or the right rows, and never a panic.
#[test]
fn damaged_pages_give_errors_and_never_a_panic() {
    let mut told = 0;
    for page in 1..40 {
        let folder = tempfile::tempdir().unwrap();
        history(folder.path(), 60);
        let path = folder.path().join("history.sqlite");
        let mut bytes = fs::read(&path).unwrap();
        let Some(part) = bytes.get_mut(page * 4096..page * 4096 + 600) else { break };
        part.fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        let outcome = History::open(folder.path(), FOR_EVER).and_then(|history| {
            history.reader().page(&Filter::default(), None, 100)?;
            history.reader().check()
        });
        match outcome {
            Err(error) => {
                assert!(error.to_string().contains("history.sqlite"), "{error}");
                told += 1;
            }
            Ok(faults) => told += usize::from(!faults.is_empty()),
        }
    }
    assert!(told > 10, "{told}");
}

#[test]
fn a_folder_in_the_place_of_the_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("history.sqlite")).unwrap();
    for error in refused(folder.path()) {
        assert!(error.to_string().contains("history.sqlite"), "{error}");
    }
}
