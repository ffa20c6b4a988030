//! From the network's logits to the anomaly map and the score, as inference does it.

use anoseg_infer::{Description, Extent, Postprocess, ScoreRule};

use crate::graph::{Graph, Name, integer, integers, text};

/// The values that a graph gives.
pub(crate) struct Outputs {
    /// `[n, 1, h, w]`, 0..=1
    pub(crate) map: Name,
    /// `[n]`, 0..=1
    pub(crate) score: Name,
}

/// Map and score of `logits [n, 1, h, w]`; `distance [n, 1, 1, 1]` is that of the second GAN.
pub(crate) fn outputs(
    g: &mut Graph,
    description: &Description,
    (logits, distance): (&str, Option<&str>),
) -> Outputs {
    let geometry = &description.preprocess.geometry;
    let [height, width] = geometry.size();
    // That of images no smaller than the parts that were trained on: the graph's score of a smaller one is
    // relative to a part, that of inference to the image.
    let area = geometry.reference_area(Extent { width, height });
    let logits = smoothed(g, &description.postprocess, logits, area);
    let map = g.op("Sigmoid", &[&logits], Vec::new());
    let score = match distance {
        Some(distance) => score_of_distance(g, distance),
        None => score(g, description.postprocess.score, (&map, &logits), (area, height * width)),
    };
    Outputs { map, score }
}

fn smoothed(g: &mut Graph, postprocess: &Postprocess, logits: &str, area: usize) -> Name {
    let Some(kernel) = postprocess.smoothing(area) else { return logits.to_owned() };
    let bounds = [-Postprocess::MOST_LOGIT, Postprocess::MOST_LOGIT].map(|bound| g.float(bound));
    let clipped = g.op("Clip", &[logits, &bounds[0], &bounds[1]], Vec::new());
    blurred(g, &clipped, &kernel)
}

/// Rows, then columns, weighed by `kernel`; the border's values continue outwards.
fn blurred(g: &mut Graph, map: &str, kernel: &[f32]) -> Name {
    let (count, radius) = (kernel.len(), (kernel.len() / 2) as i64);
    let along = |g: &mut Graph, map: &str, pads: [i64; 8], shape: [usize; 4]| {
        let pads = g.integers(&pads);
        let padded = g.op("Pad", &[map, &pads], vec![text("mode", "edge")]);
        let weights = g.floats(&shape, kernel);
        let sides = [shape[2] as i64, shape[3] as i64];
        g.op("Conv", &[&padded, &weights], vec![integers("kernel_shape", &sides)])
    };
    let rows = along(g, map, [0, 0, 0, radius, 0, 0, 0, radius], [1, 1, 1, count]);
    along(g, &rows, [0, 0, radius, 0, 0, 0, radius, 0], [1, 1, count, 1])
}

/// The mean of the largest values, of a map of so many `pixels` at most.
fn score(
    g: &mut Graph,
    rule: ScoreRule,
    (map, logits): (&str, &str),
    (area, pixels): (usize, usize),
) -> Name {
    let values = match rule.smoothing(area) {
        Some(kernel) => blurred(g, map, &kernel),
        None if rule.takes_logits() => logits.to_owned(),
        None => map.to_owned(),
    };
    let flat = g.op("Flatten", &[&values], vec![integer("axis", 1)]);
    let count = g.integers(&[ScoreRule::pixels(area).min(pixels) as i64]);
    let [largest, _] = g.op_of("TopK", &[&flat, &count], vec![integer("axis", 1)], ["_values", "_places"]);
    let mean = g.reduce("ReduceMean", &largest, &[1]);
    let mean = list(g, &mean);
    if rule.takes_logits() { g.op("Sigmoid", &[&mean], Vec::new()) } else { mean }
}

/// `d / (1 + d)`
fn score_of_distance(g: &mut Graph, distance: &str) -> Name {
    let distance = list(g, distance);
    let above = g.with_float("Add", &distance, 1.0);
    g.op("Div", &[&distance, &above], Vec::new())
}

/// One number for each image, `[n, 1, ...]`, as `[n]`.
fn list(g: &mut Graph, values: &str) -> Name {
    let shape = g.integers(&[-1]);
    g.op("Reshape", &[values, &shape], Vec::new())
}
