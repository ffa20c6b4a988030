//! The page in a real browser: what its user does, and that nothing complains or overflows.
//!
//! Needs Chromium: the one that the environment variable `CHROMIUM` names, else one of the usual names in `PATH`.
//! Without one the tests say so and pass. `ANOSEG_SCREENSHOTS` names a folder for screenshots.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chromium;
mod common;

use anoseg_serve::Tokens;
use serde_json::Value;

use chromium::Browser;
use chromium::acts::{browser, click, drop_file, shoot, url};
use common::{Running, Shop, model, model_with_threshold, png};

const PREDICT: &str = "/v1/models/part/predict";

fn word(decision: &Value) -> &'static str {
    match decision.as_str().unwrap() {
        "good" => "Good",
        "review" => "Review",
        _ => "Reject",
    }
}

/// A score as the page writes it.
fn written(score: f64) -> String {
    if score > 0.99 { format!("{score:.5}") } else { format!("{score:.3}") }
}

/// Waits until the page shows a verdict, and compares all of it.
fn check_verdict(browser: &mut Browser, verdict: &Value) {
    browser
        .wait(&format!("document.getElementById('word').textContent === '{}'", word(&verdict["decision"])));
    let score = browser.text("score");
    let value = written(verdict["score"].as_f64().unwrap());
    assert!(score.starts_with(&format!("Score {value}.")), "{score}, not {value}");
    let regions = browser.evaluate("document.querySelectorAll('#regions tbody tr').length");
    assert_eq!(regions, verdict["regions"].as_array().unwrap().len());
    let kind = browser.evaluate("document.getElementById('banner').className");
    assert_eq!(kind, format!("banner {}", verdict["decision"].as_str().unwrap()));
}

#[test]
fn an_image_is_judged_thresholds_are_moved_and_a_model_is_reloaded() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let server = shop.start();
    browser.open(&url(&server));
    shoot(&mut browser, "start");
    check_keyboard(&mut browser);
    check_image(&mut browser, &server);
    check_sliders(&mut browser, &server);
    check_camera(&mut browser);
    check_figures(&mut browser, &server);
    check_models(&mut browser, &server);
    assert_eq!(browser.problems, Vec::<String>::new());
}

/// Everything can be reached by the Tab key, and what has the focus is outlined.
fn check_keyboard(browser: &mut Browser) {
    let mut reached = Vec::new();
    for _ in 0..20 {
        browser.press("Tab");
        let focused = browser.evaluate(
            "(() => {
                const focused = document.activeElement;
                // Between the last element and the first.
                if (focused === document.body) return 'body';
                const shown = focused.id === 'files' ? document.querySelector('[for=files]') : focused;
                return focused.id + ' ' + getComputedStyle(shown).outlineStyle;
            })()",
        );
        let focused = focused.as_str().unwrap().to_owned();
        assert!(!focused.ends_with(" none"), "{focused} is not outlined");
        reached.push(focused.split(' ').next().unwrap().to_owned());
    }
    for id in [
        "go-history",
        "go-drift",
        "go-models",
        "go-figures",
        "model",
        "token",
        "files",
        "camera",
        "image-threshold",
        "review-threshold",
    ] {
        assert!(reached.iter().any(|each| each == id), "{id} is not among {reached:?}");
    }
}

fn check_image(browser: &mut Browser, server: &Running) {
    drop_file(browser, "part.png", &png());
    let verdict = server.post(PREDICT, &[], &png()).json();
    check_verdict(browser, &verdict);
    let decided = server.figure("anoseg_decisions_total", "");
    let told = browser.text("announce");
    assert!(told.starts_with(&format!("part.png: {}, score ", word(&verdict["decision"]))), "{told}");
    shoot(browser, "inspect");
    // By the keyboard alone: to the heat map.
    browser.evaluate("document.querySelector('[name=layer]:checked').focus()");
    browser.press("ArrowRight");
    let shown = "document.querySelector('#frame img')";
    browser.wait(&format!(
        "document.querySelector('[name=layer]:checked').value === 'heat' && {shown}.complete"
    ));
    browser.wait(&format!(
        "{shown}.naturalWidth === {} && document.querySelectorAll('#frame rect').length === 0",
        verdict["width"]
    ));
    // It came with the verdict, and is no further decision.
    assert_eq!(server.figure("anoseg_decisions_total", ""), decided);
    shoot(browser, "heat");
    click(browser, "#regions .link");
    browser.wait("document.querySelectorAll('#frame rect.marked').length === 1");
}

