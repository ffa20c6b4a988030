//! The figures of many categories side by side, with their mean.

use std::collections::BTreeMap;

use anoseg_image::text::count;
use anoseg_infer::Provenance;
use anoseg_metrics::Evaluation;
use serde::Serialize;

use crate::Table;
use crate::evaluate::Figures;
use crate::table::{figure, one_line};

/// One model on one category.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Seed of the training.
    pub seed: u64,
    /// Training steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// The figures; they name the dataset.
    pub figures: Figures,
}

impl Entry {
    /// The figures of a model of this provenance.
    pub fn new(provenance: &Provenance, figures: Figures) -> Self {
        let Provenance { seed, steps, seconds, .. } = *provenance;
        Self { seed, steps, seconds, figures }
    }
}

/// A category, or one training on it, that gave no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Name of the dataset's folder.
    pub category: String,
    /// Seed of the training; None where the category could not be opened.
    pub seed: Option<u64>,
    /// What is wrong.
    pub error: String,
}

/// The figures of many categories; serialises as one JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Benchmark {
    /// Version of this object's layout.
    pub schema: u32,
    /// Plain mean over the categories, each being the mean over its seeds, by the name of the
    /// figure; a category without a value for a figure is left out of that figure's mean.
    pub mean: BTreeMap<&'static str, Option<f64>>,
    /// One entry per category and seed, in the order evaluated.
    pub entries: Vec<Entry>,
    /// What gave no figures. The means do not count it.
    pub failures: Vec<Failure>,
}

/// Characters of an error in the table.
const SHORT: usize = 40;

/// A figure of the table: its heading, its name in JSON, and its value.
type Column = (&'static str, &'static str, fn(&Evaluation) -> Option<f64>);

const FIGURES: [Column; 10] = [
    ("image AUROC", "image_auroc", |e| e.image_auroc),
    ("image AP", "image_ap", |e| e.image_ap),
    ("pixel AUROC", "pixel_auroc", |e| e.pixel_auroc),
    ("pixel AP", "pixel_ap", |e| e.pixel_ap),
    ("AUPRO 0.3", "aupro_30", |e| e.aupro_30),
    ("AUPRO 0.05", "aupro_05", |e| e.aupro_05),
    ("IoU max", "iou_max", |e| e.iou_max),
    ("IoU at threshold", "iou_at_threshold", |e| e.iou_at_threshold),
    ("good rejected", "false_reject_rate", |e| e.false_reject_rate),
    ("defects found", "detection_rate", |e| e.detection_rate),
];

impl Benchmark {
    /// Adds an entry and brings the means up to date.
    pub fn push(&mut self, entry: Entry) {
        self.schema = 1;
        self.entries.push(entry);
        self.mean = FIGURES.into_iter().map(|(_, name, value)| (name, self.mean_of(value))).collect();
    }

    /// Adds a category, or a training on it, without figures.
    pub fn fail(&mut self, failure: Failure) {
        self.schema = 1;
        self.failures.push(failure);
    }

    /// The table: one row per dataset, means over its seeds, and one with the mean of all datasets.
    /// A last column has the errors in short, if there are any; [`Benchmark::errors`] has them in full.
    pub fn table(&self) -> Table {
        let budget = ["runs", "steps", "minutes"];
        let columns = budget.into_iter().chain(FIGURES.iter().map(|(heading, ..)| *heading));
        let rows = self.categories().into_iter().map(|category| self.row(category)).chain([self.mean_row()]);
        let mut table = Table {
            head: "category".into(),
            columns: columns.map(str::to_owned).collect(),
            rows: rows.collect(),
        };
        if !self.failures.is_empty() {
            table.columns.push("error".into());
            table.rows.iter_mut().for_each(|(category, cells)| cells.push(self.short_errors(category)));
        }
        table
    }

    /// What gave no figures and why, a line each.
    pub fn errors(&self) -> Vec<String> {
        let line = |failure: &Failure| match failure.seed {
            Some(seed) => format!("{}, seed {seed}: {}", failure.category, failure.error),
            None => format!("{}: {}", failure.category, failure.error),
        };
        self.failures.iter().map(line).collect()
    }

