//! The whole page: what it must never contain, what it must say, and how large it may be.

use anoseg_image::{AnomalyMap, Image, Mask};
use anoseg_metrics::{EvaluatedImage, Evaluation, Intervals};
use anoseg_report::assemble::report_image;
use anoseg_report::{
    Comparison, Curve, Decision, GALLERY_LIMIT, GOOD, Report, ReportImage, Thresholds, Thumbnail,
    TrainingPoint, index, render,
};
use anoseg_train::evaluate::Judged;

const THRESHOLDS: Thresholds = Thresholds { image: 0.6, review: 0.4, pixel: 0.5 };

fn bare(name: &str, defect: &str, score: f32, decision: Decision) -> ReportImage {
    let (name, defect) = (name.to_owned(), defect.to_owned());
    ReportImage { name, defect, score, decision, image: None, anomaly_map: None, contours: None }
}

fn full() -> Report {
    let mut report = Report::new("Bottle", THRESHOLDS);
    report.summary = vec!["It works.".into()];
    report.figures = Some(Evaluation {
        image_auroc: Some(0.987),
        iou_at_threshold: Some(0.5),
        intervals: Intervals { image_auroc: Some([0.912, 0.998]), ..Intervals::default() },
        ..Evaluation::default()
    });
    report.by_defect = vec![("crack".into(), Evaluation { pixel_ap: Some(0.654), ..Evaluation::default() })];
    report.images = vec![
        bare("good/1.png", GOOD, 0.2, Decision::Good),
        bare("crack/2.png", "crack", 0.3, Decision::Good),
        bare("crack/3.png", "crack", 0.9, Decision::Reject),
    ];
    report.curves =
        vec![Curve { title: "ROC".into(), points: vec![[0.0, 0.0], [1.0, 1.0]], ..Curve::default() }];
    report.training =
        vec![TrainingPoint { step: 1, loss: 0.5, learning_rate: 1e-3, discriminator_accuracy: None }];
    report.samples = vec![Thumbnail::from_image(&Image::filled(8, 8, [0.5; 3]))];
    report.provenance = vec![("Seed".into(), "17".into())];
    report.config = "steps = 100".into();
    report
}

/// The white outline of the region of interest was once explained nowhere beside the images.
#[test]
fn the_legend_names_a_region_of_interest_where_there_is_one() {
    let legend = "<span class=\"line region\"></span>region of interest";
    assert!(!render(&full()).contains(legend));
    assert!(render(&Report { region: true, ..full() }).contains(legend));
}

