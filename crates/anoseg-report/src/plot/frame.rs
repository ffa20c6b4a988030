//! The drawing area of a plot with its axes.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::{Axis, Tick};

/// Closest distance, in SVG units, between two points of a drawn line.
const RESOLUTION: f64 = 0.6;

/// A rectangle in SVG units with an axis along its bottom and one along its left side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Frame {
    /// The SVG column of a value.
    pub(crate) fn column(&self, value: f64) -> f64 {
        self.left + self.x.position(value) * (self.right - self.left)
    }

    /// The SVG row of a value.
    pub(crate) fn row(&self, value: f64) -> f64 {
        self.bottom - self.y.position(value) * (self.bottom - self.top)
    }

    /// Horizontal grid lines with their labels on the left, and the base line.
    pub(crate) fn rows(&self, ticks: &[Tick]) -> Markup {
        html! {
            @for tick in ticks {
                @let y = unit(self.bottom - tick.at * (self.bottom - self.top));
                line.grid x1=(self.left) x2=(self.right) y1=(y) y2=(y) {}
                text.tick x=(self.left - 7.0) y=(y) dy="0.35em" text-anchor="end" { (tick.label) }
            }
            line.axis x1=(self.left) x2=(self.right) y1=(self.bottom) y2=(self.bottom) {}
        }
    }

    /// Tick marks below the base line with their labels, and the name of the axis.
    pub(crate) fn columns(&self, ticks: &[Tick], name: &str) -> Markup {
        html! {
            @for tick in ticks {
                @let x = unit(self.left + tick.at * (self.right - self.left));
                line.axis x1=(x) x2=(x) y1=(self.bottom) y2=(self.bottom + 4.0) {}
                text.tick x=(x) y=(self.bottom + 18.0) text-anchor="middle" { (tick.label) }
            }
            text.name x=(unit((self.left + self.right) / 2.0)) y=(self.bottom + 38.0) text-anchor="middle" { (name) }
        }
    }

    /// The name of the vertical axis, read from below.
    pub(crate) fn row_name(&self, name: &str) -> Markup {
        let (x, y) = (12.0, unit((self.top + self.bottom) / 2.0));
        html! { text.name x=(x) y=(y) text-anchor="middle" transform={ "rotate(-90 " (x) " " (y) ")" } { (name) } }
    }

    /// The path through `points` (finite values), without the points that cannot be told apart at
    /// this size.
    pub(crate) fn path(&self, points: &[[f64; 2]]) -> String {
        let mut path = String::new();
        let mut last: Option<[f64; 2]> = None;
        for (i, &[x, y]) in points.iter().enumerate() {
            let place = [self.column(x), self.row(y)];
            let near =
                last.is_some_and(|l| (l[0] - place[0]).abs().max((l[1] - place[1]).abs()) < RESOLUTION);
            if near && i + 1 < points.len() {
                continue;
            }
            let command = if last.is_none() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", unit(place[0]), unit(place[1]));
            last = Some(place);
        }
        path
    }
}

/// An SVG coordinate with one decimal, so that files stay small and the same everywhere.
pub(crate) fn unit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The `svg` element around a plot of `width` x `height` units; `class` says how large its text is.
pub(crate) fn svg(class: &str, width: f64, height: f64, label: &str, content: Markup) -> Markup {
    html! {
        svg class={ "plot " (class) } viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(label) { (content) }
    }
}

/// A plot without data.
pub(crate) fn empty(class: &str, width: f64, height: f64, label: &str) -> Markup {
    let content = html! {
        text.name x=(width / 2.0) y=(height / 2.0) text-anchor="middle" { "No data" }
    };
    svg(class, width, height, label, content)
}
