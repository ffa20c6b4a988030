//! The page in a real browser: what the slider, the filters and the order do, and that nothing
//! complains or overflows.
//!
//! Needs Chromium: the one that the environment variable `CHROMIUM` names, else one of the usual
//! names in `PATH`. Without one the test says so and passes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anoseg_image::Image;
use anoseg_metrics::Evaluation;
use anoseg_report::{Decision, GOOD, Report, ReportImage, Thresholds, Thumbnail, render};
use serde_json::Value;

/// Long enough for a machine that is busy with something else.
const TIME_LIMIT: Duration = Duration::from_secs(120);

const THRESHOLDS: Thresholds = Thresholds { image: 0.6, review: 0.4, pixel: 0.5 };

/// Defect type and score. Two images share a score, two differ in the last digit of an `f32` alone,
/// one has no score.
const IMAGES: [(&str, f32); 14] = [
    (GOOD, 0.05),
    (GOOD, 0.1),
    (GOOD, 0.3),
    (GOOD, 0.45),
    (GOOD, 0.6),
    (GOOD, 0.6000001),
    (GOOD, 0.9),
    ("crack", f32::NAN),
    ("crack", 0.2),
    ("crack", 0.3),
    ("crack", 0.5),
    ("crack", 0.95),
    ("stain", 0.61),
    ("stain", 0.99),
];

/// The types of defect among them.
const TYPES: [&str; 2] = ["crack", "stain"];

fn name(i: usize) -> String {
    format!("{}/{i:02}.png", IMAGES[i].0)
}

fn page() -> String {
    let thumbnail = Some(Thumbnail::from_image(&Image::filled(64, 48, [0.5; 3])));
    let image = |i: usize| {
        let (defect, score) = IMAGES[i];
        let decision = match score {
            s if s > THRESHOLDS.image => Decision::Reject,
            s if s > THRESHOLDS.review => Decision::Review,
            _ => Decision::Good,
        };
        ReportImage {
            name: name(i),
            defect: defect.to_owned(),
            score,
            decision,
            image: thumbnail.clone(),
            anomaly_map: thumbnail.clone(),
            contours: thumbnail.clone(),
        }
    };
    let mut report = Report::new("A part with a rather long name", THRESHOLDS);
    report.summary =
        vec!["What a summary says, in a sentence that does not fit into one line of a phone.".into()];
    report.images = (0..IMAGES.len()).map(image).collect();
    let figures = |belong: &dyn Fn(&str) -> bool| Evaluation {
        detection_rate: Some(rejected_share(f64::from(THRESHOLDS.image), belong)),
        false_reject_rate: Some(rejected_share(f64::from(THRESHOLDS.image), &|defect| defect == GOOD)),
        ..Evaluation::default()
    };
    report.by_defect = TYPES.map(|d| (d.to_owned(), figures(&|defect| defect == d))).to_vec();
    report.figures = Some(figures(&|defect| defect != GOOD));
    report.provenance = vec![("Data".into(), "0123456789abcdef".repeat(4))];
    report.config =
        "setting = \"a line that is far too long for a phone and has to scroll in its own box\"".into();
    render(&report)
}

/// The slider's thresholds by their definition: half-way between scores, below the lowest, at the
/// highest; the calibrated one in the gap that it lies in.
fn thresholds() -> Vec<f64> {
    let mut scores: Vec<f64> = IMAGES.iter().map(|p| f64::from(p.1)).filter(|s| !s.is_nan()).collect();
    scores.sort_by(f64::total_cmp);
    scores.dedup();
    let calibrated = f64::from(THRESHOLDS.image);
    let gap = |i: usize| {
        let low = if i == 0 { f64::NEG_INFINITY } else { scores[i - 1] };
        let high = scores.get(i).copied().unwrap_or(f64::INFINITY);
        match (low, high) {
            (low, high) if low <= calibrated && calibrated < high => calibrated,
            (low, f64::INFINITY) => low,
            (f64::NEG_INFINITY, high) => high / 2.0,
            (low, high) => (low + high) / 2.0,
        }
    };
    (0..=scores.len()).map(gap).collect()
}

/// Accepted, to review, rejected and all images that `belong`, at a threshold; with the review band
/// at the calibrated one.
fn counts(threshold: f64, belong: &dyn Fn(&str) -> bool) -> [usize; 4] {
    let scores: Vec<f64> = IMAGES.iter().filter(|p| belong(p.0)).map(|p| f64::from(p.1)).collect();
    let above = |limit: f64| scores.iter().filter(|score| **score > limit).count();
    let rejected = above(threshold);
    let calibrated = threshold == f64::from(THRESHOLDS.image);
    let review = if calibrated { above(f64::from(THRESHOLDS.review)) - rejected } else { 0 };
    [scores.len() - rejected - review, review, rejected, scores.len()]
}