    /// The table and the errors in full, in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = self.table().markdown();
        for (i, error) in self.errors().iter().enumerate() {
            let gap = if i == 0 { "\n" } else { "" };
            text.push_str(&format!("{gap}- {}\n", one_line(error)));
        }
        text
    }

    /// The errors of a category, the beginning of each.
    fn short_errors(&self, category: &str) -> String {
        let of_category = self.failures.iter().filter(|failure| failure.category == category);
        of_category.map(|failure| shortened(&failure.error)).collect::<Vec<_>>().join("; ")
    }

    fn row(&self, category: &str) -> (String, Vec<String>) {
        let runs = self.runs(category);
        let minutes = mean(runs.iter().map(|run| Some(run.seconds / 60.0)));
        let budget = [
            runs.len().to_string(),
            rounded(mean(runs.iter().map(|run| Some(run.steps as f64)))),
            minutes.map_or_else(String::new, |minutes| format!("{minutes:.1}")),
        ];
        let figures = FIGURES.iter().map(|(.., value)| figure(self.mean_of_category(category, *value)));
        (category.to_owned(), budget.into_iter().chain(figures).collect())
    }

    fn mean_row(&self) -> (String, Vec<String>) {
        let total = [self.entries.len().to_string(), String::new(), String::new()];
        let means = FIGURES.iter().map(|(_, name, _)| figure(self.mean.get(name).copied().flatten()));
        let measured =
            self.categories().into_iter().filter(|category| !self.runs(category).is_empty()).count();
        (
            format!("mean of {}", count(measured, "category", "categories")),
            total.into_iter().chain(means).collect(),
        )
    }

    /// Names of the categories, each once, in the order evaluated.
    fn categories(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let measured = self.entries.iter().map(|entry| entry.figures.category.as_str());
        for name in measured.chain(self.failures.iter().map(|failure| failure.category.as_str())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn runs(&self, category: &str) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.figures.category == category).collect()
    }

    fn mean_of_category(&self, category: &str, value: fn(&Evaluation) -> Option<f64>) -> Option<f64> {
        mean(self.runs(category).iter().map(|run| value(&run.figures.all)))
    }

    fn mean_of(&self, value: fn(&Evaluation) -> Option<f64>) -> Option<f64> {
        mean(self.categories().iter().map(|category| self.mean_of_category(category, value)))
    }
}

/// Mean of the values that are defined; `None` if there are none.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, n) = values.flatten().fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// The beginning of a text, at most [`SHORT`] characters and an ellipsis.
fn shortened(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHORT).collect();
    let whole_words = start.rsplit_once(char::is_whitespace).map_or(&*start, |(words, _)| words);
    format!("{}…", whole_words.trim_end_matches([',', ';', ':', '.']))
}

fn rounded(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(category: &str, seed: u64, image_auroc: Option<f64>) -> Entry {
        let all = Evaluation { image_auroc, ..Evaluation::default() };
        let figures = Figures {
            schema: 1,
            category: category.into(),
            all,
            seconds_per_image: None,
            defects: BTreeMap::new(),
        };
        Entry { seed, steps: 100, seconds: 60.0, figures }
    }

    #[test]
    fn categories_have_equal_weight_at_any_number_of_seeds() {
        let mut benchmark = Benchmark::default();
        benchmark.push(entry("nut", 0, Some(0.5)));
        benchmark.push(entry("nut", 1, Some(0.7)));
        benchmark.push(entry("bolt", 0, Some(1.0)));
        assert!((benchmark.mean["image_auroc"].unwrap() - 0.8).abs() < 1e-12);
        let rows = benchmark.table().rows;
        let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["nut", "bolt", "mean of 2 categories"]);
        assert_eq!(rows[0].1[..4], ["2", "100", "1.0", "0.600"]);
        assert_eq!(rows[2].1[3], "0.800");
        assert!(rows.iter().all(|(_, cells)| cells.len() == benchmark.table().columns.len()));
    }

    #[test]
    fn categories_without_figures_have_a_row_with_the_error() {
        let mut benchmark = Benchmark::default();
        benchmark.push(entry("nut", 0, Some(0.5)));
        let error = "parts/bolt: a | b\nno test images".into();
        benchmark.fail(Failure { category: "bolt".into(), seed: None, error });
        assert_eq!(benchmark.mean["image_auroc"], Some(0.5));
        let text = benchmark.markdown();
        assert!(text.contains("| mean of 1 category | 1 |"), "{text}");
        assert!(text.contains("| bolt | 0 |  |  | - |") && text.contains("| nut | 1 |"), "{text}");
        assert!(text.contains(r"| parts/bolt: a \| b%0Ano test images |"), "{text}");
    }

    /// An error of three lines once stood in a cell.
    #[test]
    fn long_errors_are_short_in_the_table_and_full_below() {
        let error =
            "parts/bolt: it holds no folder named good; move the images of good parts into train/good";
        let failure = Failure { category: "bolt".into(), seed: Some(3), error: error.into() };
        let benchmark = Benchmark { failures: vec![failure], ..Benchmark::default() };
        let text = benchmark.markdown();
        assert!(text.contains("| parts/bolt: it holds no folder named… |"), "{text}");
        assert!(text.contains(&format!("\n\n- bolt, seed 3: {error}\n")), "{text}");
    }

    #[test]
    fn undefined_figures_are_left_out_of_the_mean() {
        let mut benchmark = Benchmark::default();
        benchmark.push(entry("nut", 0, Some(0.5)));
        benchmark.push(entry("all good", 0, None));
        assert_eq!(benchmark.mean["image_auroc"], Some(0.5));
        assert_eq!(benchmark.mean["pixel_ap"], None);
        assert!(
            benchmark.table().markdown().contains("| all good | 1 | 100 | 1.0 | - |"),
            "{}",
            benchmark.table().markdown()
        );
    }
}
