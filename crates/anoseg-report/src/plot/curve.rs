//! ROC, precision-recall, PRO and other curves.

use maud::{Markup, html};

use super::axis::Axis;
use super::frame::{Frame, empty, svg, unit};
use crate::model::Curve;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 290.0;

/// One curve with the area under it, its axes and, above it, its title and figure.
///
/// Values within 0..=1 get an axis from 0 to 1, or to a round number when the curve ends early (PRO
/// at a false-positive rate of 0.3).
pub fn curve(curve: &Curve) -> Markup {
    let points: Vec<[f64; 2]> =
        curve.points.iter().copied().filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let label = format!("{}: {} over {}. {}", curve.title, curve.y_label, curve.x_label, curve.note);
    html! {
        figure.figure {
            figcaption { strong { (curve.title) } " " span.note { (curve.note) } }
            @if points.is_empty() { (empty("small", WIDTH, HEIGHT, &label)) }
            @else { (drawing(curve, &points, &label)) }
        }
    }
}

fn drawing(curve: &Curve, points: &[[f64; 2]], label: &str) -> Markup {
    let frame = Frame {
        left: 52.0,
        right: WIDTH - 12.0,
        top: 10.0,
        bottom: HEIGHT - 48.0,
        x: share_axis(points.iter().map(|p| p[0]), true),
        y: share_axis(points.iter().map(|p| p[1]), false),
    };
    let path = frame.path(points);
    let content = html! {
        (frame.rows(&frame.y.ticks(5)))
        (frame.columns(&frame.x.ticks(5), &curve.x_label))
        (frame.row_name(&curve.y_label))
        @if let [only] = points {
            circle.dot cx=(unit(frame.column(only[0]))) cy=(unit(frame.row(only[1]))) r="3.5" {}
        } @else {
            path.area d={ (path) (closing(&frame, points)) } {}
            path.curve d=(path) {}
        }
    };
    svg("small", WIDTH, HEIGHT, label, content)
}

/// The path's way back along the base line.
fn closing(frame: &Frame, points: &[[f64; 2]]) -> String {
    let column = |point: Option<&[f64; 2]>| point.map_or(frame.left, |p| unit(frame.column(p[0])));
    format!("L{} {}L{} {}Z", column(points.last()), frame.bottom, column(points.first()), frame.bottom)
}

/// An axis for shares: 0..=1, when the values lie in it (`shorten`: 0 to a round number above
/// them); else what holds them.
fn share_axis(values: impl Iterator<Item = f64> + Clone, shorten: bool) -> Axis {
    let largest = values.clone().fold(0.0, f64::max);
    if values.clone().any(|v| !(-1e-9..=1.0 + 1e-9).contains(&v)) {
        Axis::covering(values)
    } else if shorten && largest > 0.0 && largest < 0.55 {
        Axis::covering([0.0, largest])
    } else {
        Axis::linear(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_points(points: Vec<[f64; 2]>) -> String {
        let title = "ROC <x>".to_owned();
        curve(&Curve { title, note: "AUROC 98.7 %".into(), points, ..Curve::default() }).into_string()
    }

    #[test]
    fn degenerate_curves_are_drawn() {
        assert!(with_points(vec![]).contains("No data"));
        assert!(with_points(vec![[f64::NAN, 0.0]]).contains("No data"));
        assert!(with_points(vec![[0.5, 0.5]]).contains("<circle"));
        assert!(!with_points(vec![[3.0, 3.0]; 9]).contains("NaN"));
    }

    #[test]
    fn a_long_curve_stays_short_and_whole() {
        let n = 100_000;
        let points: Vec<[f64; 2]> =
            (0..=n).map(|i| f64::from(i) / f64::from(n)).map(|x| [x, x.sqrt()]).collect();
        let text = with_points(points);
        assert!(text.len() < 20_000, "{} bytes", text.len());
        assert!(text.contains("M52 242L") && text.contains("L348 10"), "starts and ends at the corners");
        assert!(text.contains("AUROC 98.7 %") && text.contains("ROC &lt;x&gt;"));
    }

    #[test]
    fn the_axis_ends_where_the_curve_does() {
        assert!((share_axis([0.0, 0.3].into_iter(), true).value_at(1.0) - 0.3).abs() < 1e-9);
        assert_eq!(share_axis([0.0, 0.3].into_iter(), false).value_at(1.0), 1.0);
        assert!(share_axis([0.0, 40.0].into_iter(), true).value_at(1.0) >= 40.0);
    }
}