fn check_sliders(browser: &mut Browser, server: &Running) {
    let verdict = server.post(PREDICT, &[], &png()).json();
    let slide = |browser: &mut Browser, kind: &str, place: f64| {
        browser.evaluate(&format!(
            "(() => {{
                const slider = document.getElementById('{kind}-threshold');
                slider.value = {place};
                slider.dispatchEvent(new Event('input', {{ bubbles: true }}));
                slider.dispatchEvent(new Event('change', {{ bubbles: true }}));
            }})()"
        ));
    };
    let model = model();
    let normal = &model.calibration().unwrap().normal_scores;
    for (kind, place, query) in [
        ("review", 1.0, "?image_threshold=1&review_threshold=1"),
        ("image", 0.0, "?image_threshold=0&review_threshold=0"),
    ] {
        slide(browser, kind, place);
        let other = server.post(&format!("{PREDICT}{query}"), &[], &png()).json();
        check_verdict(browser, &other);
        browser.wait("!document.getElementById('overridden').hidden");
        let rates = browser.text("rates");
        let above = normal.iter().filter(|&&score| f64::from(score) > 1.0 - place && place < 0.5).count();
        let above = if place == 0.0 { normal.iter().filter(|&&score| score > 0.0).count() } else { above };
        assert!(rates.contains(&format!("({above} of {})", normal.len())), "{rates}");
        let session = if place == 0.0 { "100.0 % (1 of 1)" } else { "0.0 % (0 of 1)" };
        assert!(rates.contains(session), "{rates}");
    }
    shoot(browser, "thresholds");
    click(browser, "#reset");
    check_verdict(browser, &verdict);
    browser.wait("document.getElementById('overridden').hidden && document.getElementById('reset').disabled");
}

/// Frames of Chromium's synthetic camera are inspected until it is stopped.
fn check_camera(browser: &mut Browser) {
    click(browser, "#camera");
    browser.wait("document.getElementById('session').textContent.includes('camera 3')");
    browser.wait("!document.getElementById('rate').hidden");
    shoot(browser, "camera");
    click(browser, "#camera");
    browser.wait(
        "document.getElementById('rate').hidden && document.getElementById('video').srcObject === null",
    );
}

fn check_figures(browser: &mut Browser, server: &Running) {
    click(browser, "#go-figures");
    let images = server.figure("anoseg_decisions_total", "");
    browser.wait(&format!("Number(document.querySelector('.tile .value')?.textContent) >= {images}"));
    browser.wait("document.querySelector('.stacked')?.getAttribute('aria-label').includes('Review')");
    shoot(browser, "figures");
}

fn check_models(browser: &mut Browser, server: &Running) {
    click(browser, "#go-models");
    browser.wait("!document.getElementById('models').hidden");
    let state = || server.post("/v2/repository/index", &[], b"").json()[0]["state"].clone();
    for (action, expected, shown) in
        [("unload", "UNAVAILABLE", "Not loaded"), ("load", "READY", "Loaded"), ("load", "READY", "Loaded")]
    {
        let button = format!("[data-action=\"{action}/part/1\"]");
        // Nothing happens unless it is confirmed.
        for answer in ["#confirm-no", "#confirm-yes"] {
            let before = state();
            click(browser, &button);
            browser.wait("document.getElementById('confirm').open");
            if answer == "#confirm-yes" && action == "unload" {
                shoot(browser, "confirm");
            }
            click(browser, answer);
            browser.wait("!document.getElementById('confirm').open");
            if answer == "#confirm-no" {
                assert_eq!(state(), before);
            }
        }
        browser.wait(&format!("document.querySelector('#models-list .pill').textContent === '{shown}'"));
        assert_eq!(state(), expected);
        browser.wait(
            "[...document.querySelectorAll('#models-list button')].every((button) => !button.disabled)",
        );
    }
    shoot(browser, "models");
}