#[test]
fn everything_given_is_shown() {
    let page = render(&full()).replace('\u{a0}', " ");
    for text in [
        "<title>Bottle",
        "It works.",
        "98.7 %",
        "95 % interval 91.2 % to 99.8 %",
        "65.4 %",
        "crack/2.png",
        "Missed",
        "ROC",
        "steps = 100",
        "Seed",
        "Synthetic anomalies",
        "Reject above",
        "id=\"training\"",
    ] {
        assert!(page.contains(text), "{text:?} is missing");
    }
    assert!(!page.contains("class=\"absent\""), "nothing is missing, so nothing is said to be");
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    let evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&";
    let mut report = full();
    report.title = evil.into();
    report.summary = vec![evil.into()];
    report.provenance = vec![(evil.into(), evil.into())];
    report.by_defect = vec![(evil.into(), Evaluation::default())];
    report.images = vec![bare(evil, evil, 0.7, Decision::Reject)];
    report.curves = vec![Curve {
        title: evil.into(),
        x_label: evil.into(),
        y_label: evil.into(),
        note: evil.into(),
        points: vec![[0.1, 0.2], [0.3, 0.4]],
    }];
    report.config = format!("name = \"{evil}\"</code></pre>");
    let page = render(&report);
    assert_eq!(page.matches("<script>").count(), 1, "only the page's own script");
    assert!(!page.contains("<img src=x") && !page.contains("alert(1)>") && !page.contains("</script>\""));
    assert!(!page.contains("</code></pre></code>"));
    assert!(page.matches("&lt;script&gt;alert(").count() >= 10);
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = render(&full());
    for outside in ["http://", "https://", "@import", "url(", "<iframe", "<base", "src=\"/", "//cdn"] {
        assert!(!page.contains(outside), "{outside:?} found");
    }
    for source in page.split(" src=\"").skip(1) {
        assert!(source.starts_with("data:image/jpeg;base64,"));
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn missing_parts_are_named() {
    let page = render(&Report::new("Empty", THRESHOLDS));
    assert_eq!(page.matches("class=\"absent\"").count(), 5);
    for id in ["samples", "provenance", "configuration", "defects"] {
        assert!(!page.contains(&format!("id=\"{id}\"")), "{id} has nothing to show");
    }
    assert!(!page.contains("<nav aria-label=\"Sections\"><a"));
}

#[test]
fn the_same_report_gives_the_same_page() {
    assert!(render(&full()) == render(&full()));
    let mut reversed = full();
    reversed.images.reverse();
    assert!(render(&full()) == render(&reversed), "the order of the images does not matter");
}

#[test]
fn verdicts_are_counted() {
    let page = render(&full());
    let row = page.split("<th scope=\"row\">crack</th>").nth(1).unwrap().split("</tr>").next().unwrap();
    let cells: Vec<&str> = row.split("<td").skip(1).filter_map(|c| c.split(['>', '<']).nth(1)).collect();
    assert_eq!(cells, ["1", "0", "1", "2"]);
    assert!(row.contains("mistake"));
    assert!(page.contains("data-count=\"defective\">1 of 2<"), "the detection rate says what it counts");
}

#[test]
fn the_page_has_the_scores_in_full() {
    let mut report = full();
    report.images[1].score = 0.1 + 0.2;
    report.images[2].score = f32::NAN;
    let page = render(&report);
    let exact = f64::from(0.1f32 + 0.2);
    assert!(page.contains(&format!("data-scores=\"{exact} -\"")), "by row, and a dash for what is no number");
    assert!(page.contains(&format!("data-score=\"{exact}\"")) && page.contains("data-score=\"-\""));
    assert!(
        page.contains(&format!("{}|0.600|", f64::from(THRESHOLDS.image))),
        "the calibrated threshold's place"
    );
}

#[test]
fn without_numbers_there_is_no_slider() {
    let mut report = full();
    assert!(render(&report).contains("id=\"slider\""));
    report.thresholds.image = f32::NAN;
    assert!(!render(&report).contains("id=\"slider\""));
}

#[test]
fn strange_numbers_do_no_harm() {
    let mut report = full();
    report.thresholds = Thresholds { image: f32::NAN, review: f32::NEG_INFINITY, pixel: f32::INFINITY };
    report.figures = Some(Evaluation { image_auroc: Some(f64::NAN), ..Evaluation::default() });
    for image in &mut report.images {
        image.score = f32::NAN;
    }
    report.training.push(TrainingPoint {
        step: u64::MAX,
        loss: f64::INFINITY,
        learning_rate: f64::NAN,
        discriminator_accuracy: Some(f64::NAN),
    });
    let page = render(&report);
    assert!(!page.contains(">NaN") && !page.contains("\"NaN\"") && !page.contains("inf\""));
}

#[test]
fn a_hundred_noisy_images_stay_under_ten_megabytes() {
    let mut state = 1u32;
    let mut noise = move || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    // Not larger than a thumbnail, so that no reduction smooths the noise: harder on JPEG than any
    // image of a part.
    let image = Image::from_fn(320, 320, |x, y| {
        let stripes = 0.2 + 0.2 * (x as f32 / 5.0).sin() * (y as f32 / 9.0).cos();
        [stripes + 0.6 * noise(), stripes + 0.6 * noise(), stripes + 0.6 * noise()]
    });
    let evaluated = EvaluatedImage {
        defect: "crack".into(),
        score: 0.7,
        map: AnomalyMap::from_fn(320, 320, |_, _| noise()),
        mask: Some(Mask::from_fn(320, 320, |x, y| (x / 40 + y / 40) % 2 == 0)),
    };
    let marked = evaluated.map.map(|&value| value > THRESHOLDS.pixel);
    let mut report = full();
    let (path, defect) = ("crack/1.png".into(), "crack".to_owned());
    let judged = Judged { path, defect, score: 0.9, decision: Decision::Reject, map: None };
    report.images = vec![report_image(&judged, &evaluated, (&image, &marked), THRESHOLDS.pixel); 100];
    report.samples = vec![Thumbnail::from_image(&image); 12];
    let size = render(&report).len();
    assert!((3_000_000..10_000_000).contains(&size), "{size} bytes");
}

#[test]
fn a_large_test_set_shows_its_most_telling_images() {
    let mut report = full();
    report.images =
        (0..GALLERY_LIMIT + 50).map(|i| bare(&format!("{i}"), GOOD, 0.1, Decision::Good)).collect();
    report.images.push(bare("the missed one", "crack", 0.1, Decision::Good));
    let page = render(&report);
    assert_eq!(page.matches("<article").count(), GALLERY_LIMIT);
    assert!(page.contains("the missed one") && page.contains("most telling of 351"));
}

#[test]
fn the_index_leads_to_the_reports() {
    let links = [("Ring", "ring/report.html"), ("<b>", "javascript:alert(1)"), ("50 %", "50 %/report.html")];
    let page = index("Demo", None, &links.map(|(name, path)| (name.to_owned(), path.to_owned())));
    for link in ["./ring/report.html", "./javascript:alert(1)", "./50%20%25/report.html"] {
        assert!(page.contains(&format!("href=\"{link}\"")), "{link} is missing");
    }
    assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"));
    assert!(index("Demo", None, &[]).contains("No reports."));
}

#[test]
fn an_index_shows_its_table() {
    let comparison = Comparison {
        remarks: vec!["bolt: no images".into()],
        head: "category".into(),
        title: "Figures".into(),
        note: "Means".into(),
        columns: vec!["image AUROC".into()],
        rows: vec![("<nut>".into(), vec!["0.987".into()])],
    };
    let page = index("Bench", Some(&comparison), &[("nut".into(), "nut.html".into())]);
    assert!(page.contains("image AUROC") && page.contains("0.987") && page.contains("&lt;nut&gt;"));
    assert!(page.contains("<th scope=\"col\">category</th>") && page.contains("bolt: no images</p>"));
    assert!(page.contains("href=\"./nut.html\""));
}
