//! The loss while training.

use maud::{Markup, html};

use super::axis::{Axis, Tick};
use super::frame::{Frame, empty, svg, unit};
use crate::model::TrainingPoint;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 330.0;
const LOSS_LANE: [f64; 2] = [28.0, 200.0];
const RATE_LANE: [f64; 2] = [240.0, 282.0];

/// Where the discriminator's accuracy is drawn, if there is one; the learning rate then moves down
/// by `ACCURACY_ROOM`.
const ACCURACY_LANE: [f64; 2] = [240.0, 290.0];
const ACCURACY_ROOM: f64 = 88.0;

/// Longer trainings are shown as this many stretches, each with its mean and its extremes.
const STRETCHES: usize = 120;

/// A stretch of steps: the middle step and the loss's least, mean and greatest value.
struct Stretch {
    step: f64,
    least: f64,
    mean: f64,
    greatest: f64,
}

/// Loss over steps, below it the discriminator's accuracy, where there was one, and the learning
/// rate. With `log_loss` the loss axis is logarithmic and losses that are not positive are skipped.
///
/// A long training is drawn as the mean over stretches of steps within the band of that stretch's
/// extremes.
pub fn training_curve(points: &[TrainingPoint], log_loss: bool) -> Markup {
    let label =
        "Training loss, learning rate and, where there was one, the discriminator's accuracy over steps";
    let mut points: Vec<TrainingPoint> =
        points.iter().copied().filter(|p| p.loss.is_finite() && (!log_loss || p.loss > 0.0)).collect();
    points.sort_by_key(|p| p.step);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return empty("wide", WIDTH, HEIGHT, label);
    };
    let x = Axis::linear(first.step as f64, last.step as f64);
    let losses = points.iter().map(|p| p.loss);
    let y = if log_loss { Axis::logarithmic(losses) } else { Axis::covering(losses) };
    let loss = lane(LOSS_LANE, x, y);
    let accuracy = accuracy(&points, x);
    let room = if accuracy.is_some() { ACCURACY_ROOM } else { 0.0 };
    let content = html! {
        text.lane x=(loss.left) y=(loss.top - 12.0) {
            "Loss" @if log_loss { " " tspan.tick { "(logarithmic)" } }
        }
        (loss.rows(&loss.y.ticks(5)))
        (loss_line(&loss, &stretches(&points)))
        @if let Some(accuracy) = accuracy { (accuracy) }
        (learning_rate(&points, x, RATE_LANE.map(|edge| edge + room)))
    };
    svg("wide", WIDTH, HEIGHT + room, label, content)
}

/// Whether the loss falls so far (by a factor of 30 or more, all of it positive) that a logarithmic
/// axis shows it better.
pub fn spans_decades(points: &[TrainingPoint]) -> bool {
    let losses = || points.iter().map(|p| p.loss).filter(|l| l.is_finite());
    let least = losses().fold(f64::INFINITY, f64::min);
    let greatest = losses().fold(0.0, f64::max);
    least > 0.0 && greatest.is_finite() && greatest / least >= 30.0
}

fn lane([top, bottom]: [f64; 2], x: Axis, y: Axis) -> Frame {
    Frame { left: 52.0, right: WIDTH - 14.0, top, bottom, x, y }
}

fn stretches(points: &[TrainingPoint]) -> Vec<Stretch> {
    let length = points.len().div_ceil(STRETCHES).max(1);
    points
        .chunks(length)
        .map(|chunk| {
            let losses = || chunk.iter().map(|p| p.loss);
            let n = chunk.len() as f64;
            Stretch {
                step: chunk.iter().map(|p| p.step as f64 / n).sum(),
                least: losses().fold(f64::INFINITY, f64::min),
                mean: losses().map(|l| l / n).sum(),
                greatest: losses().fold(f64::NEG_INFINITY, f64::max),
            }
        })
        .collect()
}

fn loss_line(frame: &Frame, stretches: &[Stretch]) -> Markup {
    let line: Vec<[f64; 2]> = stretches.iter().map(|s| [s.step, s.mean]).collect();
    let there = stretches.iter().map(|s| [s.step, s.greatest]);
    let back = stretches.iter().rev().map(|s| [s.step, s.least]);
    let band: Vec<[f64; 2]> = there.chain(back).collect();
    html! {
        @if let [only] = line.as_slice() {
            circle.dot cx=(unit(frame.column(only[0]))) cy=(unit(frame.row(only[1]))) r="3.5" {}
        } @else {
            path.band d={ (frame.path(&band)) "Z" } {}
            path.curve d=(frame.path(&line)) {}
        }
    }
}

