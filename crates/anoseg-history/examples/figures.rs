//! Measures a history: `cargo run --release --example figures -- FOLDER [VERDICTS]`. The folder must not be there.
#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use anoseg_history::{
    FeedbackFilter, Filter, History, ImageSummary, ModelKey, Record, Retention, Statement, Truth, Used,
};
use anoseg_image::{Image, Region};
use anoseg_infer::Decision;

/// A noisy image, whose thumbnail has a usual size.
fn image(number: usize) -> Image {
    Image::from_fn(512, 512, |x, y| {
        let noise = ((x * 7919 + y * 104_729 + number * 31) % 61) as f32 / 610.0;
        let ring = ((x as f32 - 256.0).hypot(y as f32 - 256.0) / 40.0).sin() * 0.3;
        [0.5 + ring + noise, 0.45 + ring, 0.4 + noise]
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("give a folder that is not there yet")?);
    let count: usize = arguments.next().map_or(Ok(1_000_000), |text| text.to_string_lossy().parse())?;
    if folder.exists() {
        return Err("the folder is there already".into());
    }
    let first = image(0);
    let begun = computed();
    let mut summary = ImageSummary::of(&first);
    println!(
        "summary of 512 x 512: {:.1} ms, thumbnail {} bytes",
        computed() - begun,
        summary.thumbnail.len()
    );
    let retention = Retention { age: None, feedback_age: None, bytes: None };
    let history = History::open(&folder, retention)?;
    let key = ModelKey { name: "token".into(), version: "1".into(), digest: "d".into(), network: "n".into() };
    let used = Used { image: 0.6, review: 0.4, pixel: 0.5 };
    let region = Region { x: 10, y: 20, width: 30, height: 40, area: 700, peak: 0.9, peak_x: 15, peak_y: 25 };

    // Half a thousand with real thumbnails, and the rest with short ones, so that a million fits on a small disk.
    let whole = count.min(5000);
    for (what, from, to) in [("whole", 0, whole), ("short thumbnail", whole, count)] {
        let (begun, cpu, before) = (Instant::now(), computed(), history.bytes()?);
        for number in from..to {
            let score = (number * 7919 % 10_007) as f32 / 10_007.0;
            let score = score.powi(6);
            let (name, time) =
                (format!("line-3/part-{number:08}.png"), 1_700_000_000_000 + number as i64 * 500);
            let regions = if score > 0.4 { &[region][..] } else { &[] };
            let record = Record::new(&name, &key, (used.decide(score), score), used, &summary);
            let id = history.record(&Record { time, regions, ..record })?;
            if number % 5000 == 7 {
                history.state(id, &Statement::new(Truth::Good, "kim"))?;
            }
        }
        let (rows, seconds) = ((to - from) as f64, begun.elapsed().as_secs_f64());
        if rows > 0.0 {
            let bytes = (history.bytes()? - before) as f64 / rows;
            let computed = (computed() - cpu) / rows;
            println!(
                "{what}: {:.0} verdicts/s, {computed:.3} ms computed, {bytes:.0} bytes each",
                rows / seconds
            );
        }
        summary.thumbnail.truncate(40);
    }

    let text = |text: &str| Some(text.to_owned());
    let (start, last) = (1_700_000_000_000_i64, 1_700_000_000_000 + count as i64 * 500);
    let filters = [
        ("all", Filter::default()),
        ("rejects", Filter { decision: Some(Decision::Reject), ..Filter::default() }),
        ("feedback", Filter { feedback: Some(FeedbackFilter::With), ..Filter::default() }),
        ("oldest hour", Filter { until: Some(start + 3_600_000), ..Filter::default() }),
        ("newer half", Filter { from: Some(start + (last - start) / 2), ..Filter::default() }),
        ("scores 0.9 to 1", Filter { least_score: Some(0.9), ..Filter::default() }),
        ("text, one oldest", Filter { text: text("part-00000003"), ..Filter::default() }),
        ("text, none", Filter { text: text("nowhere"), ..Filter::default() }),
        (
            "model, rejects, text",
            Filter {
                model: text("token"),
                decision: Some(Decision::Reject),
                text: text("part-00000"),
                ..Filter::default()
            },
        ),
    ];
    for (what, filter) in filters {
        let times: Vec<f64> = (0..3)
            .map(|_| {
                let begun = computed();
                history.reader().page(&filter, None, 50).map(|_| computed() - begun)
            })
            .collect::<Result<_, _>>()?;
        println!("page of 50, {what}: {:.1} ms first, {:.1} ms then", times[0], times[1].min(times[2]));
    }
    let begun = computed();
    let mut sum = 0.0;
    history.reader().scores(&Filter::default(), 0, |row| sum += row.score)?;
    println!("all scores: {:.0} ms (mean {:.3})", computed() - begun, sum / count as f32);
    let begun = Instant::now();
    drop(history);
    drop(History::open(&folder, retention)?);
    println!("closing and opening: {:.0} ms", ms(begun));
    Ok(())
}

/// Milliseconds that this thread computed since it began, on Linux: on a machine that does other work, wall times tell
/// little.
fn computed() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}
