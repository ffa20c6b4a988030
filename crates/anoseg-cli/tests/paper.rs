//! AnoSeg as published, at a fiftieth of its width: training with both GANs, resuming, and the
//! ablation.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Workshop, tensor_bytes};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_published_method_trains_and_predicts() {
    let shop = Workshop::new();
    shop.run("train data -o paper.anoseg --config paper.toml --steps 4", 0);
    let log = std::fs::read_to_string(shop.path("paper-run/metrics.jsonl")).unwrap();
    for line in log.lines().map(json) {
        for loss in ["segmentation", "reconstruction", "adversarial", "discriminator", "total"] {
            assert!(line[loss].as_f64().unwrap() > 0.0, "{loss} of {line}");
        }
        assert!((0.0..=1.0).contains(&line["discriminator_accuracy"].as_f64().unwrap()), "{line}");
    }
    assert!(log.contains("\"detector\":"), "no step of the second GAN in {log}");
    shop.run("eval paper.anoseg data --json figures.json", 0);
    let figures = json(&std::fs::read_to_string(shop.path("figures.json")).unwrap());
    assert!(figures["pixel_auroc"].as_f64().is_some());
    shop.run("predict paper.anoseg data/test -o verdicts", 0);
    let verdicts = std::fs::read_to_string(shop.path("verdicts/verdicts.jsonl")).unwrap();
    let scores: Vec<f64> = verdicts.lines().map(|line| json(line)["score"].as_f64().unwrap()).collect();
    assert_eq!(scores.len(), 8);
    assert!(scores.iter().all(|score| (0.0..1.0).contains(score)), "{scores:?}");
}

#[cfg(unix)]
#[test]
fn a_stopped_adversarial_training_resumes_to_the_same_bits() {
    let shop = Workshop::new();
    shop.run("train data -o whole.anoseg --config paper.toml --steps 12", 0);
    let mut child = shop.start("train data -o cut.anoseg --config paper.toml --steps 12");
    shop.wait_for_steps("cut-run", 3);
    common::signal(child.id(), "-KILL");
    child.wait().unwrap();
    assert!(shop.logged_steps("cut-run") < 12, "the training was over before it could be killed");
    shop.run("train data -o cut.anoseg --resume", 0);
    assert!(
        tensor_bytes(&shop.path("cut.anoseg")) == tensor_bytes(&shop.path("whole.anoseg")),
        "the resumed training gave another model"
    );
}

#[test]
fn an_ablation_is_a_table_of_all_variants() {
    let shop = Workshop::new();
    let (table, _) = shop.run("ablate data --out ablation --config paper.toml --steps 2", 0);
    let rows =
        |text: &str| text.lines().filter(|line| line.starts_with("| ") && line.contains("| 2 |")).count();
    assert_eq!(rows(&table), 6, "{table}");
    assert_eq!(rows(&std::fs::read_to_string(shop.path("ablation/ablation.md")).unwrap()), 6);
    let results = json(&std::fs::read_to_string(shop.path("ablation/ablation.json")).unwrap());
    assert_eq!(results["variants"].as_array().unwrap().len(), 6);
    assert_eq!(results["variants"][5]["variant"], "cutpaste");
    let page = std::fs::read_to_string(shop.path("ablation/report.html")).unwrap();
    assert!(page.contains("CutPaste alone"), "the report has no ablation");
    // A second call finds all of it done, and another setting does not.
    let (again, message) = shop.run("ablate data --out ablation --config paper.toml --steps 2", 0);
    assert_eq!(message.matches("trained already").count(), 6, "{message}");
    assert_eq!(again, table);
}
