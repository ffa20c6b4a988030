//! Workers on a queue: what they write together is what one process writes. With a real `nats-server`, beside the
//! interpreter that `ANOSEG_PYTHON` names or on the search path; without it nothing is tested.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anoseg_image::write::write_png;
use anoseg_synth::demo::{Part, good};
use common::Workshop;
use common::queue::{NatsServer, Process, job, until, worker};
use serde_json::Value;

/// A model, and `in/` with so many images; one cannot be read, one is of another format, and one is no image.
fn shop(images: usize) -> Workshop {
    let shop = Workshop::new();
    shop.train(2);
    for number in 0..images {
        let path = shop.path(&format!("in/{}/Prüfling {number}.png", number % 7));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let from = match number % 5 {
            0 => format!("data/test/chip/{:03}.png", number % 2),
            _ => format!("data/train/good/{:03}.png", number % 20),
        };
        fs::copy(shop.path(&from), path).unwrap();
    }
    fs::create_dir_all(shop.path("in/3")).unwrap();
    fs::create_dir_all(shop.path("in/4")).unwrap();
    fs::write(shop.path("in/3/broken.png"), b"\x89PNG\r\n\x1a\ncut").unwrap();
    fs::write(shop.path("in/4/scan.dcm"), [[0u8; 128].as_slice(), b"DICM"].concat()).unwrap();
    fs::write(shop.path("in/4/empty.png"), b"").unwrap();
    shop
}

/// Runs the program on the queue; it must end with `code`. Gives both outputs.
fn run(shop: &Workshop, nats: &str, arguments: &str, code: i32) -> (String, String) {
    let output = shop.anoseg(arguments).env("ANOSEG_NATS", nats).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "anoseg {arguments}\n{out}{err}");
    (out.into_owned(), err.into_owned())
}

/// What `queue JOB` tells.
fn status(shop: &Workshop, nats: &str, job: &str) -> Value {
    let (out, _) = run(shop, nats, &format!("queue {job} --json"), 0);
    serde_json::from_str::<Value>(&out).unwrap()[0].clone()
}

fn same(shop: &Workshop, one: &str, other: &str) {
    let (one, other) = (fs::read(shop.path(one)).unwrap(), fs::read(shop.path(other)).unwrap());
    assert!(one == other, "{}\n{}", String::from_utf8_lossy(&one), String::from_utf8_lossy(&other));
}

/// The parts in a folder of results.
fn parts(folder: &Path) -> BTreeSet<String> {
    let models = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = models.flat_map(|model| fs::read_dir(model.path()).unwrap().flatten());
    let names = files.map(|file| file.file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".parquet")).collect()
}

