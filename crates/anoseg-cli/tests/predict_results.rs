//! The folder of `predict`: what it keeps, what it never overwrites, and how it goes on.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anoseg_image::write::{FolderLock, is_result, read_tiff_f32};
use anoseg_image::{Decoded, Limits};
use common::{Workshop, signal};
use serde_json::Value;

fn verdicts(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A workshop with a model that rejects nearly everything, and `many/` with this many images.
fn shop_with(images: usize) -> Workshop {
    let shop = Workshop::new();
    shop.train(2);
    fs::create_dir(shop.path("many")).unwrap();
    for number in 0..images {
        let from = shop.path(&format!("data/train/good/{:03}.png", number % 20));
        fs::copy(from, shop.path(&format!("many/{number:03}.png"))).unwrap();
    }
    shop
}

fn wait_for_lines(path: &Path, lines: usize) {
    let begun = Instant::now();
    while fs::read_to_string(path).map_or(0, |text| text.lines().count()) < lines {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {lines} verdicts within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to a `predict` that is under way; gives exit code and standard error.
fn stopped_by(shop: &Workshop, arguments: &str, how: &str) -> (Option<i32>, String) {
    let child = shop.start(arguments);
    wait_for_lines(&shop.path("out/verdicts.jsonl"), 3);
    signal(child.id(), how);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Ctrl-C once left no verdict of all that was judged, and a hidden file.
#[test]
fn interrupted_predict() {
    let shop = shop_with(400);
    shop.run("predict model.anoseg many -o whole --overlay --mask", 0);
    let whole = verdicts(&shop.path("whole/verdicts.jsonl"));
    let arguments = "predict model.anoseg many -o out --overlay --mask";
    for how in ["-INT", "-TERM"] {
        let (code, message) = stopped_by(&shop, arguments, how);
        assert_eq!(code, Some(130), "{message}");
        let hint = message.lines().find_map(|line| line.strip_prefix("to go on: ")).unwrap().to_owned();
        assert!(hint.ends_with("--resume"), "{hint}");
        let some = verdicts(&shop.path("out/verdicts.jsonl"));
        assert!((3..400).contains(&some.len()), "{}", some.len());
        assert_eq!(some, whole[..some.len()]);
        assert!(names(&shop.path("out")).iter().all(|name| !name.starts_with('.')));
        let go_on = std::process::Command::new("sh").args(["-c", &hint]).current_dir(shop.path("")).output();
        assert_eq!(go_on.unwrap().status.code(), Some(0), "{hint}");
        assert_eq!(verdicts(&shop.path("out/verdicts.jsonl")), whole);
        assert_eq!(names(&shop.path("out")), names(&shop.path("whole")));
        fs::remove_dir_all(shop.path("out")).unwrap();
    }
}

/// Several images are under way at a time; an image that cannot be read is among them.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let shop = shop_with(30);
    fs::write(shop.path("many/007.png"), "no image").unwrap();
    for threads in ["1", "4"] {
        let mut command = shop.anoseg("predict model.anoseg many --overlay --mask --map -o");
        let output = command.arg(threads).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let files = names(&shop.path("1"));
    assert_eq!(files.len(), 3 * 29 + 2);
    assert_eq!(files, names(&shop.path("4")));
    for name in files {
        let content = |threads: &str| fs::read(shop.path(threads).join(&name)).unwrap();
        assert!(content("1") == content("4"), "{name}");
    }
}

/// A killed process once left no verdicts, but stray files that stayed for ever.
#[test]
fn a_killed_predict_loses_nothing_and_is_gone_on_with() {
    let shop = shop_with(400);
    for format in ["jsonl", "csv"] {
        let arguments = format!("predict model.anoseg many -o out --mask --format {format}");
        shop.run(&arguments.replace("out", "whole"), 0);
        let file =
            |folder: &str| fs::read_to_string(shop.path(folder).join(format!("verdicts.{format}"))).unwrap();
        let whole = file("whole");
        let child = shop.start(&arguments);
        wait_for_lines(&shop.path(&format!("out/verdicts.{format}")), 4);
        signal(child.id(), "-KILL");
        let process = child.id();
        child.wait_with_output().unwrap();
        let some = file("out");
        assert!(some.len() < whole.len() && whole.starts_with(&some), "{some}");
        // What a power failure in the middle of a line and of a file leaves.
        fs::write(shop.path(&format!("out/verdicts.{format}")), format!("{some}{}", "many/3")).unwrap();
        fs::write(shop.path(&format!("out/.{process}-7-123.tmp")), "half").unwrap();
        let (_, message) = shop.run(&format!("{arguments} --resume"), 0);
        assert!(message.contains("1 broken"), "{message}");
        assert_eq!(file("out"), whole);
        assert_eq!(names(&shop.path("out")), names(&shop.path("whole")));
        for folder in ["out", "whole"] {
            fs::remove_dir_all(shop.path(folder)).unwrap();
        }
    }
}

/// The verdicts of an earlier run were once replaced, by an empty file on a full disk.
#[test]
fn earlier_verdicts_are_kept() {
    let shop = shop_with(3);
    let mut kept = Vec::new();
    for run in 0..3 {
        let (_, message) = shop.run("predict model.anoseg many -o out --mask", 0);
        assert_eq!(message.contains("kept"), run > 0, "{message}");
        kept.push(fs::read(shop.path("out/verdicts.jsonl")).unwrap());
        fs::remove_file(shop.path(&format!("many/00{run}.png"))).ok();
        fs::copy(shop.path("data/test/chip/000.png"), shop.path(&format!("many/x{run}.png"))).unwrap();
    }
    for (name, text) in ["verdicts.previous.jsonl", "verdicts.previous-2.jsonl"].iter().zip(&kept) {
        assert_eq!(&fs::read(shop.path("out").join(name)).unwrap(), text);
    }
    // Results of the earlier runs are replaced, not numbered.
    assert!(!names(&shop.path("out")).iter().any(|name| name.contains("_mask-")));
}

#[test]
fn verdicts_of_another_model_are_not_gone_on_with() {
    let shop = shop_with(3);
    shop.run("predict model.anoseg many -o out", 0);
    let before = fs::read(shop.path("out/verdicts.jsonl")).unwrap();
    shop.run("calibrate model.anoseg data/test/good --false-reject 0.2", 0);
    let (_, message) = shop.run("predict model.anoseg many -o out --resume", 2);
    assert!(
        message.contains("verdicts of the same model with other thresholds (")
            && message.contains("--resume"),
        "{message}"
    );
    fs::remove_file(shop.path("out/verdicts.jsonl.run.json")).unwrap();
    let (_, message) = shop.run("predict model.anoseg many -o out --resume", 2);
    assert!(message.contains("which model"), "{message}");
    assert_eq!(fs::read(shop.path("out/verdicts.jsonl")).unwrap(), before);
}

/// Resuming inspects what failed, what is new, and what lacks a file; the rest it leaves.
#[test]
fn resuming_does_what_is_missing() {
    let shop = shop_with(3);
    let image = fs::read(shop.path("many/001.png")).unwrap();
    fs::write(shop.path("many/001.png"), &image[..image.len() / 2]).unwrap();
    shop.run("predict model.anoseg many -o out --mask", 3);
    fs::write(shop.path("many/001.png"), image).unwrap();
    fs::copy(shop.path("many/001.png"), shop.path("many/0001.png")).unwrap();
    shop.run("predict model.anoseg many -o out --mask --resume", 0);
    let lines = verdicts(&shop.path("out/verdicts.jsonl"));
    let images: Vec<_> = lines.iter().map(|line| line["image"].as_str().unwrap()).collect();
    assert_eq!(images.len(), 4, "{images:?}");
    assert!(lines.iter().all(|line| line["files"]["mask"].is_string() && line["error"].is_null()));
    shop.run("predict model.anoseg many -o out --mask --overlay --resume", 0);
    let lines = verdicts(&shop.path("out/verdicts.jsonl"));
    assert_eq!(lines.len(), 4);
    for line in lines {
        for file in ["mask", "overlay"] {
            let path = shop.path("out").join(line["files"][file].as_str().unwrap());
            assert!(is_result(&path), "{}", path.display());
        }
    }
}

/// Two into one folder once lost the verdicts of the first.
/// Verdicts once went on naming a file that was gone, and one that the user had put in its place,
/// which another run could then overwrite.
#[test]
fn results_that_are_gone_or_replaced_are_written_again() {
    let shop = shop_with(3);
    shop.run("predict model.anoseg many -o out --overlay", 0);
    fs::remove_file(shop.path("out/002_overlay.png")).unwrap();
    fs::copy(shop.path("many/000.png"), shop.path("out/001_overlay.png")).unwrap();
    shop.run("predict model.anoseg many -o out --overlay --resume", 0);
    assert!(is_result(&shop.path("out/002_overlay.png")));
    assert_eq!(
        fs::read(shop.path("out/001_overlay.png")).unwrap(),
        fs::read(shop.path("many/000.png")).unwrap(),
        "the user's file was overwritten"
    );
    let last: Vec<Value> = verdicts(&shop.path("out/verdicts.jsonl"));
    let of = |image: &str| last.iter().rfind(|verdict| verdict["image"] == image).unwrap();
    assert_eq!(of("many/001.png")["files"]["overlay"], "001_overlay-2.png");
    assert_eq!(of("many/002.png")["files"]["overlay"], "002_overlay.png");
}

#[test]
fn two_predicts_into_one_folder() {
    let shop = shop_with(2);
    fs::create_dir(shop.path("out")).unwrap();
    let lock = FolderLock::acquire(&shop.path("out"), "predict").unwrap();
    let (_, message) = shop.run("predict model.anoseg many -o out", 2);
    let holder = format!("process {}", std::process::id());
    assert!(message.contains(&holder) && message.contains("--output"), "{message}");
    assert!(!shop.path("out/verdicts.jsonl").exists());
    drop(lock);
    shop.run("predict model.anoseg many -o out", 0);
    assert_eq!(names(&shop.path("out")), ["verdicts.jsonl", "verdicts.jsonl.run.json"]);
}

/// One input that was missing or empty once stopped the batch.
#[test]
fn batch_stops() {
    let shop = shop_with(2);
    fs::create_dir(shop.path("empty")).unwrap();
    let (_, message) = shop.run("predict model.anoseg many/000.png gone.png empty many/001.png -o out", 3);
    assert!(message.contains("gone.png") && message.contains("empty"), "{message}");
    let judged = verdicts(&shop.path("out/verdicts.jsonl"));
    let judged: Vec<_> = judged.iter().filter(|line| line["decision"].is_string()).collect();
    assert_eq!(judged.len(), 2);
}

/// A long name once lost the verdict.
#[test]
fn long_names_are_shortened_and_named_in_the_verdict() {
    let shop = shop_with(0);
    for end in ["1", "2"] {
        let name = format!("many/{}{end}.png", "x".repeat(245));
        fs::copy(shop.path("data/test/chip/000.png"), shop.path(&name)).unwrap();
    }
    shop.run("predict model.anoseg many -o out --overlay", 0);
    let files: Vec<PathBuf> = verdicts(&shop.path("out/verdicts.jsonl"))
        .iter()
        .map(|line| shop.path("out").join(line["files"]["overlay"].as_str().unwrap()))
        .collect();
    assert!(files.iter().all(|file| file.is_file()) && files[0] != files[1]);
}

/// When an overlay could not be written, the verdict was lost and the exit code that of bad data.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_written_does_not_lose_its_verdict() {
    let shop = shop_with(1);
    fs::copy(shop.path("many/000.png"), shop.path(&format!("many/{}.png", "y".repeat(200)))).unwrap();
    // In a folder so deep that a path may be a hundred bytes longer: the verdicts and 000_mask.png
    // fit, the other mask does not.
    let mut deep = shop.path("deep");
    while deep.as_os_str().len() < 4095 - 100 {
        let rest = 4095 - 100 - deep.as_os_str().len();
        deep.push("d".repeat(rest.clamp(2, 250) - 1));
    }
    fs::create_dir_all(&deep).unwrap();
    let mut command = shop.anoseg("predict model.anoseg many --mask -o");
    let output = command.arg(&deep).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("1 file could not be written"), "{message}");
    let lines = verdicts(&deep.join("verdicts.jsonl"));
    assert!(lines.iter().all(|line| line["decision"].is_string()));
    assert!(lines[0]["files"]["mask"].is_string() && lines[0]["errors"].as_array().unwrap().is_empty());
    assert!(
        lines[1]["files"]["mask"].is_null() && lines[1]["errors"][0].as_str().unwrap().contains("shorter")
    );
}

/// A full disk once ended as bad data, after every further image was judged in vain.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_batch_and_keeps_the_verdicts() {
    let shop = shop_with(30);
    let script = r#"
        set -e
        mkdir full && mount -t tmpfs -o size=64k tmpfs full
        set +e
        "$0" predict model.anoseg many -o full/out --overlay >message 2>&1
        echo $? >code
        cp full/out/verdicts.jsonl full.jsonl
        ls -A full/out >list
    "#;
    let program = shop.anoseg("").get_program().to_owned();
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-rm", "sh", "-c", script]).arg(program).current_dir(shop.path(""));
    if !unshare.status().is_ok_and(|status| status.success()) {
        println!("skipped: this machine does not let tests mount a small file system");
        return;
    }
    let read = |name: &str| fs::read_to_string(shop.path(name)).unwrap();
    assert_eq!(read("code").trim(), "2", "{}", read("message"));
    assert!(read("message").contains("disk is full") && read("message").contains("--resume"));
    assert!(!read("list").lines().any(|name| name.starts_with('.')), "{}", read("list"));
    let lines = verdicts(&shop.path("full.jsonl"));
    let overlays: Vec<&str> = lines.iter().filter_map(|line| line["files"]["overlay"].as_str()).collect();
    let list = read("list");
    let written: Vec<&str> = list.lines().filter(|name| name.contains("overlay")).collect();
    assert_eq!(overlays, written, "each overlay has its verdict");
    assert!((1..30).contains(&overlays.len()), "{list}");
    let of = |decision: &str| lines.iter().filter(|line| line["decision"] == decision).count();
    let counts = format!("{} good, {} to review, {} rejected", of("good"), of("review"), of("reject"));
    assert!(read("message").contains(&counts), "{counts} <> {}", read("message"));
}

/// A user's notes were once overwritten under the name of a run's description, or through a link.
#[cfg(unix)]
#[test]
fn foreign_files_of_our_names_are_kept() {
    let shop = shop_with(1);
    fs::create_dir(shop.path("out")).unwrap();
    fs::write(shop.path("out/verdicts.jsonl.run.json"), "notes").unwrap();
    shop.run("predict model.anoseg many -o out", 0);
    let notes = |name: &str| fs::read_to_string(shop.path(name)).unwrap();
    assert_eq!(notes("out/verdicts.previous.jsonl.run.json"), "notes");
    fs::create_dir(shop.path("linked")).unwrap();
    fs::write(shop.path("notes"), "notes").unwrap();
    std::os::unix::fs::symlink("../notes", shop.path("linked/verdicts.jsonl.run.json")).unwrap();
    shop.run("predict model.anoseg many -o linked", 0);
    std::os::unix::fs::symlink("../notes", shop.path("linked/.anoseg.lock")).unwrap();
    let (_, error) = shop.run("predict model.anoseg many -o linked", 2);
    assert!(error.contains(".anoseg.lock") && error.contains("move it away"), "{error}");
    assert_eq!(notes("notes"), "notes");
}

/// A user's own mask was once overwritten without a word, and results were judged as images.
#[test]
fn same_folder_output() {
    let shop = shop_with(2);
    let mask = fs::read(shop.path("data/ground_truth/chip/000_mask.png")).unwrap();
    fs::write(shop.path("many/000_mask.png"), &mask).unwrap();
    for _ in 0..2 {
        let (_, message) = shop.run("predict model.anoseg many -o many --overlay --mask --map", 0);
        assert!(message.contains("000_mask.png is left out"), "{message}");
        assert_eq!(fs::read(shop.path("many/000_mask.png")).unwrap(), mask);
        let lines = verdicts(&shop.path("many/verdicts.jsonl"));
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["files"]["mask"], "000_mask-2.png");
        assert_eq!(lines[1]["files"]["mask"], "001_mask.png");
    }
    fs::remove_dir_all(shop.path("many")).unwrap();
    fs::create_dir(shop.path("many")).unwrap();
    fs::copy(shop.path("data/test/chip/000.png"), shop.path("many/a.png")).unwrap();
    for run in 0..2 {
        let (_, message) = shop.run("predict model.anoseg many -o many/results --overlay --mask --map", 0);
        assert_eq!(verdicts(&shop.path("many/results/verdicts.jsonl")).len(), 1);
        assert_eq!(message.contains("3 files are left out: results"), run > 0, "{message}");
    }
}

