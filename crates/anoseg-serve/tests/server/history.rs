//! The history of verdicts over HTTP, and what operators state of them.

use anoseg_serve::{Retention, Settings, Tokens};

use crate::common::{FORM, Running, Shop, form, large_png, png};

const PREDICT: &str = "/v1/models/part/predict";

fn settings(shop: &Shop) -> Settings {
    Settings { history: Some((shop.path("history"), Retention::default())), ..shop.settings() }
}

#[test]
fn verdicts_are_kept_with_a_small_image_and_the_thresholds_that_were_used() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    let first = server.post(PREDICT, &[("x-request-id", "first")], &png()).json();
    server.post(&format!("{PREDICT}?image_threshold=0&review_threshold=0"), &[], &png());
    let page = server.get("/v1/history").json();
    let rows = page["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &page["next"]), (2, &serde_json::Value::Null), "{page}");
    assert_eq!((&rows[1]["request"], &rows[1]["score"]), (&"first".into(), &first["score"]));
    assert_eq!((&rows[1]["decision"], &rows[1]["model"]["version"]), (&first["decision"], &"1".into()));
    assert_eq!((&rows[0]["decision"], &rows[0]["used"]["image"]), (&"reject".into(), &0.0.into()));
    let id = rows[1]["id"].as_i64().unwrap();
    let image = server.get(&format!("/v1/history/{id}/thumbnail"));
    assert_eq!(image.header("content-type"), Some("image/jpeg"));
    assert!(image.body.starts_with(&[0xff, 0xd8]));
    let rejected = server.get("/v1/history?decision=reject&count=1").json();
    assert_eq!(rejected["rows"][0]["id"], rows[0]["id"]);
    let next = server.get(&format!("/v1/history?before={}", rows[0]["id"])).json();
    assert_eq!(next["rows"][0]["id"], id);
    for wrong in ["decision=bad", "count=x", "unknown=1", "feedback=maybe"] {
        assert_eq!(server.get(&format!("/v1/history?{wrong}")).status, 400, "{wrong}");
    }
    assert_eq!(server.get("/v1/history/999").code(), "unknown_verdict");
    assert_eq!(server.get("/v1/history/999/thumbnail").status, 404);
    // A restart goes on with it.
    drop(server);
    let server = Running::new(settings(&shop));
    assert_eq!(server.get("/v1/history").json()["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn what_operators_state_is_kept_with_the_image_and_can_be_revoked() {
    let shop = Shop::new();
    let audit = shop.path("audit.jsonl");
    let tokens =
        Tokens::parse("ada inspect,feedback secret-of-ada-0001\neve inspect secret-of-eve-0001").unwrap();
    let server = Running::new(Settings { tokens, audit: Some(audit.clone()), ..settings(&shop) });
    let ada = ("authorization", "Bearer secret-of-ada-0001");
    let eve = ("authorization", "Bearer secret-of-eve-0001");
    server.post(PREDICT, &[ada], &png());
    let page = crate::common::send(server.address, "GET", "/v1/history", &[eve], b"").unwrap().json();
    let id = page["rows"][0]["id"].as_i64().unwrap();
    let state = |query: &str, who, body: &[u8]| {
        server.post(&format!("/v1/history/{id}/feedback?{query}"), &[who], body)
    };
    assert_eq!(state("truth=good", eve, b"").code(), "forbidden");
    let told = state("truth=defect&note=a%20crack", ada, &png()).json();
    assert_eq!((&told["feedback"], &told["statements"][0]["author"]), (&"defect".into(), &"ada".into()));
    assert_eq!(told["statements"][0]["note"], "a crack");
    let digest = told["original"].as_str().unwrap();
    let original = shop.path("history/originals").join(&digest[..2]).join(digest);
    assert_eq!(std::fs::read(original).unwrap(), png());
    assert!(state("truth=revoked", ada, b"").json()["feedback"].is_null());
    for wrong in ["truth=perhaps", "note=x", "truth=good&who=eve"] {
        assert_eq!(state(wrong, ada, b"").code(), "bad_request", "{wrong}");
    }
    let log = std::fs::read_to_string(audit).unwrap();
    let lines = log.lines().filter(|line| line.contains("\"event\":\"feedback\"")).count();
    assert!(lines == 2 && log.contains("\"truth\":\"defect\"") && log.contains("\"truth\":null"), "{log}");
}

#[test]
fn what_is_kept_with_feedback_is_the_image_of_the_verdict() {
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    let id = server.post(PREDICT, &[], &png()).json()["verdict"].as_i64().unwrap();
    let path = format!("/v1/history/{id}/feedback?truth=good");
    for other in [&b"a token file"[..], &large_png(33)] {
        let answer = server.post(&path, &[], other);
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_image"));
    }
    assert!(server.get(&format!("/v1/history/{id}")).json()["feedback"].is_null());
    let file = form(&[("image", Some("a.png"), &png())]);
    let digest = server.post(&path, &[FORM], &file).json()["original"].as_str().unwrap().to_owned();
    let original = shop.path("history/originals").join(&digest[..2]).join(&digest);
    assert_eq!(std::fs::read(original).unwrap(), png());
}

#[test]
fn a_server_without_a_history_says_so() {
    let server = Shop::new().start();
    assert_eq!(server.get("/v1/history").code(), "no_history");
    assert_eq!(server.post("/v1/history/1/feedback?truth=good", &[], b"").code(), "no_history");
}
