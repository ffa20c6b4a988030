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
    super::tell_verdicts(merged.counts, &merged.verdicts);
    Ok(if merged.counts.reject > 0 && options.fail_on_anomaly { Outcome::Anomalies } else { Outcome::Fine })
}