#[test]
fn a_token_is_asked_for_and_kept_for_the_tab() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    shop.add("part", 2, &model_with_threshold(0.99));
    let mut settings = shop.settings();
    settings.tokens =
        Tokens::parse("line inspect aaaaaaaaaaaaaaaaaaaa\nada admin bbbbbbbbbbbbbbbbbbbb").unwrap();
    let server = Running::new(settings);
    browser.call("Page.navigate", &serde_json::json!({ "url": url(&server) }));
    let enter = |browser: &mut Browser, token: &str| {
        browser.wait("document.getElementById('token-dialog')?.open");
        let field = format!("document.getElementById('token-field').value = '{token}'");
        browser.evaluate(&field);
        browser.evaluate("document.getElementById('token-field').focus()");
        browser.press("Enter");
    };
    enter(&mut browser, "dddddddddddddddddddd");
    browser.wait("document.getElementById('token-why').textContent.includes('does not know')");
    shoot(&mut browser, "token");
    enter(&mut browser, "aaaaaaaaaaaaaaaaaaaa");
    browser.wait("document.body.dataset.ready === 'yes' && document.getElementById('model').length === 3");
    // Inspecting is allowed, unloading is not.
    click(&mut browser, "#go-models");
    click(&mut browser, "[data-action=\"unload/part/1\"]");
    click(&mut browser, "#confirm-yes");
    browser.wait("document.getElementById('alert').textContent.includes('The token does not allow this')");
    click(&mut browser, "#token");
    enter(&mut browser, "bbbbbbbbbbbbbbbbbbbb");
    click(&mut browser, "[data-action=\"unload/part/1\"]");
    click(&mut browser, "#confirm-yes");
    browser.wait("document.getElementById('models-list').textContent.includes('Not loaded')");
    // It stays for this tab, in no cookie and no lasting storage.
    browser.call("Page.reload", &serde_json::json!({}));
    browser.wait("document.body?.dataset.ready === 'yes' && !document.getElementById('token-dialog').open");
    assert_eq!(browser.evaluate("document.cookie.length + localStorage.length"), 0);
    let unexpected =
        |problem: &&String| !problem.contains("status of 401") && !problem.contains("status of 403");
    assert_eq!(browser.problems.iter().filter(unexpected).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn failures_are_told_in_words_and_a_server_that_was_gone_is_found_again() {
    let Some(mut browser) = browser() else { return };
    let shop = Shop::new();
    let server = shop.start();
    browser.open(&url(&server));
    drop_file(&mut browser, "notes.png", b"no image at all");
    browser.wait("document.getElementById('word').textContent === 'Not judged'");
    let told = browser.text("banner");
    assert!(told.contains("not an image") && told.contains("request "), "{told}");
    shoot(&mut browser, "failure");
    let mut settings = shop.settings();
    settings.address = server.address;
    server.stop();
    server.join();
    drop_file(&mut browser, "part.png", &png());
    browser.wait("document.getElementById('word').textContent === 'Waiting'");
    browser.wait("document.getElementById('link').textContent.startsWith('Not connected')");
    shoot(&mut browser, "gone");
    let server = Running::new(settings);
    let verdict = server.post(PREDICT, &[], &png()).json();
    check_verdict(&mut browser, &verdict);
    browser.wait("document.getElementById('link').textContent === 'Connected'");
    browser.wait("document.getElementById('alert').hidden");
    let unexpected = |problem: &&String| {
        !problem.contains("Failed to load resource") && !problem.contains("ERR_CONNECTION")
    };
    assert_eq!(browser.problems.iter().filter(unexpected).collect::<Vec<_>>(), Vec::<&String>::new());
}
