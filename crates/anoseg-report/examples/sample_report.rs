//! Writes a report with synthetic data: `cargo run -p anoseg-report --example sample_report --
//! report.html`.

use std::f32::consts::TAU;

use anoseg_image::{AnomalyMap, Image, Mask};
use anoseg_metrics::{Evaluation, Intervals};
use anoseg_report::{
    Curve, Decision, GOOD, GROUND_TRUTH_COLOUR, Report, ReportImage, Thresholds, Thumbnail, TrainingPoint,
    contact_sheet, contours, heat_overlay, outlined, plain_summary, render,
};

const SIZE: usize = 400;
const THRESHOLDS: Thresholds = Thresholds { image: 0.62, review: 0.48, pixel: 0.43 };
const CONFIG: &str = "preset = \"fast\"\nseed = 0\n\n[data]\nsize = [256, 256]\n\n[train]\nsteps = 2000\nbatch = 8\n\
                      learning_rate = 2e-3\nloss = { focal = 10.0, dice = 0.3 }\n";

/// Repeatable noise in 0..1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// A round part with a bore, seen from above.
fn part(noise: &mut Noise) -> Image {
    let shade = 0.95 + 0.1 * noise.next();
    Image::from_fn(SIZE, SIZE, |x, y| {
        let (u, v) = (x as f32 / SIZE as f32 - 0.5, y as f32 / SIZE as f32 - 0.5);
        let radius = u.hypot(v);
        let brushed = 0.04 * (radius * 220.0).sin() + 0.05 * (noise.next() - 0.5);
        let light = shade * (0.55 + 0.35 * (0.5 - u - v).clamp(0.0, 1.0)) + brushed;
        match radius {
            r if r < 0.13 => [0.10, 0.11, 0.13].map(|c| c + 0.3 * brushed),
            r if r < 0.40 => [light, light * 0.98, light * 0.94],
            _ => [0.80, 0.82, 0.83].map(|c| c + 0.2 * brushed),
        }
    })
}

/// A scratch or a stain on the part: where it is.
fn defect(kind: &str, noise: &mut Noise) -> Mask {
    let angle = TAU * noise.next();
    let (cx, cy) = (0.27 * angle.cos(), 0.27 * angle.sin());
    let (length, breadth) = if kind == "scratch" { (0.11, 0.010) } else { (0.09, 0.06) };
    let (sin, cos) = (TAU * noise.next()).sin_cos();
    Mask::from_fn(SIZE, SIZE, |x, y| {
        let (u, v) = (x as f32 / SIZE as f32 - 0.5 - cx, y as f32 / SIZE as f32 - 0.5 - cy);
        let (along, across) = (cos * u + sin * v, cos * v - sin * u);
        let wobble = 1.0 + 0.2 * (40.0 * u).sin() * (33.0 * v).cos();
        (along / length).powi(2) + (across / breadth).powi(2) < wobble
    })
}

/// Paints the defect into the image.
fn spoil(image: &mut Image, mask: &Mask, kind: &str) {
    let tint = if kind == "scratch" { [0.92, 0.93, 0.95] } else { [0.36, 0.24, 0.12] };
    for y in 0..SIZE {
        for x in (0..SIZE).filter(|&x| mask.get(x, y)) {
            let below = image.get(x, y);
            image.set(x, y, [0, 1, 2].map(|c| 0.35 * below[c] + 0.65 * tint[c]));
        }
    }
}

/// A plausible anomaly map: the mask blurred, times `strength`, over a faint background.
fn anomaly_map(mask: &Mask, strength: f32, noise: &mut Noise) -> AnomalyMap {
    let mut map = mask.map(|&m| if m { strength } else { 0.0 });
    for _ in 0..3 {
        for vertical in [false, true] {
            let source = map.clone();
            map = AnomalyMap::from_fn(SIZE, SIZE, |x, y| {
                let place = |i: isize| {
                    let at = |v: usize| (v as isize + i).clamp(0, SIZE as isize - 1) as usize;
                    if vertical { source.get(x, at(y)) } else { source.get(at(x), y) }
                };
                (-4..=4).map(place).sum::<f32>() / 9.0
            });
        }
    }
    map.map(|&v| (1.6 * v).min(strength) + 0.06 * noise.next())
}

fn test_image(index: usize, kind: &str, noise: &mut Noise) -> ReportImage {
    let mut image = part(noise);
    let defective = kind != GOOD;
    let mask = if defective { defect(kind, noise) } else { Mask::filled(SIZE, SIZE, false) };
    spoil(&mut image, &mask, kind);
    let strength =
        if defective { (0.4 + 0.9 * noise.next()).min(0.98) } else { 0.1 + 0.55 * noise.next().powi(2) };
    let score = strength;
    let decision = match score {
        s if s > THRESHOLDS.image => Decision::Reject,
        s if s > THRESHOLDS.review => Decision::Review,
        _ => Decision::Good,
    };
    let map = if defective {
        anomaly_map(&mask, strength, noise)
    } else {
        anomaly_map(&defect("stain", noise), score, noise)
    };
    let marked = map.map(|&value| value > THRESHOLDS.pixel);
    ReportImage {
        name: format!("{kind}/{index:03}.png"),
        defect: kind.to_owned(),
        score,
        decision,
        image: Some(Thumbnail::from_image(&image)),
        anomaly_map: Some(Thumbnail::from_image(&heat_overlay(&image, &map, THRESHOLDS.pixel, 1.0))),
        contours: Some(Thumbnail::from_image(&contours(&image, &marked, Some(&mask)))),
    }
}

