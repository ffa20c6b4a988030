//! `anoseg ablate`.

use std::path::Path;

use anoseg::Error;
use anoseg::ablation::{Ablation, COLUMNS, Outcome as Row, variants};
use anoseg::evaluate::{evaluate, require_test_pictures};
use anoseg_image::{Category, write};
use anoseg_report::assemble::Assembly;
use anoseg_report::{Comparison, Report};
use anyhow::Result;

use super::series::Series;
use super::{encoder, eval, train};
use crate::args::Ablate;
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(options: &Ablate) -> Result<Outcome> {
    let full = train::config(Some(options.preset), &options.settings)?;
    let category = Category::open(&options.data)?;
    category.warnings.iter().for_each(|warning| console::warning(warning));
    // Before hours of training, not after.
    require_test_pictures(&category)?;
    std::fs::create_dir_all(&options.out).map_err(|error| Error::io(&options.out, &error))?;
    let encoder = encoder::of(&full, options.settings.encoder.as_deref())?;
    let stop = train::stop_on_ctrl_c()?;
    let mut ablation =
        Ablation { schema: 1, category: category.name.clone(), seed: full.seed, variants: Vec::new() };
    let (mut page, mut complete) = (None, true);
    let series = Series { out: &options.out, stop: &stop, encoder };
    for variant in variants(&full) {
        console::note(&format!("{}: {}", variant.name, variant.description));
        let model = series.model(variant.name, &category, &variant.config)?;
        console::note(&format!("{}: evaluating", variant.name));
        let mut assembly = page.is_none().then(|| Assembly::new(&model)).transpose()?;
        let run = evaluate(&model, &category, &mut |judged, evaluated, image| {
            if let Some(assembly) = &mut assembly {
                assembly.add(judged, evaluated, image);
            }
            Ok(())
        })?;
        if let Some(assembly) = assembly {
            page = Some(assembly.report(&run, &category, &series.run_dir(variant.name))?);
        }
        run.failures.iter().for_each(|failure| console::warning(&format!("left out: {failure}")));
        complete &= run.failures.is_empty();
        ablation.variants.push(Row::new(&variant, &model.description().provenance, &run)?);
        // After each variant, so that an interrupted ablation leaves the table so far.
        write_results(&ablation, page.as_ref(), &options.out)?;
    }
    console::result(ablation.markdown().trim_end());
    console::result(&format!("report {}", options.out.join("report.html").display()));
    Ok(if complete { Outcome::Fine } else { Outcome::SomeBadData })
}

/// `ablation.json`, `ablation.md` and, around the full training's report, `report.html`.
fn write_results(ablation: &Ablation, page: Option<&Report>, out: &Path) -> Result<()> {
    eval::write_json(&out.join("ablation.json"), ablation)?;
    write::atomic(&out.join("ablation.md"), |file| file.write_all(ablation.markdown().as_bytes()))?;
    if let Some(page) = page {
        let comparison = Comparison {
            title: "Ablation".to_owned(),
            note: "The same training, budget and seed with one technique taken out; the rest of this page is about the \
                   full training."
                .to_owned(),
            columns: COLUMNS.map(str::to_owned).to_vec(),
            rows: ablation.rows(),
        };
        let report = Report { comparison: Some(comparison), ..page.clone() };
        let html = anoseg_report::render(&report);
        write::atomic(&out.join("report.html"), |file| file.write_all(html.as_bytes()))?;
    }
    Ok(())
}