fn rejected_share(threshold: f64, belong: &dyn Fn(&str) -> bool) -> f64 {
    let [_, _, rejected, all] = counts(threshold, belong);
    rejected as f64 / all as f64
}

fn share(rejected: usize, all: usize) -> String {
    format!("{:.1} % {rejected} of {all}", 100.0 * rejected as f64 / all as f64)
}

/// The names of the cards in an order given by key, ties by name.
fn sorted_by<K: PartialOrd>(key: impl Fn(f32) -> K) -> Vec<String> {
    let mut order: Vec<usize> = (0..IMAGES.len()).collect();
    order.sort_by(|&a, &b| {
        let [x, y] = [a, b].map(|i| key(IMAGES[i].1));
        x.partial_cmp(&y).expect("keys are ordered").then_with(|| name(a).cmp(&name(b)))
    });
    order.into_iter().map(name).collect()
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|v| v.as_str().expect("a name").to_owned()).collect()
}

fn named(keep: impl Fn(&str, f32) -> bool) -> Vec<String> {
    let mut names: Vec<String> =
        (0..IMAGES.len()).filter(|&i| keep(IMAGES[i].0, IMAGES[i].1)).map(name).collect();
    names.sort();
    names
}

#[test]
#[expect(clippy::print_stderr, reason = "whoever runs the test should see that it was skipped")]
fn the_page_does_in_a_browser_what_it_says() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: no Chromium found; set CHROMIUM to its path");
        return;
    };
    for (width, outcome) in outcomes(&chromium) {
        assert_eq!(outcome["errors"], Value::Array(Vec::new()), "at {width} px");
        assert!(
            outcome["overflow"].as_f64().expect("a number") <= 0.0,
            "{} at {width} px",
            outcome["overflow"]
        );
        assert_eq!(outcome["dark"], true, "the colours can be switched");
        check_slider(&outcome);
        check_order(&outcome);
        check_filters(&outcome);
        check_viewer(&outcome);
    }
}

fn check_slider(outcome: &Value) {
    let thresholds = thresholds();
    let places = outcome["places"].as_array().expect("a list");
    assert_eq!(places.len(), thresholds.len());
    for (place, &threshold) in places.iter().zip(&thresholds) {
        let calibrated = threshold == f64::from(THRESHOLDS.image);
        // As text, which keeps every digit.
        assert_eq!(place["threshold"], threshold.to_string());
        let good = counts(threshold, &|defect| defect == GOOD);
        let defective = counts(threshold, &|defect| defect != GOOD);
        let rows =
            [good, defective].into_iter().chain(TYPES.map(|d| counts(threshold, &|defect| defect == d)));
        let expected: Vec<Vec<String>> = rows.map(|row| row.iter().map(usize::to_string).collect()).collect();
        assert_eq!(place["table"], serde_json::json!(expected), "above {threshold}");
        assert_eq!(
            place["rates"],
            serde_json::json!([share(good[2], good[3]), share(defective[2], defective[3])])
        );
        let found = |belong: &dyn Fn(&str) -> bool| {
            let shares = [rejected_share(threshold, belong), rejected_share(threshold, &|d| d == GOOD)];
            shares.map(|share| format!("{:.1} %", 100.0 * share))
        };
        let [crack, stain] = TYPES.map(|d| found(&|defect| defect == d));
        assert_eq!(
            place["shares"],
            serde_json::json!([crack, stain, found(&|defect| defect != GOOD)]),
            "the figures by defect type follow, above {threshold}"
        );
        assert_eq!(place["moved"], !calibrated, "the page says whether it shows what was calibrated");
        for (i, (defect, score)) in IMAGES.iter().enumerate() {
            let (score, defective) = (f64::from(*score), *defect != GOOD);
            let badge = match (score > threshold, defective) {
                (true, false) => "False alarm",
                (true, true) => "Rejected",
                _ if calibrated && score > f64::from(THRESHOLDS.review) => "Review",
                (false, true) => "Missed",
                (false, false) => "Accepted",
            };
            assert_eq!(place["badges"][name(i)], badge, "{} above {threshold}", name(i));
        }
    }
    assert_eq!(outcome["start"], outcome["back"], "the button brings the calibrated state back");
    let calibrated = thresholds.iter().position(|t| *t == f64::from(THRESHOLDS.image));
    assert_eq!(outcome["start"]["place"].as_u64(), calibrated.map(|i| i as u64), "it starts as calibrated");
}

