//! `predict --watch` where a line must not stop: full disks, folders that vanish, backlogs, and files
//! whose time alone changes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use common::{Workshop, signal};
use serde_json::Value;

/// A workshop with a model and an empty folder `in`.
fn shop() -> Workshop {
    let shop = Workshop::new();
    shop.train(2);
    fs::create_dir(shop.path("in")).unwrap();
    shop
}

fn lines(verdicts: &Path) -> Vec<Value> {
    let text = fs::read_to_string(verdicts).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How many decisions each image has.
fn decisions(verdicts: &Path) -> BTreeMap<String, usize> {
    let mut decisions = BTreeMap::new();
    for line in lines(verdicts).iter().filter(|line| line["decision"].is_string()) {
        let image = line["image"].as_str().unwrap().strip_prefix("in/").unwrap();
        *decisions.entry(image.to_owned()).or_default() += 1;
    }
    decisions
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        sleep(Duration::from_millis(20));
    }
}

fn put(shop: &Workshop, number: usize, name: &str) {
    let image = shop.path(&format!("data/train/good/{:03}.png", number % 20));
    fs::copy(image, shop.path("in").join(name)).unwrap();
}

fn end(child: Child) -> (Option<i32>, String) {
    signal(child.id(), "-TERM");
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn each_once(names: &[&str]) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

/// Runs a script in a namespace in which it may mount; false where the machine does not let it.
fn with_mounts(shop: &Workshop, script: &str) -> bool {
    let allowed = || {
        let mut trial = std::process::Command::new("unshare");
        trial.args(["-rm", "sh", "-c", "mkdir -p trial && mount -t tmpfs tmpfs trial"]);
        trial.current_dir(shop.path("")).status().is_ok_and(|status| status.success())
    };
    if !cfg!(target_os = "linux") || !allowed() {
        println!("skipped: this machine does not let tests mount a small file system");
        return false;
    }
    let program = shop.anoseg("").get_program().to_owned();
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-rm", "bash", "-c", script]).arg(program).current_dir(shop.path(""));
    assert!(unshare.status().unwrap().success(), "{}", fs::read_to_string(shop.path("message")).unwrap());
    true
}

/// Waits, in a script, until a command succeeds.
const UNTIL: &str = r#"
    set -u
    until_() { for _ in $(seq 300); do if eval "$1"; then return; fi; sleep 0.1; done; echo "no: $1" >>message; exit 1; }
"#;

/// As [`shop`], with twelve images in the folder.
fn shop_with_twelve() -> Workshop {
    let shop = shop();
    (0..12).for_each(|number| put(&shop, number, &format!("{number:02}.png")));
    shop
}

/// Runs a script after a watch of `in` has met a full disk, `full`; false where the machine does not let it.
fn with_a_full_disk(shop: &Workshop, script: &str) -> bool {
    let begin = r#"
        mkdir full && mount -t tmpfs -o size=64k tmpfs full
        "$0" predict model.anoseg in -o full/out --watch --overlay >/dev/null 2>message & watch=$!
        until_ "grep -q 'the images wait' message"
    "#;
    with_mounts(shop, &format!("{UNTIL}{begin}{script}"))
}

/// It once ended the watch.
#[test]
fn a_full_disk_is_waited_for_until_it_is_freed() {
    let shop = shop_with_twelve();
    let script = r#"
        sleep 5
        mount -o remount,size=4m full
        until_ "[ \$(wc -l <full/out/verdicts.jsonl) = 12 ]"
        sleep 1.5
        cp full/out/verdicts.jsonl full.jsonl
        ls -A full/out >list
        kill -TERM $watch; wait $watch; echo $? >code
    "#;
    if !with_a_full_disk(&shop, script) {
        return;
    }
    let read = |name: &str| fs::read_to_string(shop.path(name)).unwrap();
    let message = read("message");
    assert_eq!(read("code").trim(), "0", "{message}");
    assert_eq!(message.matches("disk is full").count(), 1, "{message}");
    assert_eq!(message.matches("going on").count(), 1, "{message}");
    let lines = lines(&shop.path("full.jsonl"));
    assert_eq!(decisions(&shop.path("full.jsonl")).len(), 12);
    assert_eq!(lines.len(), 12);
    let mut overlays: Vec<_> = lines.iter().map(|line| line["files"]["overlay"].as_str().unwrap()).collect();
    overlays.sort_unstable();
    let list = read("list");
    let written: Vec<&str> = list.lines().filter(|name| name.contains("overlay")).collect();
    assert_eq!(overlays, written, "each verdict has its overlay and each overlay its verdict");
}

#[test]
fn a_signal_ends_a_watch_that_waits_for_a_full_disk() {
    let shop = shop_with_twelve();
    let script = r#"
        begun=$(date +%s%N)
        kill -TERM $watch; wait $watch; echo $? >code
        echo $(( ($(date +%s%N) - begun) / 1000000 )) >time
        "$0" predict model.anoseg in -o other --watch >/dev/null 2>>message & watch=$!
        until_ "[ -e other/verdicts.jsonl ] && [ \$(wc -l <other/verdicts.jsonl) = 12 ]"
        kill -TERM $watch; wait $watch
    "#;
    if !with_a_full_disk(&shop, script) {
        return;
    }
    let read = |name: &str| fs::read_to_string(shop.path(name)).unwrap();
    assert_eq!(read("code").trim(), "2", "{}", read("message"));
    let milliseconds: u64 = read("time").trim().parse().unwrap();
    assert!(milliseconds < 1500, "{milliseconds} ms");
}

#[test]
fn files_are_moved_to_another_file_system() {
    let shop = shop();
    for number in 0..6 {
        put(&shop, number, &format!("{number:02}.png"));
    }
    fs::create_dir(shop.path("in/below")).unwrap();
    put(&shop, 7, "below/03.png");
    let script = r#"
        mkdir sorted && mount -t tmpfs tmpfs sorted
        "$0" predict model.anoseg in -o out --watch --move-to sorted >/dev/null 2>message & watch=$!
        until_ "[ \$(find in -type f | wc -l) = 0 ]"
        sleep 1.5
        kill -TERM $watch; wait $watch; echo $? >code
        cp -r sorted kept
    "#;
    if !with_mounts(&shop, &format!("{UNTIL}{script}")) {
        return;
    }
    assert_eq!(fs::read_to_string(shop.path("code")).unwrap().trim(), "0");
    let lines = lines(&shop.path("out/verdicts.jsonl"));
    assert_eq!(lines.len(), 7);
    let folders = fs::read_dir(shop.path("kept"))
        .unwrap()
        .flat_map(|entry| fs::read_dir(entry.unwrap().path()).unwrap());
    let moved: Vec<_> = folders.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert_eq!(moved.len(), 7);
    for number in [0, 1, 2, 3, 4, 5, 7] {
        let image = fs::read(shop.path(&format!("data/train/good/{number:03}.png"))).unwrap();
        assert!(moved.contains(&image), "{number}");
    }
}

#[test]
fn a_watched_folder_that_vanishes_is_waited_for() {
    let shop = shop();
    put(&shop, 0, "a.png");
    let child = shop.start("predict model.anoseg in -o out --watch");
    let verdicts = shop.path("out/verdicts.jsonl");
    wait_until("a.png", || decisions(&verdicts) == each_once(&["a.png"]));
    fs::rename(shop.path("in"), shop.path("aside")).unwrap();
    sleep(Duration::from_millis(1500));
    fs::rename(shop.path("aside"), shop.path("in")).unwrap();
    put(&shop, 1, "b.png");
    wait_until("b.png", || decisions(&verdicts) == each_once(&["a.png", "b.png"]));
    // Another folder of the name, as after a share was mounted.
    fs::rename(shop.path("in"), shop.path("aside")).unwrap();
    fs::create_dir(shop.path("in")).unwrap();
    put(&shop, 2, "c.png");
    wait_until("c.png", || decisions(&verdicts) == each_once(&["a.png", "b.png", "c.png"]));
    let (code, message) = end(child);
    assert_eq!(code, Some(0));
    assert_eq!(message.matches("waiting for it").count(), 1, "{message}");
    assert_eq!(message.matches("is there again").count(), 1, "{message}");
}

/// Verdicts once went on into a file that no folder had.
#[test]
fn a_folder_of_results_that_vanishes_is_waited_for() {
    let shop = shop();
    put(&shop, 0, "a.png");
    let child = shop.start("predict model.anoseg in -o out --watch --mask");
    let verdicts = shop.path("out/verdicts.jsonl");
    wait_until("a.png", || decisions(&verdicts) == each_once(&["a.png"]));
    fs::rename(shop.path("out"), shop.path("aside")).unwrap();
    put(&shop, 1, "b.png");
    put(&shop, 2, "c.png");
    sleep(Duration::from_millis(3000));
    fs::rename(shop.path("aside"), shop.path("out")).unwrap();
    wait_until("back", || decisions(&verdicts) == each_once(&["a.png", "b.png", "c.png"]));
    // Another folder, without the verdicts: as after a restart, all images get theirs.
    fs::rename(shop.path("out"), shop.path("aside")).unwrap();
    put(&shop, 3, "d.png");
    sleep(Duration::from_millis(1000));
    fs::create_dir(shop.path("out")).unwrap();
    wait_until("new", || decisions(&verdicts) == each_once(&["a.png", "b.png", "c.png", "d.png"]));
    let (code, message) = end(child);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(message.matches("the images wait").count(), 2, "{message}");
    assert_eq!(message.matches("going on").count(), 2, "{message}");
    assert_eq!(decisions(&verdicts), each_once(&["a.png", "b.png", "c.png", "d.png"]));
    assert!(!shop.path("out/.anoseg.lock").exists());
    for line in lines(&verdicts) {
        assert!(shop.path("out").join(line["files"]["mask"].as_str().unwrap()).is_file());
    }
}

/// `cp -p` and `rsync -t` set the time after the last write, which once gave a second verdict.
#[test]
fn a_file_whose_time_alone_changes_keeps_its_verdict() {
    let shop = shop();
    put(&shop, 0, "a.png");
    fs::write(shop.path("in/broken.png"), &fs::read(shop.path("in/a.png")).unwrap()[..500]).unwrap();
    let arguments = "predict model.anoseg in -o out --watch";
    let verdicts = shop.path("out/verdicts.jsonl");
    // With an event, or with a change that listings alone find.
    let touch = |name: &str, seconds: u64, event: bool| {
        let file = File::options().read(true).append(event).open(shop.path(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    };
    let child = shop.start(arguments);
    wait_until("a.png and the failure", || lines(&verdicts).len() == 2);
    touch("in/a.png", 1_600_000_000, true);
    touch("in/broken.png", 1_600_000_000, false);
    sleep(Duration::from_millis(2500));
    touch("in/a.png", 1_650_000_000, false);
    sleep(Duration::from_millis(2500));
    assert_eq!(end(child).0, Some(0));
    // Also while nobody watches.
    touch("in/a.png", 1_700_000_000, false);
    let child = shop.start(arguments);
    sleep(Duration::from_millis(2500));
    assert_eq!(lines(&verdicts).len(), 2, "{:?}", lines(&verdicts));
    // Another content of the same size is another image.
    let grey = |value: u8| [b"P5 40 40 255\n".to_vec(), vec![value; 1600]].concat();
    fs::write(shop.path("in/b.pgm"), grey(10)).unwrap();
    wait_until("b.pgm", || decisions(&verdicts) == each_once(&["a.png", "b.pgm"]));
    fs::write(shop.path("in/b.pgm"), grey(200)).unwrap();
    wait_until("the other b.pgm", || decisions(&verdicts).get("b.pgm") == Some(&2));
    assert_eq!(end(child).0, Some(0));
    let digests: Vec<_> = lines(&verdicts).iter().map(|line| line["file_digest"].to_string()).collect();
    assert!(digests.iter().all(|digest| digest.len() == 34), "{digests:?}");
}

/// Several images are under way at a time; a restart in the middle loses none and repeats none. Files
/// beyond those that wait at a time once waited for ten times as long as the images before them took.
#[test]
fn a_backlog_has_one_verdict_each() {
    let shop = shop();
    for number in 0..1300 {
        put(&shop, number, &format!("{number:04}.png"));
    }
    fs::write(shop.path("in/broken.png"), "no image").unwrap();
    let arguments = "predict model.anoseg in -o out --watch --mask";
    let verdicts = shop.path("out/verdicts.jsonl");
    let child = shop.start(arguments);
    wait_until("some", || lines(&verdicts).len() > 40);
    signal(child.id(), "-KILL");
    child.wait_with_output().unwrap();
    let child = shop.start(arguments);
    wait_until("all", || lines(&verdicts).len() >= 1301);
    sleep(Duration::from_millis(1500));
    assert_eq!(end(child).0, Some(0));
    assert_eq!(lines(&verdicts).len(), 1301);
    let decisions = decisions(&verdicts);
    assert!(decisions.len() == 1300 && decisions.values().all(|&count| count == 1), "{decisions:?}");
}

/// Files of folders that were moved away and back, in a watch or across restarts, once got a second line, and
/// so did broken ones at every restart.
#[test]
fn unchanged_files_of_folders_moved_away_and_back_have_one_line() {
    let shop = shop();
    for folder in ["in/lot", "in/rest"] {
        fs::create_dir(shop.path(folder)).unwrap();
        (0..4).for_each(|number| put(&shop, number, &format!("{}/{number}.png", &folder[3..])));
    }
    fs::write(shop.path("in/rest/broken.png"), &fs::read(shop.path("in/lot/0.png")).unwrap()[..500]).unwrap();
    let (verdicts, arguments) = (shop.path("out/verdicts.jsonl"), "predict model.anoseg in -o out --watch");
    let swap = |from: &str, to: &str| fs::rename(shop.path(from), shop.path(to)).unwrap();
    let child = shop.start(arguments);
    wait_until("all", || lines(&verdicts).len() == 9);
    swap("in/lot", "aside");
    sleep(Duration::from_millis(2500));
    swap("aside", "in/lot");
    sleep(Duration::from_millis(1500));
    // Another folder in the place of the watched one, as of a share.
    swap("in", "aside");
    fs::create_dir(shop.path("in")).unwrap();
    put(&shop, 5, "new.png");
    wait_until("new", || lines(&verdicts).len() == 10);
    sleep(Duration::from_millis(2500));
    swap("in", "other");
    swap("aside", "in");
    sleep(Duration::from_millis(1500));
    signal(child.id(), "-KILL");
    child.wait_with_output().unwrap();
    // Away at a start, and back.
    swap("in/lot", "aside");
    let child = shop.start(arguments);
    sleep(Duration::from_millis(2500));
    swap("aside", "in/lot");
    sleep(Duration::from_millis(6000));
    assert_eq!(lines(&verdicts).len(), 10, "{:?}", lines(&verdicts));
    assert_eq!(end(child).0, Some(0));
    assert_eq!(lines(&verdicts).len(), 10);
}

/// A line is written once, with the place of its file, and is true after a kill between line and move.
#[test]
fn each_line_says_where_its_file_was_moved() {
    let shop = shop();
    (0..30).for_each(|number| put(&shop, number, &format!("{number:02}.png")));
    std::os::unix::fs::symlink("../data/train/good/000.png", shop.path("in/link.png")).unwrap();
    let (verdicts, arguments) =
        (shop.path("out/verdicts.jsonl"), "predict model.anoseg in -o out --watch --move-to sorted");
    for kill_at in [5, 12, 20] {
        let child = shop.start(arguments);
        wait_until("some", || lines(&verdicts).len() >= kill_at);
        signal(child.id(), "-KILL");
        child.wait_with_output().unwrap();
    }
    let child = shop.start(arguments);
    wait_until("all", || fs::read_dir(shop.path("in")).unwrap().count() == 0);
    sleep(Duration::from_millis(1500));
    assert_eq!(end(child).0, Some(0));
    let lines = lines(&verdicts);
    assert_eq!(lines.len(), 31);
    let mut places: Vec<_> = lines.iter().map(|line| line["moved_to"].as_str().unwrap().to_owned()).collect();
    for (line, place) in lines.iter().zip(&places) {
        let decision = line["decision"].as_str().unwrap();
        assert!(place.starts_with(&format!("sorted/{decision}/")), "{place}");
        let number = line["image"].as_str().unwrap().strip_prefix("in/").unwrap();
        let number: usize = number.strip_suffix(".png").unwrap().parse().unwrap_or(0);
        let image = fs::read(shop.path(&format!("data/train/good/{:03}.png", number % 20))).unwrap();
        assert_eq!(fs::read(shop.path(place)).unwrap(), image, "{place}");
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 31);
}
