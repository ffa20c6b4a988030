//! History, feedback, drift and proposed thresholds in a real browser.
//!
//! Needs Chromium; see `browser.rs`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chromium;
mod common;

use anoseg_serve::{Retention, Settings, Tokens};
use serde_json::{Value, json};

use chromium::Browser;
use chromium::acts::{browser, click, drop_file, shoot, url};
use common::{Running, Shop, png};

const PREDICT: &str = "/v1/models/part/predict";

/// Thresholds that reject, and that pass, every image.
const REJECT: &str = "?image_threshold=0&review_threshold=0";
const PASS: &str = "?image_threshold=1&review_threshold=1";

fn settings(shop: &Shop) -> Settings {
    Settings { history: Some((shop.path("history"), Retention::default())), ..shop.settings() }
}

/// An image that is named, as a form.
fn inspect(server: &Running, query: &str, name: &str) {
    let mut form =
        format!("--x\r\ncontent-disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\r\n")
            .into_bytes();
    form.extend(png());
    form.extend(b"\r\n--x--\r\n");
    let kind = ("content-type", "multipart/form-data; boundary=x");
    let answer = server.post(&format!("{PREDICT}{query}"), &[kind], &form);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Waits until the list has so many verdicts, all of them of these decisions.
fn wait_rows(browser: &mut Browser, count: usize, words: &[&str]) {
    browser.wait(&format!(
        "(() => {{
            const shown = [...document.querySelectorAll('#verdicts .decided')].map((cell) => cell.textContent);
            return shown.length === {count} && shown.every((word) => {words:?}.includes(word));
        }})()"
    ));
}

/// Fills in a field, as a user does.
fn fill(browser: &mut Browser, id: &str, value: &str) {
    browser.evaluate(&format!(
        "(() => {{
            const field = document.getElementById('{id}');
            field.value = '{value}';
            field.dispatchEvent(new Event('input', {{ bubbles: true }}));
        }})()"
    ));
}

/// Lets a script run before those of the page.
fn before_the_page(browser: &mut Browser, script: &str) {
    browser.call("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
}

fn newest(server: &Running) -> Value {
    server.get("/v1/history?count=1").json()["rows"][0].take()
}

#[test]
fn a_verdict_is_found_overridden_with_its_image_and_revoked() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    for (query, name) in [(REJECT, "scratch 1.png"), (PASS, "fine 1.png"), (PASS, "fine 2.png")] {
        inspect(&server, query, name);
    }
    browser.open(&url(&server));
    check_inspected(&mut browser, &server);
    click(&mut browser, "#go-history");
    wait_rows(&mut browser, 4, &["Good", "Review", "Reject"]);
    browser.wait(
        "[...document.querySelectorAll('#verdicts img')].every((image) => image.complete && image.naturalWidth > 0)",
    );
    shoot(&mut browser, "history");
    check_filter(&mut browser, &server);
    check_override(&mut browser, &server);
    check_keyboard(&mut browser, &server);
    assert_eq!(browser.problems, Vec::<String>::new());
}

/// What was inspected on the page can be judged where it is shown, and the file goes along.
fn check_inspected(browser: &mut Browser, server: &Running) {
    let bytes = png();
    drop_file(browser, "part.png", &bytes);
    browser.wait("!document.getElementById('stated').hidden");
    let verdict = newest(server);
    assert_eq!(verdict["name"], "part.png");
    click(browser, "#stated [data-truth=good]");
    browser.wait("document.getElementById('stated').textContent.includes('Stated: Good.')");
    shoot(browser, "inspect-stated");
    let verdict = newest(server);
    assert_eq!((&verdict["feedback"], verdict["original"].is_string()), (&"good".into(), true));
    click(browser, "#stated [data-truth=revoked]");
    browser.wait("document.getElementById('stated').textContent.includes('Nothing is stated')");
    assert!(newest(server)["feedback"].is_null());
}

