//! `predict --shard` and `merge`: what several machines write is what one writes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::Workshop;
use serde_json::Value;

/// A model and `in/`: a tree with equal stems, names with spaces and other letters, and files that cannot be read.
fn shop() -> Workshop {
    let shop = Workshop::new();
    shop.train(2);
    let names = [
        "x.png",
        "x.bmp.png",
        "a/x.png",
        "a/X.png",
        "a/b c/Prüfling 1.png",
        "a/b c/検査.png",
        "p;q.png",
        "p_q.png",
    ];
    for (number, name) in names.iter().enumerate() {
        let path = shop.path("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(shop.path(&format!("data/train/good/{number:03}.png")), path).unwrap();
    }
    for number in 0..2 {
        let from = shop.path(&format!("data/test/chip/{number:03}.png"));
        fs::copy(from, shop.path(&format!("in/a/chip {number}.png"))).unwrap();
    }
    fs::write(shop.path("in/broken.png"), b"\x89PNG\r\n\x1a\ncut").unwrap();
    fs::write(shop.path("in/a/scan.dcm"), [[0u8; 128].as_slice(), b"DICM"].concat()).unwrap();
    fs::write(shop.path("in/notes.txt"), "no image").unwrap();
    shop
}

/// Folders that nobody can look into once made every merge of their batch impossible.
#[test]
fn what_cannot_be_looked_at_does_not_keep_shards_from_merging() {
    use std::os::unix::fs::symlink;

    let shop = shop();
    symlink("/nowhere/lot 7", shop.path("in/lot 7")).unwrap();
    symlink("..", shop.path("in/a/loop")).unwrap();
    fs::create_dir(shop.path("empty")).unwrap();
    let inputs = "in empty missing.png";
    let (_, told) = shop.run(&format!("predict model.anoseg {inputs} -o one"), 3);
    assert!(told.contains("lot 7") && told.contains("empty"), "{told}");
    for index in 0..3 {
        shop.run(&format!("predict model.anoseg {inputs} -o s{index} --shard {index}/3"), 3);
    }
    shop.run("merge merged s0 s1 s2", 0);
    assert_same(&shop, "one", "merged");
}

/// An editor adds a byte order mark, or other ends of lines: rows were once cut at the wrong places.
#[test]
fn shards_that_were_changed_are_refused() {
    let shop = shop();
    for (index, (code, told)) in in_shards(&shop, "s", "--format csv --mask").into_iter().enumerate() {
        assert!([0, 3].contains(&code), "{index}: {told}");
    }
    let refused = |name: &str, what: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = shop.path("s0").join(name);
        let before = fs::read(&path).unwrap();
        let mut changed = before.clone();
        change(&mut changed);
        fs::write(&path, changed).unwrap();
        let (_, told) = shop.run("merge merged s0 s1 s2", 3);
        assert!(told.contains(what) && told.contains(name) && !shop.path("merged").exists(), "{told}");
        fs::write(&path, before).unwrap();
    };
    refused("verdicts.csv", "first line", &|bytes| drop(bytes.splice(0..0, *b"\xef\xbb\xbf")));
    refused("verdicts.csv", "first line", &|bytes| {
        let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
        bytes.insert(end, b'\r');
    });
    let name = "verdicts.csv.shard.json";
    let refused_record = |what: &str, change: &dyn Fn(&mut Value)| {
        refused(name, what, &|bytes| {
            let mut record: Value = serde_json::from_slice(bytes).unwrap();
            change(&mut record);
            *bytes = record.to_string().into_bytes();
        });
    };
    refused_record("schema", &|record| record["schema"] = 2.into());
    refused_record("places", &|record| record["images"][0][0] = record["images"][1][0].clone());
    refused_record("places", &|record| record["images"][0][0] = u64::from(u32::MAX).into());
    refused_record("numbers of verdicts", &|record| record["counts"]["failed"] = 77.into());
    // Without the last image, and without its line.
    let (verdicts, described) = (shop.path("s0/verdicts.csv"), shop.path("s0").join(name));
    let mut lines: Vec<String> = fs::read_to_string(&verdicts).unwrap().lines().map(str::to_owned).collect();
    lines.pop();
    fs::write(&verdicts, lines.join("\n") + "\n").unwrap();
    let mut record: Value = serde_json::from_slice(&fs::read(&described).unwrap()).unwrap();
    record["images"].as_array_mut().unwrap().pop();
    fs::write(&described, record.to_string()).unwrap();
    let (_, told) = shop.run("merge merged s0 s1 s2", 3);
    assert!(told.contains("numbers of verdicts"), "{told}");
}

#[test]
fn shards_that_may_not_be_written_are_merged() {
    use std::os::unix::fs::PermissionsExt as _;

    let shop = shop();
    in_shards(&shop, "s", "--mask");
    shop.run("predict model.anoseg in missing.png -o one --mask", 3);
    for index in 0..3 {
        for entry in fs::read_dir(shop.path(&format!("s{index}"))).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
        }
    }
    shop.run("merge merged s0 s1 s2", 0);
    assert_same(&shop, "one", "merged");
    let mode = fs::metadata(shop.path("merged/verdicts.jsonl")).unwrap().permissions().mode();
    assert_ne!(mode & 0o200, 0);
}