#[test]
fn three_workers_of_which_one_is_killed_write_what_one_process_writes_though_the_server_restarts() {
    let shop = shop(400);
    let Some(mut nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    for format in ["jsonl", "csv", "coco"] {
        shop.run(&format!("predict model.anoseg in missing.png -o one --format {format}"), 3);
    }
    let (out, told) = run(&shop, &url, "submit model.anoseg in missing.png --results parts --chunk 8", 3);
    assert!(told.contains("missing.png") && told.contains("scan.dcm"), "{told}");
    let job = job(&out);
    // 400, and two that cannot be read.
    assert!(out.contains("402 images in 51 tasks"), "{out}");
    let start =
        |number: usize| worker(&shop, &url, &format!("worker{number}"), "--lost-after 3s --threads 1", &[]);
    let mut workers: Vec<Process> = (0..3).map(start).collect();
    until("some parts are written", || parts(&shop.path("parts")).len() >= 3);
    workers[0].kill();
    until("a worker has taken a chunk", || parts(&shop.path("parts")).len() >= 6);
    nats.restart(Duration::from_millis(300));
    let (out, _) =
        run(&shop, &url, "submit model.anoseg in missing.png --results parts --chunk 8 --wait -o all", 3);
    assert!(out.contains(&job), "submitted twice: {out}");
    let state = status(&shop, &url, &job);
    assert_eq!((&state["done"], &state["waiting"]), (&51.into(), &0.into()), "{state}");
    assert_eq!(state["dead"], Value::Array(Vec::new()));
    for format in ["csv", "coco"] {
        run(&shop, &url, &format!("queue collect {} -o all --format {format}", &job[..8]), 3);
    }
    for name in ["verdicts.jsonl", "verdicts.jsonl.run.json", "verdicts.csv", "verdicts.coco.json"] {
        same(&shop, &format!("one/{name}"), &format!("all/{name}"));
    }
    assert_eq!(parts(&shop.path("parts")).len(), 51, "nothing is there twice");
    for worker in &mut workers[1..] {
        assert_eq!(worker.stop(), Some(0));
    }

    // Another worker writes the same bytes, and only what is missing.
    let folder = fs::read_dir(shop.path("parts")).unwrap().next().unwrap().unwrap().path();
    let part = folder.join(parts(&shop.path("parts")).first().unwrap());
    let before = fs::read(&part).unwrap();
    fs::remove_file(&part).unwrap();
    let (_, told) = run(&shop, &url, &format!("queue collect {job} -o again"), 3);
    let name = part.file_name().unwrap().to_str().unwrap();
    assert!(told.contains("missing in") && told.contains(name), "{told}");
    let _worker = start(3);
    let (out, _) =
        run(&shop, &url, "submit model.anoseg in missing.png --results parts --chunk 8 --wait -o again", 3);
    assert!(out.contains("50 of them known already"), "{out}");
    assert!(fs::read(&part).unwrap() == before);
    same(&shop, "one/verdicts.jsonl", "again/verdicts.jsonl");
}

#[test]
fn what_nobody_can_do_is_given_up_with_its_reason_and_can_be_put_back() {
    let shop = shop(40);
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    let (out, _) = run(&shop, &url, "submit model.anoseg in --results parts --chunk 8", 3);
    let job = job(&out);
    let (image, away) = (shop.path("in/0/Prüfling 0.png"), shop.path("away.png"));
    fs::rename(&image, &away).unwrap();
    let changed = shop.path("in/6/Prüfling 6.png");
    let content = fs::read(&changed).unwrap();
    fs::write(&changed, fs::read(shop.path("data/test/good/000.png")).unwrap()).unwrap();
    let mut first = worker(&shop, &url, "worker", "--deliveries 2", &[]);
    until("two chunks are given up", || status(&shop, &url, &job)["dead"].as_array().unwrap().len() == 2);
    until("the others are done", || status(&shop, &url, &job)["done"] == 4);
    let (_, told) = run(&shop, &url, &format!("queue collect {job} -o all"), 3);
    assert!(told.contains("queue retry") && told.contains("2 tasks were given up"), "{told}");
    let (out, _) = run(&shop, &url, &format!("queue {job}"), 0);
    assert!(out.contains("Prüfling 0.png cannot be read here") && out.contains("2 deliveries"), "{out}");
    assert!(out.contains("Prüfling 6.png has changed since it was submitted"), "{out}");
    let (_, told) = run(&shop, &url, "submit model.anoseg in --results parts --chunk 8 --wait", 3);
    assert!(!told.contains("internal"), "another content is another job: {told}");
    fs::rename(&away, &image).unwrap();
    fs::write(&changed, content).unwrap();
    let (out, _) = run(&shop, &url, &format!("queue retry {job}"), 0);
    assert!(out.contains("2 tasks"), "{out}");
    run(&shop, &url, "submit model.anoseg in --results parts --chunk 8 --wait -o all", 3);
    shop.run("predict model.anoseg in -o one", 3);
    same(&shop, "one/verdicts.jsonl", "all/verdicts.jsonl");
    assert_eq!(first.stop(), Some(0));
    let (out, _) = run(&shop, &url, &format!("queue remove {job}"), 0);
    assert!(out.contains("removed"), "{out}");
    let (out, _) = run(&shop, &url, "queue", 0);
    assert!(!out.contains(&job) && out.lines().count() >= 2, "{out}");
    run(&shop, &url, &format!("queue {job}"), 2);
}

/// The server knows the ids of messages for ten minutes: what was submitted again was once dropped.
#[test]
fn a_job_that_was_removed_is_done_when_it_is_submitted_again() {
    let shop = shop(10);
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    shop.run("predict model.anoseg in -o one", 3);
    let submit = "submit model.anoseg in --results parts --chunk 8";
    let (out, _) = run(&shop, &url, submit, 3);
    for _ in 0..2 {
        run(&shop, &url, &format!("queue remove {}", job(&out)), 0);
        let (again, _) = run(&shop, &url, submit, 3);
        assert_eq!(job(&again), job(&out));
    }
    let _worker = worker(&shop, &url, "worker", "", &[]);
    run(&shop, &url, &format!("{submit} --wait -o all"), 3);
    same(&shop, "one/verdicts.jsonl", "all/verdicts.jsonl");
    // Removed when it is done, with its parts.
    run(&shop, &url, &format!("queue remove {}", job(&out)), 0);
    fs::remove_dir_all(shop.path("parts")).unwrap();
    run(&shop, &url, &format!("{submit} --wait -o again"), 3);
    same(&shop, "one/verdicts.jsonl", "again/verdicts.jsonl");
}

/// Workers once had to be started anew.
#[test]
fn workers_go_on_with_a_server_that_has_lost_its_files() {
    let shop = shop(10);
    let Some(mut nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    let _worker = worker(&shop, &url, "worker", "--only images", &[]);
    let submit = "submit model.anoseg in --results parts --chunk 8 --wait -o";
    run(&shop, &url, &format!("{submit} before"), 3);
    nats.restart_empty();
    fs::remove_dir_all(shop.path("parts")).unwrap();
    run(&shop, &url, &format!("{submit} after"), 3);
    same(&shop, "before/verdicts.jsonl", "after/verdicts.jsonl");
}

/// It was once moved aside, and an empty file was left in its place.
#[test]
fn what_was_collected_stays_where_a_part_is_damaged_afterwards() {
    let shop = shop(20);
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    let _worker = worker(&shop, &url, "worker", "", &[]);
    let (out, _) = run(&shop, &url, "submit model.anoseg in --results parts --chunk 8 --wait -o all", 3);
    let verdicts = fs::read(shop.path("all/verdicts.jsonl")).unwrap();
    let folder = fs::read_dir(shop.path("parts")).unwrap().next().unwrap().unwrap().path();
    let part = folder.join(parts(&shop.path("parts")).last().unwrap());
    let whole = fs::read(&part).unwrap();
    fs::write(&part, &whole[..whole.len() / 2]).unwrap();
    let (_, told) = run(&shop, &url, &format!("queue collect {} -o all", job(&out)), 3);
    assert!(told.contains(part.file_name().unwrap().to_str().unwrap()), "{told}");
    assert!(fs::read(shop.path("all/verdicts.jsonl")).unwrap() == verdicts);
    assert!(!shop.path("all/verdicts.previous.jsonl").exists());
}

/// A model, and `large/` with so many images that take a while each.
fn shop_of_large(images: usize) -> Workshop {
    let shop = Workshop::new();
    shop.train(2);
    fs::create_dir(shop.path("large")).unwrap();
    write_png(&shop.path("large/0.png"), &good(Part::Token, 1, 0, 1600, 1600)).unwrap();
    for number in 1..images {
        fs::hard_link(shop.path("large/0.png"), shop.path(&format!("large/{number}.png"))).unwrap();
    }
    shop
}

/// A worker that dies with each delivery leaves no reason of its own.
#[test]
fn a_chunk_that_ends_its_workers_is_given_up() {
    let shop = shop_of_large(200);
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    let (out, _) = run(&shop, &url, "submit model.anoseg large --results parts --chunk 200", 0);
    let job = job(&out);
    let options = "--lost-after 1s --deliveries 2 --threads 1";
    for delivery in 1..=2 {
        let mut worker = worker(&shop, &url, &format!("worker{delivery}"), options, &[]);
        until("it has the chunk", || status(&shop, &url, &job)["in_work"][0]["delivery"] == delivery);
        worker.kill();
    }
    let _last = worker(&shop, &url, "last", options, &[]);
    until("the chunk is given up", || status(&shop, &url, &job)["dead"].as_array().unwrap().len() == 1);
    let dead = &status(&shop, &url, &job)["dead"][0];
    assert!(dead["reason"].as_str().unwrap().starts_with("2 deliveries ended without a result"), "{dead}");
    assert!(parts(&shop.path("parts")).is_empty());
}

#[test]
fn a_worker_that_is_stopped_gives_its_chunk_back() {
    let shop = shop_of_large(40);
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    let (out, _) = run(&shop, &url, "submit model.anoseg large --results parts --chunk 40", 0);
    let job = job(&out);
    // A delivery to a worker that is stopped does not count, so that updates of workers do not use them up.
    for stopped in ["first", "second"] {
        let mut worker = worker(&shop, &url, stopped, "--grace 0s --threads 1 --deliveries 1", &[]);
        until("it has the chunk", || status(&shop, &url, &job)["in_work"].as_array().unwrap().len() == 1);
        assert_eq!(worker.stop(), Some(0));
        let state = status(&shop, &url, &job);
        let failing = &state["failing"][0];
        assert_eq!(
            (&state["done"], &failing["delivery"], &failing["failure"]),
            (&0.into(), &1.into(), &"the worker was stopped".into())
        );
    }
    // The last one is asked to stop as well, and has the time to end its chunk.
    let mut third = worker(&shop, &url, "third", "--grace 10m --deliveries 1", &[]);
    until("it has the chunk", || status(&shop, &url, &job)["in_work"].as_array().unwrap().len() == 1);
    assert_eq!(third.stop(), Some(0));
    assert_eq!(status(&shop, &url, &job)["done"], 1);
    run(&shop, &url, &format!("queue collect {job} -o all"), 0);
    shop.run("predict model.anoseg large -o one", 0);
    same(&shop, "one/verdicts.jsonl", "all/verdicts.jsonl");
}

#[test]
fn a_training_in_the_queue_gives_the_model_that_train_gives() {
    let shop = Workshop::new();
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    shop.train(3);
    let submit = "submit train --wait -o queued.anoseg -- data --config tiny.toml --steps 3";
    let _worker = worker(&shop, &url, "worker", "--only training", &[]);
    let (out, _) = run(&shop, &url, submit, 0);
    assert!(
        common::tensor_bytes(&shop.path("queued.anoseg")) == common::tensor_bytes(&shop.path("model.anoseg"))
    );
    let (again, _) = run(&shop, &url, submit, 0);
    assert!(again.contains(&job(&out)) && again.contains("1 of them known already"), "{again}");
    let (_, told) = run(&shop, &url, "submit train --wait -- none --steps 3", 3);
    assert!(told.contains("1 task was given up") && told.contains("none"), "{told}");
    let (_, told) = run(&shop, &url, "submit train -- data --step 3", 2);
    assert!(told.contains("--step"), "{told}");
}

/// The folders in /proc of the processes that this one has started.
#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<std::path::PathBuf> {
    let line = format!("PPid:\t{parent}\n");
    let folders = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let status = |folder: &Path| fs::read_to_string(folder.join("status")).unwrap_or_default();
    folders.filter(|folder| status(folder).contains(&line)).collect()
}

/// It once went on for hours beside the training that another worker began.
#[cfg(target_os = "linux")]
#[test]
fn a_training_ends_with_its_worker_that_is_killed() {
    let shop = Workshop::new();
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    run(&shop, &url, "submit train -- data --config tiny.toml --steps 1000000", 0);
    let mut worker = worker(&shop, &url, "worker", "--only training", &[]);
    let mut children = Vec::new();
    until("it trains", || {
        children = children_of(worker.id());
        !children.is_empty()
    });
    worker.kill();
    until("the training has ended", || !children.iter().any(|child| child.join("exe").exists()));
}

#[test]
fn a_server_that_refuses_or_is_not_there_is_told_without_the_password() {
    let shop = shop(1);
    let Some(nats) = NatsServer::start(&shop, &["--user", "me", "--pass", "se:cret"]) else { return };
    let with = |user: &str| format!("nats://{user}@{}", nats.host());
    run(&shop, &with("me:se%3Acret"), "queue", 0);
    let (_, told) = run(&shop, &with("me:wrongsecret"), "queue", 2);
    assert!(told.contains("authorization violation") && !told.contains("wrongsecret"), "{told}");
    let (_, told) = run(&shop, "nats://me:wrongsecret@127.0.0.1:1", "submit model.anoseg in --results p", 2);
    assert!(
        told.contains("nats://127.0.0.1:1") && told.contains("--nats") && !told.contains("wrongsecret"),
        "{told}"
    );
    let (_, told) = run(&shop, "", "queue", 2);
    assert!(told.contains("--nats") && told.contains("nats://127.0.0.1:4222"), "{told}");
    let mut refused = worker(&shop, &with("me:wrongsecret"), "worker", "", &[]);
    assert_eq!(refused.0.wait().unwrap().code(), Some(2));
    assert!(!fs::read_to_string(shop.path("worker.log")).unwrap().contains("wrongsecret"));
}

#[test]
fn a_server_with_tls_is_believed_by_its_authority_alone() {
    let shop = shop(5);
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    fs::write(shop.path("ca.pem"), cert.pem()).unwrap();
    fs::write(shop.path("key.pem"), signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (shop.path("ca.pem"), shop.path("key.pem"));
    let files = ["--tlscert", certificate.to_str().unwrap(), "--tlskey", key.to_str().unwrap()];
    let options = [&["--tls", "--user", "me", "--pass", "secret"], &files[..]].concat();
    let Some(nats) = NatsServer::start(&shop, &options) else { return };
    let url = format!("tls://me:secret@{}", nats.host());
    let (_, told) = run(&shop, &url, "queue", 2);
    assert!(told.contains("certificate") && !told.contains("secret"), "{told}");
    let _worker = worker(&shop, &url, "worker", "--nats-ca ca.pem", &[]);
    run(&shop, &url, "submit model.anoseg in/0 --results parts --wait -o all --nats-ca ca.pem", 0);
    shop.run("predict model.anoseg in/0 -o one", 0);
    same(&shop, "one/verdicts.jsonl", "all/verdicts.jsonl");
    let (_, told) = run(&shop, &url, "queue --nats-ca key.pem", 2);
    assert!(told.contains("key.pem"), "{told}");
}

#[test]
fn a_worker_keeps_to_the_places_that_it_is_allowed() {
    let shop = shop(4);
    let Some(nats) = NatsServer::start(&shop, &[]) else { return };
    let url = nats.url();
    fs::create_dir(shop.path("parts")).unwrap();
    let _worker = worker(&shop, &url, "worker", "--allow in/0 --allow parts", &[]);
    run(&shop, &url, "submit model.anoseg in/0 --results parts --wait", 0);
    let (_, told) = run(&shop, &url, "submit model.anoseg in/1 --results parts --wait", 3);
    assert!(told.contains("allowed to use"), "{told}");
    let (_, told) = run(&shop, &url, "submit model.anoseg in/0 --results other --wait", 3);
    assert!(told.contains("allowed to use") && !shop.path("other").exists(), "{told}");
    let (_, told) = run(&shop, &url, "submit train --wait -- data --config tiny.toml --steps 2", 3);
    assert!(told.contains("allowed to use"), "{told}");
}