/// `--map-format png` gives the values of the TIFF to half a level, under the same mark.
#[test]
fn maps_as_png_hold_the_values_of_the_tiff() {
    let shop = shop_with(3);
    shop.run("predict model.anoseg many -o tiff --map", 0);
    shop.run("predict model.anoseg many -o png --map --map-format png", 0);
    shop.run("predict model.anoseg many -o png --map-format png", 2);
    for verdict in verdicts(&shop.path("png/verdicts.jsonl")) {
        let name = verdict["files"]["map"].as_str().unwrap();
        let path = shop.path("png").join(name);
        assert!(name.ends_with("_map.png") && is_result(&path), "{name}");
        let png = Decoded::load(&path, &Limits::default()).unwrap().image;
        let tiff = read_tiff_f32(&shop.path("tiff").join(name.replace(".png", ".tiff"))).unwrap();
        assert_eq!((png.width(), png.height()), (tiff.width(), tiff.height()));
        for (png, tiff) in png.plane(0).iter().zip(tiff.as_slice()) {
            assert!((png - tiff).abs() <= 0.5 / 65535.0 + f32::EPSILON, "{png} {tiff}");
        }
    }
    // Maps of the other format are made, and those of the same stay.
    let (_, message) = shop.run("predict model.anoseg many -o png --map --resume", 0);
    let maps: Vec<_> = names(&shop.path("png")).into_iter().filter(|name| name.ends_with(".tiff")).collect();
    assert_eq!(maps.len(), 3, "{message}");
}
