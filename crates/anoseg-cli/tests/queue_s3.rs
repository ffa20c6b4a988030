//! Images and parts in a store with the interface of S3: `moto_server`, with a real `nats-server`. Without them
//! nothing is tested.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::Workshop;
use common::queue::{NatsServer, S3, job, worker};

#[test]
fn images_of_a_store_are_judged_as_those_of_a_folder() {
    let shop = Workshop::new();
    shop.train(2);
    let (Some(nats), Some(s3)) = (NatsServer::start(&shop, &[]), S3::start()) else { return };
    let url = nats.url();
    s3.put("lots", b"");
    let mut images = Vec::new();
    for number in 0..24 {
        let name = format!("b/{number}.png");
        let from = if number % 4 == 0 { "data/test/chip/000.png" } else { "data/train/good/003.png" };
        images.push((name, fs::read(shop.path(from)).unwrap()));
    }
    images.push(("a broken.png".into(), b"\x89PNG\r\n\x1a\ncut".to_vec()));
    for (name, content) in &images {
        let path = shop.path("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        s3.put(&format!("lots/in/{}", name.replace(' ', "%20")), content);
    }
    s3.put("lots/in/notes.txt", b"no image");
    s3.put("lots/in/.hidden/1.png", b"hidden");
    s3.put("lots/inner/1.png", b"of another prefix");
    let run = |arguments: &str, code: i32| {
        let mut command = shop.anoseg(arguments);
        command.env("ANOSEG_NATS", &url).envs(s3.environment());
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "anoseg {arguments}\n{out}{err}");
        (out.into_owned(), err.into_owned())
    };
    let _worker = worker(&shop, &url, "worker", "--allow s3://lots", &s3.environment());
    let submit = "submit model.anoseg s3://lots/in --results s3://lots/parts/ --chunk 10 --wait";
    let (out, _) = run(&format!("{submit} -o all"), 3);
    assert!(out.contains("25 images in 3 tasks"), "{out}");
    shop.run("predict model.anoseg in -o one", 3);
    let one = fs::read_to_string(shop.path("one/verdicts.jsonl")).unwrap();
    let all = fs::read_to_string(shop.path("all/verdicts.jsonl")).unwrap();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.replace("s3://lots/in/", "in/")).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&one), sorted(&all));

    // An object that was replaced is told by its tag, though it has the same size.
    let job = job(&out);
    let (_, told) = run(&format!("queue {job}"), 0);
    assert!(!told.contains("error"), "{told}");
    let other = fs::read(shop.path("data/train/good/004.png")).unwrap();
    s3.put("lots/in/b/7.png", &other);
    let (out, _) = run(submit, 0);
    assert!(!out.contains(&job), "{out}");

    // A bucket that is not there is told, and not waited for.
    let mut command = shop.anoseg("submit model.anoseg s3://none/in --results p");
    let output = command.env("ANOSEG_NATS", &url).envs(s3.environment()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && told.contains("s3://none/in"), "{told}");
}