/// The advice was to run one shard again, which could not help.
#[test]
fn images_that_came_between_the_runs_and_have_names_of_others_are_told() {
    let shop = shop();
    in_shards(&shop, "s", "--mask");
    for entry in fs::read_dir(shop.path("in/a")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "png") {
            fs::create_dir_all(shop.path("in/0")).unwrap();
            fs::copy(&path, shop.path("in/0").join(path.file_name().unwrap())).unwrap();
        }
    }
    let told = |name: &str, options: &str| {
        in_shards(&shop, name, options);
        let output = shop.anoseg(&format!("merge {name} {name}0 {name}1 {name}2")).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = told("s", "--mask --resume");
    assert!(code == 0 || (code == 3 && text.contains("all shards again, without --resume")), "{text}");
    let (code, text) = told("t", "--mask");
    assert_eq!(code, 0, "{text}");
    let (code, text) = told("u", "--mask --max-pixels 900000");
    assert_eq!(code, 0, "{text}");
    fs::remove_dir_all(shop.path("u")).unwrap();
    let (_, text) = shop.run("merge u u0 u1 t2", 2);
    assert!(text.contains("--max-pixels"), "{text}");
}

/// Every file of a folder and below it, by its name.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn assert_same(shop: &Workshop, one: &str, other: &str) {
    let (one, other) = (contents(&shop.path(one)), contents(&shop.path(other)));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, content) in &one {
        assert!(*content == other[name], "{}", name.display());
    }
}

/// Runs `predict` on `in` in three shards, `NAME0` to `NAME2`; gives exit codes and messages.
fn in_shards(shop: &Workshop, name: &str, options: &str) -> Vec<(i32, String)> {
    let run = |index: u32| {
        let command =
            format!("predict model.anoseg in missing.png -o {name}{index} --shard {index}/3 {options}");
        let output = shop.anoseg(&command).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    (0..3).map(run).collect()
}

#[test]
fn shards_merge_into_the_bytes_of_one_run() {
    let shop = shop();
    for (number, options) in [
        "--overlay --mask --map",
        "--format csv --mask --tree",
        "--format coco --overlay",
        "--format coco --coco-segmentation polygons",
    ]
    .iter()
    .enumerate()
    {
        let (one, part) = (format!("one{number}"), format!("part{number}-"));
        let (_, told) = shop.run(&format!("predict model.anoseg in missing.png -o {one} {options}"), 3);
        let shards = in_shards(&shop, &part, options);
        assert!(shards.iter().all(|(code, _)| [0, 3].contains(code)), "{shards:?}");
        for what in ["missing.png", "broken.png", "scan.dcm"] {
            let tellers = shards.iter().filter(|(code, told)| *code == 3 && told.contains(what)).count();
            assert!(tellers == 1 && told.contains(what), "{what}: {shards:?}");
        }
        let link = if number == 0 { "--link" } else { "" };
        shop.run(&format!("merge merged{number} {part}2 {part}0 {part}1 {link}"), 0);
        assert_same(&shop, &one, &format!("merged{number}"));
    }
    shop.run("predict model.anoseg in missing.png -o merged1 --format csv --mask --tree --resume", 3);
    assert_same(&shop, "one1", "merged1");
}

#[test]
fn the_place_of_the_images_does_not_matter_and_a_shard_may_be_empty() {
    let shop = shop();
    let images = |folder: &str| -> Vec<String> {
        let text = fs::read_to_string(shop.path(folder).join("verdicts.jsonl")).unwrap();
        let name = |line| serde_json::from_str::<Value>(line).unwrap()["image"].as_str().unwrap().to_owned();
        text.lines().map(name).collect()
    };
    fs::remove_file(shop.path("in/a/scan.dcm")).unwrap();
    shop.run("predict model.anoseg in/a -o here --shard 0/2", 0);
    let here: Vec<String> = images("here").iter().map(|name| name.replace("in/a", "moved")).collect();
    fs::rename(shop.path("in/a"), shop.path("moved")).unwrap();
    shop.run("predict model.anoseg moved -o there --shard 0/2", 0);
    assert_eq!(here, images("there"));
    let mut counts = Vec::new();
    for shard in 0..4 {
        shop.run(
            &format!("predict model.anoseg in/x.png -o empty{shard} --shard {shard}/4 --format coco"),
            0,
        );
        let text = fs::read_to_string(shop.path(&format!("empty{shard}/verdicts.coco.json"))).unwrap();
        counts.push(serde_json::from_str::<Value>(&text).unwrap()["images"].as_array().unwrap().len());
    }
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, 1]);
    shop.run("predict model.anoseg in/x.png -o one --format coco", 0);
    shop.run("merge merged empty0 empty1 empty2 empty3", 0);
    assert_same(&shop, "one", "merged");
}

