//! `anoseg bench`.

use std::path::Path;

use anoseg::Error;
use anoseg::benchmark::{Benchmark, Entry};
use anoseg::evaluate::require_test_pictures;
use anoseg_image::{Category, dataset, write};
use anoseg_report::Comparison;
use anyhow::{Context as _, Result};

use super::series::Series;
use super::{encoder, eval, train};
use crate::args::Bench;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Bench) -> Result<Outcome> {
    let config = train::config(options.preset, &options.settings)?;
    let categories = open(&options.data)?;
    std::fs::create_dir_all(&options.out).map_err(|error| Error::io(&options.out, &error))?;
    let encoder = encoder::of(&config, options.settings.encoder.as_deref())?;
    let stop = train::stop_on_ctrl_c()?;
    let series = Series { out: &options.out, stop: &stop, encoder };
    let (mut results, mut complete) = (Results::default(), true);
    for category in &categories {
        for seed in config.seed..config.seed + options.seeds {
            let name = format!("{}-seed{seed}", category.name);
            console::note(&name);
            let config = anoseg::Config { seed, ..config.clone() };
            match measure(&series, &name, category, &config) {
                Ok((entry, all_read)) => {
                    complete &= all_read;
                    results.add(name, entry);
                    // After each training, so that an interrupted benchmark leaves the table so far.
                    results.write(&options.out)?;
                }
                Err(error) if concerns_one_category(&error) => {
                    console::warning(&format!("{name} is left out: {error:#}"));
                    complete = false;
                }
                Err(error) => return Err(error),
            }
        }
    }
    results.print(&options.out)?;
    Ok(if complete { Outcome::Fine } else { Outcome::SomeBadData })
}

/// The categories with test pictures that lie in a folder; the folder itself where it is one.
fn open(root: &Path) -> Result<Vec<Category>> {
    let folders = dataset::categories(root)?;
    let folders = if folders.is_empty() { vec![root.to_owned()] } else { folders };
    let categories = folders.iter().map(|folder| Category::open(folder)).collect::<Result<Vec<_>, _>>()?;
    for category in &categories {
        // Before hours of training, not after.
        require_test_pictures(category)?;
        category.warnings.iter().for_each(|warning| console::warning(warning));
    }
    Ok(categories)
}

/// Trains and evaluates; whether every test picture could be read.
fn measure(
    series: &Series<'_>,
    name: &str,
    category: &Category,
    config: &anoseg::Config,
) -> Result<(Entry, bool)> {
    let model = series.model(name, category, config)?;
    console::note(&format!("{name}: evaluating"));
    let report = series.out.join(format!("{name}.html"));
    let run = eval::judge(&model, category, &series.run_dir(name), Some(&report), None)?;
    run.failures.iter().for_each(|failure| console::warning(&format!("left out: {failure}")));
    Ok((Entry::new(&model.description().provenance, run.figures), run.failures.is_empty()))
}

/// Whether the other categories can still be measured: the data of this one are at fault.
fn concerns_one_category(error: &anyhow::Error) -> bool {
    let data = |error: &Error| error.exit_code() == 3;
    error.downcast_ref::<Error>().is_some_and(data) || error.is::<anoseg_image::DatasetError>()
}

/// The figures of several categories, and the pages that tell more about each.
#[derive(Default)]
pub(super) struct Results {
    benchmark: Benchmark,
    pages: Vec<(String, String)>,
}

impl Results {
    /// Takes in a category whose page is `<name>.html`.
    pub(super) fn add(&mut self, name: String, entry: Entry) {
        let page = format!("{name}.html");
        self.benchmark.push(entry);
        self.pages.push((name, page));
    }

    pub(super) fn benchmark(&self) -> &Benchmark {
        &self.benchmark
    }

    /// `bench.json`, `bench.md` and `report.html` in the folder `out`.
    fn write(&self, out: &Path) -> Result<()> {
        eval::write_json(&out.join("bench.json"), &self.benchmark)?;
        write::atomic(&out.join("bench.md"), |file| file.write_all(self.benchmark.markdown().as_bytes()))?;
        self.write_page(&out.join("report.html"))
    }

    /// The table, with links to the pages, which lie in the same folder.
    pub(super) fn write_page(&self, path: &Path) -> Result<()> {
        let comparison = Comparison {
            title: "Figures".to_owned(),
            note: "Each category is the mean over its runs, and the last row the plain mean over the categories.".to_owned(),
            columns: Benchmark::columns().into_iter().map(str::to_owned).collect(),
            rows: self.benchmark.rows(),
        };
        let html = anoseg_report::index("anoseg benchmark", Some(&comparison), &self.pages);
        write::atomic(path, |file| file.write_all(html.as_bytes()))?;
        Ok(())
    }

    fn print(&self, out: &Path) -> Result<()> {
        if self.pages.is_empty() {
            return Err(Error::Arguments("no category could be measured; see the warnings above".into()))
                .context("there are no results");
        }
        console::result(self.benchmark.markdown().trim_end());
        console::result(&format!("report {}", out.join("report.html").display()));
        Ok(())
    }
}