fn curves() -> Vec<Curve> {
    let shape = |power: f64, end: f64| -> Vec<[f64; 2]> {
        (0..=200)
            .map(|i| f64::from(i) / 200.0)
            .map(|t| [t.powi(3) * end, 1.0 - (1.0 - t.powi(3)).powf(power)])
            .collect()
    };
    let curve = |title: &str, x: &str, y: &str, note: &str, points| Curve {
        title: title.into(),
        x_label: x.into(),
        y_label: y.into(),
        note: note.into(),
        points,
    };
    let falling = (0..=200).map(|i| f64::from(i) / 200.0).map(|t| [t, 1.0 - 0.75 * t.powi(5)]).collect();
    vec![
        curve("ROC, images", "False-positive rate", "True-positive rate", "AUROC 92.3 %", shape(12.0, 1.0)),
        curve("Precision and recall, pixels", "Recall", "Precision", "AP 81.2 %", falling),
        curve("PRO", "False-positive rate", "Overlap per region", "AUPRO 93.4 %", shape(20.0, 0.3)),
    ]
}

fn training(noise: &mut Noise) -> Vec<TrainingPoint> {
    (1..=2000u64)
        .map(|step| {
            let part = step as f64 / 2000.0;
            let loss =
                0.9 * (-6.0 * part).exp() + 0.018 + f64::from(noise.next()) * 0.12 * (-4.0 * part).exp();
            let warm = (part / 0.2).min(1.0);
            let learning_rate =
                2e-3 * warm * (0.5 + 0.5 * (std::f64::consts::PI * ((part - 0.2).max(0.0) / 0.8)).cos());
            TrainingPoint { step, loss, learning_rate, discriminator_accuracy: None }
        })
        .collect()
}

/// Invented pixel figures, and the rates as they are.
fn figures(shift: f64, images: &[&ReportImage]) -> Evaluation {
    let rejected = |defective: bool| {
        let all: Vec<_> = images.iter().filter(|i| i.is_defective() == defective).collect();
        let rejected = all.iter().filter(|i| i.decision == Decision::Reject).count();
        (!all.is_empty()).then(|| rejected as f64 / all.len() as f64)
    };
    Evaluation {
        images: images.len(),
        image_auroc: Some(0.923 - shift),
        image_ap: Some(0.941 - shift),
        pixel_auroc: Some(0.976 - shift / 2.0),
        pixel_ap: Some(0.812 - 2.0 * shift),
        pixel_f1_max: Some(0.771 - shift),
        iou_max: Some(0.627 - shift),
        iou_at_threshold: Some(0.584 - shift),
        region_recall: Some(0.672 - shift),
        aupro_30: Some(0.934 - shift),
        aupro_05: Some(0.741 - shift),
        false_reject_rate: rejected(false),
        detection_rate: rejected(true),
        intervals: Intervals { image_auroc: Some([0.861 - shift, 0.972 - shift]), ..Intervals::default() },
    }
}

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "report.html".to_owned());
    let mut noise = Noise(11);
    let mut report = Report::new("Bearing ring", THRESHOLDS);
    for (kind, n) in [(GOOD, 20), ("scratch", 14), ("stain", 12)] {
        report.images.extend((0..n).map(|i| test_image(i, kind, &mut noise)));
    }
    report.summary = vec![
        plain_summary(209, 0.01, &report.images),
        "Synthetic data: this page shows the layout of a report, not the accuracy of a model.".to_owned(),
    ];
    report.figures = Some(figures(0.0, &report.images.iter().collect::<Vec<_>>()));
    report.by_defect = [("scratch", 0.031), ("stain", -0.012)]
        .map(|(kind, shift)| {
            let of_kind: Vec<&ReportImage> = report.images.iter().filter(|i| i.defect == kind).collect();
            (kind.to_owned(), figures(shift, &of_kind))
        })
        .to_vec();
    report.curves = curves();
    report.training = training(&mut noise);
    let pairs: Vec<Image> = (0..6)
        .flat_map(|i| {
            let kind = ["scratch", "stain"][i % 2];
            let (mask, mut image) = (defect(kind, &mut noise), part(&mut noise));
            spoil(&mut image, &mask, kind);
            [image.clone(), outlined(&image, &mask, GROUND_TRUTH_COLOUR)]
        })
        .collect();
    report.samples = vec![Thumbnail::with_size(&contact_sheet(&pairs, 6, 180), 1200, 80)];
    report.provenance = [
        ("Model", "bearing.anoseg"),
        ("Data", "bearing, 209 training images"),
        ("Data manifest", "9f1c2a7be0d84c55a3e1f6b70b1d2c4e8a96730512bd4fce77a1903bd5e6c821"),
        ("Preset", "fast"),
        ("Seed", "0"),
        ("Training time", "11 min 42 s on 2 threads"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    report.config = CONFIG.to_owned();
    std::fs::write(path, render(&report))
}