/// A shard that was killed: its last line is torn, and its description says that it did not end.
fn interrupt(shop: &Workshop, folder: &str) {
    let (lines, record) =
        (shop.path(folder).join("verdicts.jsonl"), shop.path(folder).join("verdicts.jsonl.shard.json"));
    let text = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, &text[..text.len() - 5]).unwrap();
    let text = fs::read_to_string(&record).unwrap().replace("\"complete\":true", "\"complete\":false");
    fs::write(&record, text).unwrap();
}

#[test]
fn an_unfinished_shard_is_named_and_gone_on_with() {
    let shop = shop();
    shop.run("predict model.anoseg in missing.png -o one --mask", 3);
    in_shards(&shop, "s", "--mask");
    interrupt(&shop, "s1");
    let (_, told) = shop.run("merge out s0 s1 s2", 2);
    assert!(
        told.contains("s1: shard 1/3") && told.contains("--resume") && told.contains("--partial"),
        "{told}"
    );
    let (_, told) = shop.run("merge partly s0 s1 --partial", 0);
    assert!(told.contains("shard 1/3") && told.contains("shard 2/3"), "{told}");
    let run = fs::read_to_string(shop.path("partly/verdicts.jsonl.run.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&run).unwrap()["complete"], false);
    in_shards(&shop, "s", "--mask --resume");
    shop.run("merge out s0 s1 s2", 0);
    assert_same(&shop, "one", "out");
    let (_, told) = shop.run("predict model.anoseg in -o s1 --mask --resume --shard 2/3", 2);
    assert!(told.contains("shard 1/3") && told.contains("not of shard 2/3"), "{told}");
    shop.run("predict model.anoseg in -o s1 --resume", 2);
    shop.run("predict model.anoseg in -o one --resume --shard 2/3", 2);
}

#[test]
fn what_does_not_belong_together_is_refused_and_nothing_is_left() {
    let shop = shop();
    in_shards(&shop, "s", "");
    let refused = |arguments: &str, code: i32, what: &str| {
        let (_, told) = shop.run(&format!("merge {arguments}"), code);
        assert!(told.contains(what), "{arguments}: {told}");
        assert!(!shop.path("out").exists(), "{arguments}");
    };
    refused("s0 s1 s2", 2, "s0 exists already");
    refused("out s0 s2", 2, "missing: shard 1/3");
    refused("out s0 s1 data", 2, "data holds no results of a shard");
    in_shards(&shop, "csv", "--format csv");
    refused("out s0 s1 csv2", 2, "the format differs");
    in_shards(&shop, "mask", "--mask");
    refused("out s0 s1 mask2", 2, "what is written beside verdicts (overlays, masks, maps) differs");
    shop.run("calibrate model.anoseg data/test/good -o other.anoseg", 0);
    let predict = |model: &str, to: &str, shard: &str| {
        shop.anoseg(&format!("predict {model} in missing.png -o {to} --shard {shard}")).output().unwrap();
    };
    predict("other.anoseg", "other2", "2/3");
    refused("out s0 s1 other2", 2, "the model");
    predict("model.anoseg", "of4", "2/4");
    refused("out s0 s1 of4", 2, "the number of shards differs");
    fs::copy(shop.path("in/x.png"), shop.path("in/new.png")).unwrap();
    predict("model.anoseg", "more2", "2/3");
    refused("out s0 s1 more2", 2, "the list of images");

    // The same shard twice is no fault, unless it says different things.
    let lines = shop.path("s0/verdicts.jsonl");
    fs::create_dir(shop.path("again")).unwrap();
    for entry in fs::read_dir(shop.path("s0")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), shop.path("again").join(entry.file_name())).unwrap();
    }
    shop.run("merge twice s0 s1 s2 again", 0);
    let text = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, text.replacen("\"score\":0.", "\"score\":0.1", 1)).unwrap();
    refused("out s0 s1 s2 again", 3, "different verdicts on ");
    // A verdict that names a file elsewhere.
    let elsewhere = text.replacen("\"mask\":null", "\"mask\":\"../in/x.png\"", 1);
    fs::write(&lines, elsewhere).unwrap();
    refused("out s0 s1 s2", 3, "outside of the folder");
    fs::write(&lines, text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    refused("out s0 s1 s2", 3, "has no verdict on");
    let left: Vec<_> = fs::read_dir(shop.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
}

#[test]
fn shards_that_cannot_be_are_refused() {
    let shop = Workshop::new();
    let told = |options: &str| shop.run(&format!("predict model.anoseg in -o out {options}"), 2).1;
    assert!(told("--shard 3/3").contains("from 0 to 2"));
    assert!(told("--shard /3").contains("such as 0/3"));
    let watch = told("--shard 0/3 --watch");
    assert!(watch.contains("--watch") && watch.contains("cannot be used with"), "{watch}");
}
