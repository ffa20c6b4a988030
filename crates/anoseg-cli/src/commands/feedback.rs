//! `anoseg feedback`.

use anoseg::{Calibration, ModelFile};
use anoseg_history::export::export;
use anoseg_history::regression::{Change, Regression};
use anoseg_history::thresholds::{GoodScores, Proposal, Sources};
use anoseg_history::{Error, Filter, ModelKey, Reader, Truth, Used, now};
use anoseg_image::text::count;
use anoseg_infer::Decision;
use anoseg_report::format::exact_score;
use anyhow::Result;

use crate::args::{FeedbackCommand, FeedbackExport, FeedbackThresholds};
use crate::console;
use crate::exit::Outcome;

pub(crate) fn run(command: &FeedbackCommand) -> Result<Outcome> {
    match command {
        FeedbackCommand::Export(options) => run_export(options),
        FeedbackCommand::Thresholds(options) => run_thresholds(options),
    }
}

fn run_export(options: &FeedbackExport) -> Result<Outcome> {
    let reader = Reader::open(&options.history)?;
    let export = export(&reader, &options.output, options.model.as_deref(), &options.limits.limits())?;
    let of = |truth: Truth| export.exported.iter().filter(|image| image.truth == truth).count();
    let folder = options.output.display();
    console::result(&console::one_line(&format!(
        "{folder}: {} and {}; {} left out (export.json has all)",
        count(of(Truth::Good), "good image", "good images"),
        count(of(Truth::Defect), "image of a defect", "images of defects"),
        count(export.left_out.len(), "verdict", "verdicts")
    )));
    for left in &export.left_out {
        let line = format!("left out: verdict {} ({}): {}", left.verdict, left.image, left.why);
        console::warning(&console::one_line(&line));
    }
    Ok(super::outcome(export.left_out.is_empty()))
}

fn run_thresholds(options: &FeedbackThresholds) -> Result<Outcome> {
    let model = ModelFile::read(&options.model)?;
    let calibration = model.description.calibration.clone();
    let not_calibrated = || anoseg::Error::NotCalibrated { path: options.model.clone() };
    let calibration = calibration.ok_or_else(not_calibrated)?;
    let network = ModelKey::network_digest(model)?;
    let reader = Reader::open(&options.history)?;
    let from =
        options.since.map(|since| now().saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)));
    let filter = Filter { network: Some(network), from, ..Filter::default() };
    let scores = GoodScores::gather(&reader, &filter, &calibration)?;
    let sources = Sources { calibration: !options.without_calibration, unquestioned: options.unquestioned };
    let false_reject = options.false_reject.unwrap_or(calibration.false_reject);
    let review = options.review.unwrap_or(calibration.review).max(false_reject);
    let present = (calibration.image_threshold, calibration.review_threshold);
    if reader.count(&filter)? == 0 {
        return Err(Error::NoVerdicts { path: options.history.clone(), known: known(&reader)? }.into());
    }
    let Some(proposal) = scores.propose(sources, (false_reject, review), present)? else {
        let path = options.history.clone();
        return Err(
            Error::NoFeedback { path, of: " that confirms good images of this model".to_owned() }.into()
        );
    };
    let before = Used::from(&calibration);
    let after = Used { image: proposal.image_threshold, review: proposal.review_threshold, ..before };
    let most = usize::try_from(options.list).unwrap_or(usize::MAX);
    let regression = Regression::of(&reader, &filter, (&before, &after), most)?;
    show_proposal(&calibration, &proposal);
    show_regression(&regression);
    for change in &regression.changes {
        show_change(&reader, change)?;
    }
    let further = regression.changed() - regression.changes.len() as u64;
    if further > 0 && most > 0 {
        console::result(&format!("          and {further} more (--list)"));
    }
    proposal.remarks.iter().for_each(|remark| console::warning(remark));
    console::note(
        "the model was not changed: to derive its thresholds anew, give good images to `anoseg calibrate`, such as those of `anoseg feedback export`",
    );
    Ok(Outcome::Fine)
}

/// The models of a history, on one line.
fn known(reader: &Reader) -> Result<String> {
    let models = reader.models()?;
    let names: Vec<String> = models
        .iter()
        .map(|model| {
            console::one_line(&format!("{} version {} ({:.16})", model.name, model.version, model.digest))
        })
        .collect();
    Ok(if names.is_empty() { "no verdicts at all".to_owned() } else { names.join(", ") })
}

fn show_proposal(calibration: &Calibration, proposal: &Proposal) {
    let [confirmed, unquestioned, calibrated] = proposal.scores;
    let rows = [
        ("reject", calibration.image_threshold, proposal.image_threshold),
        ("review", calibration.review_threshold, proposal.review_threshold),
    ];
    for (name, before, after) in rows {
        console::result(&format!("{name:<10}score > {}, now > {}", exact_score(after), exact_score(before)));
    }
    console::result(&format!(
        "scores    {confirmed} confirmed by feedback, {unquestioned} unquestioned, {calibrated} of the calibration \
         ({:?} rule, wanted false-reject rate {})",
        proposal.rule, proposal.false_reject
    ));
}

fn show_regression(regression: &Regression) {
    let (verdicts, changed) = (regression.verdicts, regression.changed());
    let share = 100.0 * changed as f64 / (verdicts as f64).max(1.0);
    console::result(&format!("changes   {changed} of {verdicts} decisions ({share:.2} %)"));
    let (before, after) = (&regression.before, &regression.after);
    let rows = [
        ("missed", "defects that pass", before.missed_defects(), after.missed_defects(), before.defect),
        ("false", "good parts rejected", before.false_rejects(), after.false_rejects(), before.good),
    ];
    for (name, what, before, after, counts) in rows {
        let of: u64 = counts.iter().sum();
        console::result(&format!("{name:<10}{what}: {after} of {of} with feedback, now {before}"));
    }
}

fn show_change(reader: &Reader, change: &Change) -> Result<()> {
    let name = reader.verdict(change.verdict)?.map_or_else(String::new, |row| row.name);
    let feedback = match change.feedback {
        Some(Truth::Good) => ", confirmed good",
        Some(Truth::Defect) => ", confirmed defect",
        None => "",
    };
    let worse = if change.is_worse() { ": wrong" } else { "" };
    console::result(&console::one_line(&format!(
        "          verdict {} ({name}), score {}: {} -> {}{feedback}{worse}",
        change.verdict,
        exact_score(change.score),
        decision(change.before),
        decision(change.after)
    )));
    Ok(())
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Good => "good",
        Decision::Review => "review",
        Decision::Reject => "reject",
    }
}
