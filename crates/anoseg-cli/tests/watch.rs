//! `predict --watch`: one verdict for each whole file, across restarts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Workshop, signal};
use serde_json::Value;

fn verdicts(shop: &Workshop) -> Vec<Value> {
    let text = fs::read_to_string(shop.path("in/out/verdicts.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The lines of an image: whether each has a decision.
fn lines(shop: &Workshop, name: &str) -> Vec<bool> {
    let image = format!("in/{name}");
    let all = verdicts(shop);
    all.iter().filter(|line| line["image"] == *image).map(|line| !line["decision"].is_null()).collect()
}

fn wait_for(shop: &Workshop, name: &str, expected: &[bool]) {
    let begun = Instant::now();
    while lines(shop, name) != expected {
        let found = lines(shop, name);
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {found:?}, not {expected:?}");
        sleep(Duration::from_millis(20));
    }
}

fn end(child: Child, how: &str) -> (Option<i32>, String) {
    signal(child.id(), how);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn in_halves(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&bytes[..bytes.len() / 2]).unwrap();
    sleep(Duration::from_millis(700));
    file.write_all(&bytes[bytes.len() / 2..]).unwrap();
}

#[test]
fn each_whole_file_has_one_verdict() {
    let shop = Workshop::new();
    shop.train(2);
    fs::create_dir_all(shop.path("in/out")).unwrap();
    let image = |number: u32| fs::read(shop.path(&format!("data/train/good/{number:03}.png"))).unwrap();
    let file = |name: &str| shop.path("in").join(name);
    // The output lies in the folder, with overlays, which are no inputs.
    let arguments = "predict model.anoseg in -o in/out --watch --overlay --link-to in/sorted";
    fs::write(file("before.png"), image(0)).unwrap();
    let child = shop.start(arguments);
    wait_for(&shop, "before.png", &[true]);

    fs::write(file("whole.png"), image(1)).unwrap();
    fs::write(file("hidden.part"), image(2)).unwrap();
    fs::rename(file("hidden.part"), file("renamed.png")).unwrap();
    fs::write(file("broken.png"), &image(3)[..500]).unwrap();
    fs::write(file("vanished.png"), &image(3)[..500]).unwrap();
    fs::create_dir(file("below")).unwrap();
    in_halves(&file("below/halves.png"), &image(4));
    fs::remove_file(file("vanished.png")).unwrap();
    for name in ["whole.png", "renamed.png", "below/halves.png"] {
        wait_for(&shop, name, &[true]);
    }
    fs::write(file("whole.png"), image(5)).unwrap();
    wait_for(&shop, "whole.png", &[true, true]);
    wait_for(&shop, "broken.png", &[false]);
    let (_, message) = end(child, "-KILL");
    assert!(message.contains("watching in"), "{message}");

    fs::write(file("meanwhile.png"), image(6)).unwrap();
    let child = shop.start(arguments);
    wait_for(&shop, "meanwhile.png", &[true]);
    fs::write(file("broken.png"), image(7)).unwrap();
    wait_for(&shop, "broken.png", &[false, true]);
    sleep(Duration::from_millis(1500));
    assert_eq!(end(child, "-TERM").0, Some(0));
    assert_eq!(verdicts(&shop).len(), 8, "{:?}", verdicts(&shop));
    let sorted = ["good", "review", "reject"].map(|name| file("sorted").join(name));
    let linked = sorted.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().count();
    assert_eq!(linked, 6, "the file that was overwritten in place is the one that was linked");
}

#[test]
fn files_are_moved_and_wrong_use_is_refused() {
    let shop = Workshop::new();
    shop.train(2);
    let child = shop.start("predict model.anoseg in -o in/out --watch --move-to in/sorted");
    sleep(Duration::from_millis(1000));
    fs::create_dir_all(shop.path("in")).unwrap();
    fs::copy(shop.path("data/train/good/000.png"), shop.path("in/a.png")).unwrap();
    wait_for(&shop, "a.png", &[true]);
    sleep(Duration::from_millis(1500));
    assert_eq!(end(child, "-INT").0, Some(0));
    assert!(!shop.path("in/a.png").exists());
    assert_eq!(verdicts(&shop).len(), 1);

    let (_, message) = shop.run("predict model.anoseg in -o out --watch --format csv", 2);
    assert!(message.contains("leave --format out"), "{message}");
    let line = &verdicts(&shop)[0];
    let moved = shop.path(line["moved_to"].as_str().unwrap());
    assert_eq!(fs::read(moved).unwrap(), fs::read(shop.path("data/train/good/000.png")).unwrap());
    assert!(line.get("linked_to").is_none());
    shop.run("predict model.anoseg in -o out --move-to x", 2);
    for option in ["--move-to", "--link-to"] {
        let (_, message) = shop.run(&format!("predict model.anoseg in -o out --watch {option} tiny.toml"), 2);
        assert!(message.contains(option) && message.contains("tiny.toml is a file"), "{message}");
    }
    fs::create_dir_all(shop.path("in/good")).unwrap();
    for (folder, option) in [("in", "--move-to in"), ("in/good", "--link-to in")] {
        let (_, message) = shop.run(&format!("predict model.anoseg {folder} -o out --watch {option}"), 2);
        assert!(message.contains(option.split(' ').next().unwrap()), "{message}");
        assert!(message.contains("watched folder"), "{message}");
    }
    let (_, message) = shop.run("predict model.anoseg in data -o out --watch", 2);
    assert!(message.contains("one folder"), "{message}");
}