fn check_filter(browser: &mut Browser, server: &Running) {
    fill(browser, "filter-decision", "good");
    wait_rows(browser, 2, &["Good"]);
    assert_eq!(browser.evaluate("location.hash"), "#history?decision=good");
    fill(browser, "filter-text", "FINE 2");
    wait_rows(browser, 1, &["Good"]);
    fill(browser, "filter-most-score", "1.5");
    browser.wait("!document.getElementById('filter-wrong').hidden");
    fill(browser, "filter-most-score", "0");
    browser.wait("!document.getElementById('history-none').hidden");
    shoot(browser, "history-none");
    click(browser, "#filter-reset");
    wait_rows(browser, 4, &["Good", "Review", "Reject"]);
    assert_eq!(browser.evaluate("location.hash"), "#history");
    // A link that was sent.
    browser.call("Page.navigate", &json!({ "url": "about:blank" }));
    browser.open(&format!("{}#history?decision=reject&least_score=0&from=2020-01-01", url(server)));
    wait_rows(browser, 1, &["Reject"]);
    assert_eq!(browser.evaluate("document.getElementById('filter-from').value"), "2020-01-01");
    fill(browser, "filter-until", "2020-01-01");
    browser.wait("!document.getElementById('history-none').hidden");
    click(browser, "#filter-reset");
    wait_rows(browser, 4, &["Good", "Review", "Reject"]);
}

fn check_override(browser: &mut Browser, server: &Running) {
    let rejected = server.get("/v1/history?decision=reject").json()["rows"][0].take();
    let id = rejected["id"].as_i64().unwrap();
    let told = || server.get(&format!("/v1/history/{id}")).json();
    click(browser, &format!("[data-verdict=\"{id}\"]"));
    browser.wait("document.getElementById('verdict-line').textContent.startsWith('Reject, score ')");
    browser.wait("document.querySelector('#verdict-frame img').naturalWidth > 0");
    assert_eq!(browser.evaluate("document.activeElement.id"), "verdict-title");
    assert!(browser.text("verdict-used").contains("reject above 0.000"), "{}", browser.text("verdict-used"));
    fill(browser, "feedback-note", "only dust, <b>wiped</b> off");
    click(browser, "#feedback-buttons [data-truth=good]");
    browser.wait("document.getElementById('statements').textContent.includes('only dust, <b>wiped</b> off')");
    assert_eq!(
        (&told()["feedback"], &told()["statements"][0]["note"]),
        (&"good".into(), &"only dust, <b>wiped</b> off".into())
    );
    // The list follows.
    browser.wait(&format!(
        "document.querySelector('tr:has([data-verdict=\"{id}\"]) .stated').textContent === 'Good'"
    ));
    shoot(browser, "verdict");
    click(browser, "#feedback-buttons [data-truth=revoked]");
    browser.wait("document.querySelectorAll('#statements li').length === 2");
    assert!(told()["feedback"].is_null());
    click(browser, "#verdict-close");
    browser.wait("document.getElementById('verdict').hidden");
    assert_eq!(browser.evaluate("Number(document.activeElement.dataset.verdict)"), id);
}

/// From the navigation to a statement by keys alone.
fn check_keyboard(browser: &mut Browser, server: &Running) {
    let until = |browser: &mut Browser, holds: &str| {
        let mut reached = Vec::new();
        for _ in 0..60 {
            browser.press("Tab");
            reached.push(browser.evaluate("document.activeElement.id || document.activeElement.textContent"));
            if browser.evaluate(&format!("Boolean(document.activeElement.matches('{holds}'))")) == true {
                assert_ne!(
                    browser.evaluate("getComputedStyle(document.activeElement).outlineStyle"),
                    "none",
                    "{holds} is not outlined"
                );
                return;
            }
        }
        panic!("{holds} is not among {reached:?}");
    };
    browser.evaluate("document.getElementById('go-inspect').click()");
    browser.evaluate("document.getElementById('go-inspect').focus()");
    until(browser, "#go-history");
    browser.press("Enter");
    browser.wait("!document.getElementById('history').hidden");
    until(browser, "#filter-text");
    until(browser, "#verdicts a");
    let id = browser.evaluate("Number(document.activeElement.dataset.verdict)");
    browser.press("Enter");
    browser.wait("document.activeElement.id === 'verdict-title'");
    until(browser, "#feedback-note");
    until(browser, "#feedback-buttons [data-truth=defect]");
    browser.press(" ");
    browser.wait("document.getElementById('statements').textContent.startsWith('Defect, by operator')");
    browser.wait("document.activeElement.closest('#feedback-buttons') !== null");
    assert_eq!(server.get(&format!("/v1/history/{id}")).json()["feedback"], "defect");
    browser.press("Escape");
    browser.wait(&format!("document.activeElement.dataset.verdict === '{id}'"));
}

