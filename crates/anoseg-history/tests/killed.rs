//! A process that is killed while it writes loses at most the verdict under way.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anoseg_history::{Filter, History, Statement, Truth};
use common::{FOR_EVER, image_file, write};

/// Tells the process that this test file starts where to write.
const FOLDER: &str = "ANOSEG_HISTORY_WRITER";

/// Not a test of its own: the process that is killed. Each verdict is acknowledged by a line once it is
/// recorded; every fifth has feedback with an image.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let history = History::open(&folder.join("history"), FOR_EVER).unwrap();
    let mut lines = File::options().create(true).append(true).open(folder.join("recorded")).unwrap();
    for number in 0..100_000 {
        let id = write(&history, number, "a.png", 0.7);
        // One call for the whole line: one that a kill cut would be joined to the next process's first.
        lines.write_all(format!("{id}\n").as_bytes()).unwrap();
        if number % 5 == 0 {
            let image = image_file(id as u32);
            let statement = Statement { original: Some(&image), ..Statement::new(Truth::Good, "kim") };
            history.state(id, &statement).unwrap();
            lines.write_all(format!("stated {id}\n").as_bytes()).unwrap();
        }
    }
}

fn acknowledged(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("recorded")).unwrap_or_default();
    // The last line may be cut.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}

#[test]
fn a_kill_loses_at_most_the_verdict_under_way() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=6 {
        let before = acknowledged(folder.path()).len();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while acknowledged(folder.path()).len() < before + 13 * round {
            assert!(begun.elapsed() < Duration::from_secs(60), "the writer does not write");
            std::thread::sleep(Duration::from_micros(500 * round as u64));
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let lines = acknowledged(folder.path());
        let ids: Vec<i64> = lines.iter().filter_map(|line| line.parse().ok()).collect();
        let stated: Vec<i64> =
            lines.iter().filter_map(|line| line.strip_prefix("stated ")?.parse().ok()).collect();
        let history = History::open(&folder.path().join("history"), FOR_EVER).unwrap();
        assert_eq!(history.reader().check().unwrap(), Vec::<String>::new());
        let count = history.reader().count(&Filter::default()).unwrap() as usize;
        assert!(count >= ids.len() && count <= ids.len() + round, "{count} of {}", ids.len());
        for id in ids {
            assert!(history.reader().verdict(id).unwrap().is_some(), "verdict {id} is lost");
        }
        for id in stated {
            let row = history.reader().verdict(id).unwrap().unwrap();
            assert_eq!(row.feedback, Some(Truth::Good));
            let file = history.reader().original(&row.original.unwrap());
            assert_eq!(fs::read(file).unwrap(), image_file(id as u32));
        }
    }
}