/// How many pairs the discriminator tells apart: one half is a draw, all of them is a generator
/// that learns nothing from it. `None` where there was no discriminator.
fn accuracy(points: &[TrainingPoint], x: Axis) -> Option<Markup> {
    let accuracies = points.iter().filter_map(|p| Some([p.step as f64, p.discriminator_accuracy?]));
    let known: Vec<[f64; 2]> = accuracies.filter(|[_, accuracy]| accuracy.is_finite()).collect();
    let length = known.len().div_ceil(STRETCHES).max(1);
    let mean = |chunk: &[[f64; 2]], i: usize| chunk.iter().map(|p| p[i]).sum::<f64>() / chunk.len() as f64;
    let line: Vec<[f64; 2]> = known.chunks(length).map(|chunk| [mean(chunk, 0), mean(chunk, 1)]).collect();
    let frame = lane(ACCURACY_LANE, x, Axis::linear(0.0, 1.0));
    let tick = |at: f64, label: &str| Tick { at, label: label.to_owned() };
    (!line.is_empty()).then(|| {
        html! {
            text.lane x=(frame.left) y=(frame.top - 12.0) { "Pairs that the discriminator tells apart" }
            (frame.rows(&[tick(0.0, "0 %"), tick(0.5, "50 %"), tick(1.0, "100 %")]))
            path.rate d=(frame.path(&line)) {}
        }
    })
}

fn learning_rate(points: &[TrainingPoint], x: Axis, edges: [f64; 2]) -> Markup {
    let rates: Vec<[f64; 2]> = points
        .iter()
        .filter(|p| p.learning_rate.is_finite())
        .map(|p| [p.step as f64, p.learning_rate])
        .collect();
    let highest = rates.iter().map(|r| r[1]).fold(0.0, f64::max);
    let frame = lane(edges, x, Axis::linear(0.0, highest));
    let zero = Tick { at: 0.0, label: "0".to_owned() };
    html! {
        text.lane x=(frame.left) y=(frame.top - 12.0) {
            "Learning rate" @if highest > 0.0 { " " tspan.tick { "(up to " (brief(highest)) ")" } }
        }
        (frame.rows(&[zero]))
        (frame.columns(&x.ticks(6), "Step"))
        path.rate d=(frame.path(&rates)) {}
    }
}

/// Three significant figures without trailing zeros: `0.002`.
fn brief(rate: f64) -> String {
    format!("{rate:.2e}").parse::<f64>().unwrap_or(rate).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(losses: impl IntoIterator<Item = f64>) -> Vec<TrainingPoint> {
        let point = |(i, loss)| TrainingPoint {
            step: i as u64 + 1,
            loss,
            learning_rate: 1e-3,
            discriminator_accuracy: None,
        };
        losses.into_iter().enumerate().map(point).collect()
    }

    #[test]
    fn degenerate_trainings_are_drawn() {
        for log_loss in [false, true] {
            assert!(training_curve(&[], log_loss).into_string().contains("No data"));
            assert!(training_curve(&points([f64::NAN]), log_loss).into_string().contains("No data"));
            assert!(training_curve(&points([0.5]), log_loss).into_string().contains("<circle"));
            let constant = training_curve(&points([0.5; 40]), log_loss).into_string();
            assert!(constant.contains("class=\"curve\"") && !constant.contains("NaN"));
        }
    }

    #[test]
    fn a_long_training_stays_small() {
        let losses = (0..200_000).map(|i| 1.0 / f64::from(i + 1) + f64::from(i % 7) * 0.01);
        let text = training_curve(&points(losses), true).into_string();
        assert!(text.len() < 20_000, "{} bytes", text.len());
    }

    #[test]
    fn a_discriminator_has_a_lane_of_its_own() {
        let mut adversarial = points([0.5; 40]);
        let without = training_curve(&adversarial, false).into_string();
        adversarial.iter_mut().for_each(|point| point.discriminator_accuracy = Some(0.75));
        adversarial[3].discriminator_accuracy = Some(f64::NAN);
        let with = training_curve(&adversarial, false).into_string();
        assert!(!without.contains("tells apart") && with.contains("tells apart"));
        assert!(!with.contains("NaN"));
    }

    #[test]
    fn stretches_keep_mean_and_extremes() {
        let all = stretches(&points((0..240).map(f64::from)));
        assert_eq!(all.len(), 120);
        assert_eq!((all[1].least, all[1].mean, all[1].greatest, all[1].step), (2.0, 2.5, 3.0, 3.5));
    }

    #[test]
    fn the_logarithm_is_for_losses_that_fall_far() {
        assert!(spans_decades(&points([1.0, 0.01])));
        assert!(!spans_decades(&points([1.0, 0.5])));
        assert!(!spans_decades(&points([1.0, 0.0])));
        assert!(!spans_decades(&[]));
    }
}
