//! The report as one HTML file.

mod assessment;
mod card;
mod confusion;
mod filters;
mod gallery;
mod sections;
mod threshold;

use anoseg_image::draw::blended_colour;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use gallery::GALLERY_LIMIT;

use crate::model::{Comparison, Report};

const STYLE: &str = include_str!("assets/style.css");
const DARK: &str = include_str!("assets/dark.css");

/// Each part handles its own elements and does nothing on pages without them.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("assets/theme.js"),
    include_str!("assets/gallery.js"),
    include_str!("assets/threshold.js"),
    include_str!("assets/viewer.js"),
);

/// SHA-256 of [`SCRIPT`] in Base64. A test says what it must be.
const SCRIPT_SHA256: &str = "08oRZ+q68v9rBM7RsREHN8t4lerTOSiyYlf5UBoP52c=";

/// No browser that obeys this policy loads anything from outside the file, or runs a script other than
/// [`SCRIPT`] ("Content Security Policy Level 3", W3C, 2.3.1).
fn policy() -> String {
    format!(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_SHA256}'"
    )
}

/// The report as one HTML document: images, plots, style and script are all inside, nothing is
/// loaded from elsewhere.
///
/// It follows the reader's light or dark setting and can be switched, fits a phone, and prints (in
/// light colours). Without script everything is shown; only the threshold's slider, filters, order
/// and enlarged images need it. The same report always gives the same text.
pub fn render(report: &Report) -> String {
    page(&format!("{} · anomaly segmentation report", report.title), body(report))
}

/// A page in the style of the reports that links to several of them: pairs of a name and a path
/// relative to this page, with `/` between folders. A table that compares them stands above the
/// links.
pub fn index(title: &str, comparison: Option<&Comparison>, links: &[(String, String)]) -> String {
    let body = html! {
        header.page {
            (bar())
            h1 { (title) }
        }
        main {
            @if let Some(comparison) = comparison { (sections::comparison(comparison)) }
            ul.links {
                @for (name, path) in links {
                    li { a href=(relative_link(path)) { (name) } }
                }
            }
            @if links.is_empty() { (sections::absent("No reports.")) }
        }
    };
    page(title, body)
}

/// A path as a link: always relative, with the characters escaped that have a meaning in links.
fn relative_link(path: &str) -> String {
    let escaped = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20");
    format!("./{}", escaped.trim_start_matches('/'))
}

fn page(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="anoseg";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(style())) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// The line above the title, with the switch between light and dark.
fn bar() -> Markup {
    html! {
        div.bar {
            span.brand { "Anomaly segmentation report" }
            button #theme type="button" hidden { "Dark" }
        }
    }
}

fn body(report: &Report) -> Markup {
    html! {
        header.page {
            (bar())
            h1 { (report.title) }
            (sections::summary(report))
            (sections::contents(report))
        }
        main {
            (assessment::figures(report))
            (assessment::verdicts(report))
            (assessment::by_defect(report))
            @if let Some(comparison) = &report.comparison { (sections::comparison(comparison)) }
            (sections::curves(report))
            (gallery::gallery(report))
            (sections::training(report))
            (sections::samples(report))
            (sections::provenance(report))
            (sections::configuration(report))
        }
        (gallery::viewer(report))
    }
}

/// A score or threshold in full, as the script reads it; `-` for what is no number.
fn exact(value: f32) -> String {
    if value.is_nan() {
        "-".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        f64::from(value).to_string()
    }
}

/// The style sheet, with the dark colours both for readers who prefer them and for those who
/// switch.
fn style() -> String {
    let stops: Vec<String> = (0..=10)
        .map(|i| i as f32 / 10.0)
        .map(|part| (part, blended_colour(part).map(|v| (v * 255.0).round().to_string()).join(" ")))
        .map(|(part, rgb)| format!("rgb({rgb} / {:.0}%)", part * 100.0))
        .collect();
    format!(
        ":root{{--scale:linear-gradient(to right,{})}}\n{STYLE}\n\
         @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{DARK}}}}}\n\
         @media screen{{:root[data-theme=dark]{{{DARK}}}}}\n",
        stops.join(",")
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Any inline script was once allowed to run.
    #[test]
    fn the_policy_allows_the_pages_own_script_alone() {
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
        assert_eq!(SCRIPT_SHA256, digest);
        let page = index("title", None, &[]);
        assert!(page.contains(&format!("script-src 'sha256-{digest}'\"")), "{page}");
        assert!(page.contains(&format!("<script>{SCRIPT}</script>")));
    }
}
