//! The simple route: an image file, and its verdict or an image of it. Health and figures.

use std::path::Path;

use anoseg::batch::{Verdict, inspect_bytes};
use anoseg::{Limits, decode, write};
use anoseg_image::draw;

use crate::common::{FORM, Shop, form, image, large_png, model, png};

const PREDICT: &str = "/v1/models/part/predict";

#[test]
fn the_verdict_is_that_of_predict() {
    let server = Shop::new().start();
    let model = model();
    let verdict = |name: &str| {
        let inspected = inspect_bytes(&model, &png(), Path::new(name), &Limits::default()).unwrap();
        let digest = model.digest().unwrap();
        serde_json::to_string(&Verdict { model_digest: digest, ..Verdict::of(&inspected, false) }).unwrap()
    };
    for kind in ["image/png", "application/octet-stream", "image/jpeg"] {
        let answer = server.post(PREDICT, &[("content-type", kind)], &png());
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("anoseg-decision"), Some("review"));
        assert_eq!(answer.text(), verdict("image"));
    }
    let jpeg = write::encode_jpeg(&image(), 95);
    assert_eq!(server.post("/v1/models/part/versions/1/predict", &[], &jpeg).json()["width"], 80);
    let body =
        form(&[("note", None, b"x"), ("file", Some("other.png"), b"y"), ("image", Some("a/b.png"), &png())]);
    assert_eq!(server.post(PREDICT, &[FORM], &body).text(), verdict("b.png"));
    let body = form(&[("note", None, b"x"), ("file", Some("part 7.png"), &png())]);
    assert_eq!(server.post(PREDICT, &[FORM], &body).text(), verdict("part 7.png"));
}

#[test]
fn overlay_mask_and_map_are_those_of_the_library() {
    let server = Shop::new().start();
    let (model, image) = (model(), image());
    let found = model.inspect(&image).unwrap();
    let get = |accept: &str| {
        let answer = server.post(PREDICT, &[("accept", accept)], &png());
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, accept.split(';').next()),
            "{answer:?}"
        );
        answer.body
    };
    let decoded = |bytes: &[u8]| decode::load_bytes(bytes, Path::new("x"), &Limits::default()).unwrap();
    let threshold = model.calibration().unwrap().pixel_threshold;
    let expected = draw::overlay(&model.scaled(&image), &found.map, &found.mask, threshold);
    assert_eq!(decoded(&get("image/png")).to_rgb8(), expected.to_rgb8());
    let mask =
        decode::load_mask_bytes(&get("image/png;view=mask"), Path::new("x"), &Limits::default()).unwrap();
    assert_eq!(mask, found.mask);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tiff");
    std::fs::write(&path, get("image/tiff")).unwrap();
    assert_eq!(write::read_tiff_f32(&path).unwrap(), found.map);
    assert!(write::is_result(&path));
    assert_eq!(server.post(PREDICT, &[("accept", "text/html")], &png()).code(), "not_acceptable");
}

#[test]
fn what_is_no_image_or_too_large_is_told() {
    let shop = Shop::new();
    let mut settings = shop.settings();
    settings.limits.max_pixels = 5000;
    settings.most_body = 40_000;
    let server = crate::common::Running::new(settings);
    let code = |headers: &[(&str, &str)], body: &[u8]| {
        let answer = server.post(PREDICT, headers, body);
        (answer.status, answer.code())
    };
    let failure = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(&[], b""), failure(400, "bad_request"));
    assert_eq!(code(&[], b"hello"), failure(400, "bad_image"));
    assert_eq!(code(&[], &png()[..2000]), failure(400, "bad_image"));
    assert_eq!(code(&[], &large_png(80)), failure(400, "bad_image"));
    assert_eq!(code(&[], &vec![0; 40_001]), failure(413, "too_large"));
    assert_eq!(code(&[FORM], b"nonsense"), failure(400, "bad_request"));
    assert_eq!(code(&[("content-type", "multipart/form-data")], b"x"), failure(400, "bad_request"));
    assert_eq!(code(&[FORM], &form(&[("note", None, b"x")])), failure(400, "bad_request"));
    assert_eq!(server.post("/v1/models/other/predict", &[], &png()).code(), "unknown_model");
    assert_eq!(server.get(PREDICT).status, 405);
}

#[test]
fn verdict_and_overlay_come_in_one_answer_of_one_decision() {
    let server = Shop::new().start();
    let verdict = server.post(PREDICT, &[], &png());
    let overlay = server.post(PREDICT, &[("accept", "image/png")], &png());
    let both = server.post(PREDICT, &[("accept", "multipart/form-data")], &png());
    assert!(both.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    assert_eq!(both.header("anoseg-decision"), overlay.header("anoseg-decision"));
    let has = |part: &[u8]| both.body.windows(part.len()).any(|window| window == part);
    assert!(has(&verdict.body) && has(&overlay.body));
    assert_eq!(server.figure("anoseg_decisions_total", ""), 3.0);
}

#[test]
fn figures_count_requests_decisions_and_failures() {
    let server = Shop::new().start();
    for _ in 0..3 {
        server.post(PREDICT, &[], &png());
    }
    server.post(PREDICT, &[], b"no image");
    let route = "route=\"/v1/models/{model}/predict\"";
    assert_eq!(server.figure("anoseg_requests_total", &format!("{route},status=\"200\"")), 3.0);
    assert_eq!(server.figure("anoseg_requests_total", &format!("{route},status=\"400\"")), 1.0);
    assert_eq!(server.figure("anoseg_decisions_total", "decision=\"review\""), 3.0);
    assert_eq!(server.figure("anoseg_failures_total", "bad_image"), 1.0);
    for histogram in ["decode_seconds", "network_seconds"] {
        assert_eq!(server.figure(&format!("anoseg_{histogram}_count"), ""), 3.0, "{histogram}");
    }
    assert_eq!(server.figure("anoseg_request_seconds_count", route), 4.0);
    assert_eq!(server.figure("anoseg_batch_size_count", ""), 4.0);
    assert_eq!(server.figure("anoseg_queue_length", ""), 0.0);
    let digest = model().digest().unwrap();
    assert_eq!(server.figure("anoseg_model_info", &format!("digest=\"{digest}\"")), 1.0);
    assert!(server.get("/metrics").text().ends_with("# EOF\n"));
}

#[test]
fn a_form_with_two_images_is_refused() {
    let server = Shop::new().start();
    let (a, b) = (png(), png());
    for names in [["image", "image"], ["first", "second"]] {
        let body = form(&[(names[0], Some("a.png"), &a), (names[1], Some("b.png"), &b)]);
        let answer = server.post("/v1/models/part/predict", &[FORM], &body);
        assert_eq!(answer.code(), "bad_request");
        assert!(answer.text().contains("the form has 2 images"), "{}", answer.text());
    }
    let body = form(&[("note", Some("b.txt"), b"x"), ("image", Some("a.png"), &a)]);
    assert_eq!(server.post("/v1/models/part/predict", &[FORM], &body).status, 200);
}