fn check_order(outcome: &Value) {
    let highest = sorted_by(|score| if score.is_nan() { f32::INFINITY } else { -score });
    let lowest = sorted_by(|score| if score.is_nan() { f32::INFINITY } else { score });
    assert_eq!(names(&outcome["orders"]["highest"]), highest);
    assert_eq!(names(&outcome["orders"]["lowest"]), lowest);
    assert_eq!(names(&outcome["orders"]["name"]), sorted_by(|_| 0));
    let worst = names(&outcome["orders"]["worst"]);
    let start = ["crack/07.png", "crack/08.png", "crack/09.png", "good/06.png", "good/05.png"];
    assert_eq!(worst[..5], start, "missed ones first, then false alarms, each the worst first");
    assert_eq!(worst, names(&outcome["untouched"]), "as without the script");
}

fn check_filters(outcome: &Value) {
    let reject = |score: f32| score > THRESHOLDS.image;
    let shown = |what: &str| {
        let mut shown = names(&outcome["filtered"][what]);
        shown.sort();
        shown
    };
    assert_eq!(shown("reject,"), named(|_, score| reject(score)));
    assert_eq!(shown("reject,crack"), named(|defect, score| reject(score) && defect == "crack"));
    assert_eq!(shown(",crack"), named(|defect, _| defect == "crack"));
    assert_eq!(shown("alarm,good"), named(|defect, score| reject(score) && defect == GOOD));
    assert_eq!(shown("review,"), named(|_, score| score > THRESHOLDS.review && !reject(score)));
    assert_eq!(shown(",").len(), IMAGES.len());
    assert_eq!(outcome["count"], format!("2 of {} shown", IMAGES.len()), "false alarms among good images");
    // Moved below all scores, the one image without a score is the only one left that is accepted.
    assert_eq!(names(&outcome["accepted_at_lowest"]), ["crack/07.png"]);
}

fn check_viewer(outcome: &Value) {
    assert_eq!(outcome["viewer"], "good/06.png · score 0.900 · False alarm", "the next of the images shown");
    assert_eq!(outcome["viewer_marks"].as_u64(), Some(1), "it shows where the score falls");
}

/// What the test script found in pages of a phone's and of a desk's width.
fn outcomes(chromium: &Path) -> Vec<(u32, Value)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let watch = format!("<head><script>{}</script>", include_str!("browser/watch.js"));
    let act = format!("<script>{}</script></body>", include_str!("browser/act.js"));
    let page = page();
    // The page's policy allows its own script alone; the test's script at the end needs another.
    let own = page.split("script-src ").nth(1).and_then(|rest| rest.split('"').next()).expect("a policy");
    let page = page.replace(own, "'unsafe-inline'").replacen("<head>", &watch, 1).replace("</body>", &act);
    fs::write(folder.path().join("page.html"), page).expect("the page is written");
    let widths = [360, 1280];
    let frames =
        widths.map(|width| format!("<iframe name={width} width={width} height=800 src=page.html></iframe>"));
    let host = format!(
        "<!DOCTYPE html><meta charset=utf-8><pre id=outcome></pre><script>{}</script>{}",
        include_str!("browser/host.js"),
        frames.concat()
    );
    fs::write(folder.path().join("host.html"), host).expect("the host is written");
    let dom = dump(chromium, folder.path());
    let text = dom.split("<pre id=\"outcome\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let text =
        text.expect("the host's outcome").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let outcome: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    widths.map(|width| (width, outcome[width.to_string()].clone())).to_vec()
}

/// The host page's document after its scripts have run.
fn dump(chromium: &Path, folder: &Path) -> String {
    let output = folder.join("dom.html");
    let mut child = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", folder.join("host.html").display()))
        .stdin(Stdio::null())
        .stdout(File::create(&output).expect("a file for the document"))
        .stderr(Stdio::null())
        .spawn()
        .expect("Chromium starts");
    let start = Instant::now();
    while child.try_wait().expect("Chromium can be waited for").is_none() {
        if start.elapsed() > TIME_LIMIT {
            child.kill().expect("Chromium can be ended");
            child.wait().expect("Chromium has ended");
            panic!("Chromium took more than {TIME_LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::read_to_string(output).expect("the document is UTF-8")
}

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}