#[test]
fn older_verdicts_are_read_page_by_page_and_new_ones_come_by_themselves() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    for number in 0..53 {
        inspect(&server, PASS, &format!("part {number}.png"));
    }
    browser.open(&format!("{}#history", url(&server)));
    wait_rows(&mut browser, 50, &["Good"]);
    click(&mut browser, "#older");
    wait_rows(&mut browser, 53, &["Good"]);
    browser.wait("document.getElementById('older').hidden");
    inspect(&server, REJECT, "late.png");
    wait_rows(&mut browser, 54, &["Good", "Reject"]);
    let first = browser.evaluate("document.querySelector('#verdicts tbody .link').textContent");
    assert_eq!(first, "late.png");
    assert_eq!(browser.problems, Vec::<String>::new());
}

#[test]
fn a_token_without_the_role_and_a_server_without_a_history_are_told_in_words() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let tokens = Tokens::parse("eve inspect secret-of-eve-0001").unwrap();
    let server = Running::new(Settings { tokens, ..settings(&shop) });
    let eve = ("authorization", "Bearer secret-of-eve-0001");
    server.post(PREDICT, &[eve], &png());
    browser.call("Page.navigate", &json!({ "url": format!("{}#history?id=1", url(&server)) }));
    browser.wait("document.getElementById('token-dialog')?.open");
    browser.evaluate("document.getElementById('token-field').value = 'secret-of-eve-0001'");
    browser.evaluate("document.getElementById('token-field').focus()");
    browser.press("Enter");
    wait_rows(&mut browser, 1, &["Good", "Review", "Reject"]);
    click(&mut browser, "[data-verdict]");
    browser.wait("document.querySelector('#feedback-buttons button') !== null");
    click(&mut browser, "#feedback-buttons button");
    browser.wait("document.getElementById('feedback-failure').textContent.includes('role feedback')");
    shoot(&mut browser, "forbidden");
    drop(server);
    let server = Shop::new().start();
    browser.call("Page.navigate", &json!({ "url": "about:blank" }));
    browser.open(&format!("{}#history", url(&server)));
    browser.wait(
        "!document.getElementById('history-off').hidden && document.getElementById('history-box').hidden",
    );
    assert!(browser.text("history-off").contains("--history"));
    shoot(&mut browser, "history-off");
    let unexpected = |problem: &&String| ["401", "403", "404"].iter().all(|status| !problem.contains(status));
    assert_eq!(browser.problems.iter().filter(unexpected).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Answers of the routes of drift, proposal and regression.
fn answers() -> Value {
    let counts = |good: [u64; 3], defect: [u64; 3]| json!({ "good": good, "defect": defect });
    let regression = json!({
        "verdicts": 460, "changed": 3, "worse": 1, "better": 2,
        "decisions": [[440, 0, 0], [2, 10, 0], [0, 1, 7]],
        "before": counts([9, 2, 1], [1, 0, 4]), "after": counts([11, 1, 0], [1, 1, 3]),
        "missed_defects": [1, 1], "false_rejects": [1, 0],
        "changes": [
            { "verdict": 1, "name": "scratch 1.png", "scores": [0.43, 0.43], "before": "reject", "after": "review", "feedback": "defect", "worse": true },
            { "verdict": 2, "name": "fine 1.png", "scores": [0.35, 0.31], "before": "review", "after": "good", "feedback": null, "worse": false },
        ],
    });
    let of = |signal: &str, against: &str, can_alarm: bool, raised: Value| json!({ "signal": signal, "against": against, "can_alarm": can_alarm, "statistic": 0.5, "raised": raised, "alarms": 0 });
    let alarm = json!({ "signal": "brightness", "against": "baseline", "higher": true, "statistic": 0.97, "window": 32, "verdict": 2, "time": 1_764_350_000_000_u64 });
    json!({
        "drift": {
            "model": "part", "version": "1", "digest": common::model().digest().unwrap(),
            "images_per_false_alarm": 1_000_000, "defects": 0.02, "false_reject": 0.01, "review": 0.05,
            "recent": 256, "scores": [0.11, 0.19, 0.62], "calibration_scores": [0.1, 0.17, 0.28],
            "rejected": 0.0117, "flagged": 0.035, "brightness": [0.52, 0.49], "sharpness": [0.031, 0.033],
            "unlike_training": 0.0, "baseline": [256, 256],
            "monitors": [
                of("score", "calibration", true, Value::Null), of("rejects", "calibration", false, Value::Null),
                of("score", "baseline", true, Value::Null), of("rejects", "baseline", true, Value::Null),
                of("reviews", "baseline", true, Value::Null), of("brightness", "baseline", true, alarm),
                of("sharpness", "baseline", true, Value::Null),
            ],
        },
        "proposal": {
            "model": "part", "version": "1", "digest": "4f0c",
            "present": { "image": 0.41, "review": 0.33, "pixel": 0.5 },
            "proposed": { "image": 0.46, "review": 0.33, "pixel": 0.5 },
            "rule": "conformal", "false_reject": 0.01, "review": 0.05,
            "sources": { "calibration": true, "unquestioned": true },
            "scores": { "confirmed": 12, "unquestioned": 430, "calibration": 31 },
            "remarks": ["verdicts of good count as good images: a missed defect that nobody has named yet raises the thresholds"],
            "regression": regression,
        },
        "regression": {
            "model": "part", "version": "1", "digest": "9a1b", "former": { "version": "0", "digest": "4f0c" },
            "time": 1_764_350_000_000_u64, "seconds": 3.4, "available": 52, "images": 50, "left_out": 1, "complete": false,
            "regression": regression,
        },
    })
}

#[test]
fn drift_alarms_proposed_thresholds_and_a_comparison_of_versions_are_shown() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    for (query, name) in [(REJECT, "scratch 1.png"), (PASS, "fine 1.png")] {
        inspect(&server, query, name);
    }
    (0..30).for_each(|number| inspect(&server, "", &format!("part {number}.png")));
    let script = format!(
        "const answers = {};
        const ask = window.fetch;
        window.asked = [];
        window.fetch = async (path, options) => {{
            const route = /(drift|proposal|regression)(?:[?].*)?$/.exec(path)?.[1];
            if (route) window.asked.push(path);
            return route ? Response.json(answers[route]) : ask(path, options);
        }};",
        answers()
    );
    before_the_page(&mut browser, &script);
    browser.open(&url(&server));
    click(&mut browser, "#go-drift");
    browser.wait("document.querySelectorAll('#drift-list .tile').length === 6");
    let told = browser.text("drift-list");
    for text in [
        "part, version 1 Alarm",
        "Against the first images: alarm since",
        "higher in 97.0 % of pairs in 32 images",
        "Against the calibration: too few images for any alarm",
        "Each of the 7 comparisons raises at most one false alarm in 1,000,000 images",
    ] {
        assert!(told.contains(text), "{text} is not in {told}");
    }
    assert_eq!(browser.text("drift-badge"), "1");
    assert_eq!(browser.evaluate("document.querySelectorAll('.tile.raised').length"), 1);
    browser.wait("document.querySelectorAll('#drift-list .chart rect').length === 32");
    shoot(&mut browser, "drift");
    click(&mut browser, "#go-models");
    click(&mut browser, "[data-action=\"proposal/part/1\"]");
    browser.wait("document.querySelector('#report-content .changes') !== null");
    let told = browser.text("report");
    for text in [
        "Reject above0.4100.460",
        "unchanged",
        "12 scores",
        "Missed defects1 of 51 of 5",
        "False rejects1 of 120 of 12",
    ] {
        assert!(told.contains(text), "{text} is not in {told}");
    }
    click(&mut browser, "#unquestioned");
    browser
        .wait("document.querySelector('#report .command').textContent.includes(' --unquestioned --output ')");
    assert!(
        browser
            .evaluate("window.asked.at(-1)")
            .as_str()
            .unwrap()
            .ends_with("/versions/1/proposal?unquestioned=true")
    );
    shoot(&mut browser, "proposal");
    click(&mut browser, "[data-action=\"regression/part/1\"]");
    browser.wait("document.getElementById('report-content').textContent.includes('50 of 52 images')");
    shoot(&mut browser, "regression");
    // A change leads to its verdict.
    click(&mut browser, "#report-content .changes a");
    browser.wait("document.getElementById('verdict-title').textContent === 'scratch 1.png'");
    assert_eq!(browser.problems, Vec::<String>::new());
}

/// The same views with what the server itself answers.
#[test]
fn what_the_server_tells_of_drift_and_feedback_is_shown() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let server = Running::new(settings(&shop));
    (0..3).for_each(|number| inspect(&server, "", &format!("part {number}.png")));
    browser.open(&format!("{}#drift", url(&server)));
    browser.wait("document.querySelectorAll('#drift-list .monitors').length === 5");
    assert!(browser.text("drift-list").contains("after 256 of them; 3 so far"));
    shoot(&mut browser, "drift-begun");
    let id = newest(&server)["id"].as_i64().unwrap();
    server.post(&format!("/v1/history/{id}/feedback?truth=good"), &[], &png());
    click(&mut browser, "#go-models");
    click(&mut browser, "[data-action=\"proposal/part/1\"]");
    browser.wait("document.getElementById('report-content').textContent.includes('From 1 score of images stated good')");
    assert_eq!(browser.problems, Vec::<String>::new());
}
