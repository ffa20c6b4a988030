//! `anoseg merge`.

use anoseg::batch::{MergeOptions, merge};
use anoseg_image::text::count;
use anyhow::Result;

use crate::args::Merge;
use crate::exit::Outcome;
use crate::{console, stop};

/// Most shards that are named.
const MOST_NAMED: usize = 10;

pub(crate) fn run(options: &Merge) -> Result<Outcome> {
    let stop = stop::on_signals("stopping; nothing is written");
    let how = MergeOptions { link: options.link, partial: options.partial };
    let merged = merge(&options.output, &options.shards, how, &|| stop.is_stopped())?;
    for shard in merged.incomplete.iter().take(MOST_NAMED) {
        console::warning(&format!("shard {shard} is missing or did not come to its end"));
    }
    if merged.incomplete.len() > MOST_NAMED {
        console::warning(&format!(
            "and {} more",
            count(merged.incomplete.len() - MOST_NAMED, "shard", "shards")
        ));
    }
    let (good, review, rejected) = (merged.good, merged.review, merged.rejected);
    let verdicts = merged.verdicts.display();
    let counts = format!("{good} good, {review} to review, {rejected} rejected: {verdicts}");
    console::result(&console::one_line(&counts));
    if merged.failed > 0 {
        console::warning(&format!("{} could not be judged", count(merged.failed, "image", "images")));
    }
    Ok(if rejected > 0 && options.fail_on_anomaly { Outcome::Anomalies } else { Outcome::Fine })
}
