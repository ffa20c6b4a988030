//! Several categories at once: `bench`, and `eval` on a folder of models.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::Workshop;
use serde_json::Value;

/// A workshop whose generated category lies twice in `parts/`, as `dial` and `token`.
fn two_categories() -> Workshop {
    let shop = Workshop::new();
    for name in ["dial", "token"] {
        copy(&shop.path("data"), &shop.path("parts").join(name));
    }
    shop
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_benchmark_measures_every_category_and_resumes() {
    let shop = two_categories();
    let bench = "bench parts --out bench --config tiny.toml --steps 3 --seeds 2";
    let (table, _) = shop.run(bench, 0);
    for row in ["| dial | 2 | 3 |", "| token | 2 | 3 |", "| mean of 2 categories | 4 |"] {
        assert!(table.contains(row), "no {row} in {table}");
    }
    assert!(
        std::fs::read_to_string(shop.path("bench/bench.md")).unwrap().contains("| mean of 2 categories |")
    );
    let results = json(&shop.path("bench/bench.json"));
    let entries = results["entries"].as_array().unwrap();
    let seeds: Vec<_> = entries.iter().map(|entry| entry["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [0, 1, 0, 1]);
    let mean =
        entries.iter().map(|entry| entry["figures"]["pixel_auroc"].as_f64().unwrap()).sum::<f64>() / 4.0;
    assert!((results["mean"]["pixel_auroc"].as_f64().unwrap() - mean).abs() < 1e-9);
    let page = std::fs::read_to_string(shop.path("bench/report.html")).unwrap();
    assert!(page.contains("dial-seed1.html") && shop.path("bench/dial-seed1.html").is_file());

    let (again, notes) = shop.run(bench, 0);
    assert_eq!(notes.matches("trained already").count(), 4, "{notes}");
    assert_eq!(again, table);
    // The same settings are another training where an image has gone, and in another folder.
    std::fs::remove_file(shop.path("parts/dial/train/good/000.png")).unwrap();
    let (_, notes) = shop.run("bench parts --out bench --config tiny.toml --steps 3", 0);
    assert!(notes.contains("token-seed0: trained already"), "{notes}");
    assert!(!notes.contains("dial-seed0: trained already"), "{notes}");
    copy(&shop.path("parts"), &shop.path("others"));
    let (_, notes) = shop.run("bench others --out bench --config tiny.toml --steps 3", 0);
    assert!(!notes.contains("trained already"), "{notes}");
}

#[test]
fn one_bad_category_does_not_stop_a_benchmark() {
    let shop = two_categories();
    for entry in std::fs::read_dir(shop.path("parts/dial/train/good")).unwrap().map(Result::unwrap) {
        std::fs::write(entry.path(), "no image").unwrap();
    }
    let (table, notes) = shop.run("bench parts --out bench --config tiny.toml --steps 2", 3);
    assert!(table.contains("| token | 1 |") && table.contains("| dial | 0 |"), "{table}");
    assert!(notes.contains("dial-seed0 is left out"), "{notes}");
    assert_eq!(json(&shop.path("bench/bench.json"))["failures"][0]["seed"], 0);
}

/// A category that could not be opened once ended the benchmark before it began.
#[test]
fn a_category_that_cannot_be_opened_does_not_stop_a_benchmark() {
    let shop = two_categories();
    copy(&shop.path("data/train"), &shop.path("parts/bare/train"));
    copy(&shop.path("data/test"), &shop.path("parts/odd/test"));
    std::fs::create_dir_all(shop.path("parts/odd/train/good")).unwrap();
    std::fs::remove_dir_all(shop.path("parts/dial/train")).unwrap();
    let (table, notes) = shop.run("bench parts --out bench --config tiny.toml --steps 2", 3);
    assert!(notes.contains("bare is left out") && notes.contains("no test folder"), "{notes}");
    assert!(table.contains("| token | 1 | 2 |") && table.contains("| bare | 0 |"), "{table}");
    let failures = json(&shop.path("bench/bench.json"))["failures"].clone();
    let failures = failures.as_array().unwrap();
    let text = std::fs::read_to_string(shop.path("bench/bench.md")).unwrap();
    for name in ["bare", "odd", "dial"] {
        let failure = failures.iter().find(|failure| failure["category"] == name);
        let error =
            failure.unwrap_or_else(|| panic!("{name} is not named: {notes}"))["error"].as_str().unwrap();
        // In the table only where it is short.
        assert!(error.len() <= 40 || !table.contains(error), "{name}: {table}");
        assert!(text.contains(&format!(": {error}\n")), "{name}: {text}");
    }
    assert!(std::fs::read_to_string(shop.path("bench/report.html")).unwrap().contains("no test folder"));
    // Alone, its error is that of the command.
    let (_, told) = shop.run("bench parts/bare --out bench --config tiny.toml --steps 2", 3);
    assert!(told.contains("no test folder") && !told.contains("left out"), "{told}");
}

/// Limits on an image could be set for every command that reads images but these.
#[test]
fn bench_and_ablate_have_limits() {
    let shop = Workshop::new();
    for command in ["bench data --out b --steps 1", "ablate data --out a --preset fast --steps 1"] {
        let (_, told) = shop.run(&format!("{command} --config tiny.toml --max-pixels 100"), 3);
        assert!(told.contains("its option is --max-pixels"), "{told}");
    }
    let bench = "bench data --out bench --config tiny.toml --steps 1";
    shop.run(bench, 0);
    let (_, told) = shop.run(&format!("{bench} --max-side 500"), 0);
    assert!(!told.contains("trained already"), "other limits may leave other images out: {told}");
}

#[test]
fn a_folder_of_models_is_measured_on_a_folder_of_categories() {
    let shop = two_categories();
    for name in ["dial", "token"] {
        shop.run(&format!("train parts/{name} -o models/{name}.anoseg --config tiny.toml --steps 2"), 0);
    }
    let (table, _) = shop.run("eval models parts --json all.json --report out/all.html --maps maps", 0);
    assert!(table.contains("| dial |") && table.contains("| mean of 2 categories | 2 |"), "{table}");
    assert_eq!(json(&shop.path("all.json"))["entries"].as_array().unwrap().len(), 2);
    assert!(shop.path("out/token.html").is_file() && shop.path("maps/token/chip/000.tiff").is_file());
    assert!(std::fs::read_to_string(shop.path("out/all.html")).unwrap().contains("./token.html"));

    // A damaged model once ended the evaluation of all.
    std::fs::write(shop.path("models/dial.anoseg"), "no model").unwrap();
    let (table, notes) = shop.run("eval models parts --report damaged/all.html", 3);
    assert!(table.contains("| dial | 0 |") && notes.contains("dial is left out"), "{table}{notes}");
    assert!(shop.path("damaged/all.html").is_file());
    std::fs::remove_file(shop.path("models/dial.anoseg")).unwrap();
    let (table, notes) = shop.run("eval models parts", 3);
    assert!(table.contains("| dial | 0 |") && notes.contains("dial is left out"), "{table}{notes}");
    let (_, error) = shop.run("eval models/token.anoseg parts", 2);
    assert!(error.contains("several categories") && error.contains("dial.anoseg"), "{error}");
    std::fs::create_dir(shop.path("empty")).unwrap();
    let (_, error) = shop.run("eval empty parts", 2);
    assert!(error.contains("no model for any category"), "{error}");
}

/// After an interrupted training with other settings, the model of the first ones was once taken as
/// trained already.
#[cfg(unix)]
#[test]
fn an_interrupted_benchmark_does_not_take_the_model_of_other_settings() {
    let shop = Workshop::new();
    let bench = |steps: u32| format!("bench data --out bench --config tiny.toml --steps {steps}");
    for signal in ["-KILL", "-INT"] {
        shop.run(&bench(2), 0);
        let mut child = shop.start(&bench(100_000));
        // The log of the first training has two lines.
        shop.wait_for_steps("bench/data-seed0-run", 3);
        common::signal(child.id(), signal);
        child.wait().unwrap();
        assert!(!shop.path("bench/data-seed0.anoseg").exists());
        let (table, notes) = shop.run(&bench(3), 0);
        assert!(table.contains("| data | 1 | 3 |"), "{table}");
        assert!(!notes.contains("trained already"), "{notes}");
    }
}

/// Models, tables and reports of other settings were once replaced without a word.
#[test]
fn results_of_other_settings_are_moved_aside() {
    let shop = two_categories();
    let bench = |rest: &str| shop.run(&format!("bench parts --out bench --config tiny.toml {rest}"), 0).1;
    bench("--steps 2 --seeds 2");
    let files = ["bench/bench.json", "bench/report.html", "bench/dial-seed0.html", "bench/dial-seed0.anoseg"];
    let aside = |file: &str, folder: &str| shop.path(&file.replace("bench/", &format!("bench/{folder}/")));
    let before = files.map(|file| std::fs::read(shop.path(file)).unwrap());
    let told = bench("--steps 3 --seeds 2");
    assert!(told.contains("they were moved to bench/previous"), "{told}");
    for (file, before) in files.iter().zip(&before) {
        assert!(std::fs::read(aside(file, "previous")).unwrap() == *before, "{file}");
    }
    assert!(shop.path("bench/previous/token-seed1-run/config.toml").is_file());
    // They are complete: nothing is trained again.
    let (_, told) = shop.run("bench parts --out bench/previous --config tiny.toml --steps 2 --seeds 2", 0);
    assert_eq!(told.matches("trained already").count(), 4, "{told}");
    // The same settings and fewer runs: the models stay, and the table of more runs is kept.
    let table = std::fs::read(shop.path("bench/bench.json")).unwrap();
    let told = bench("--steps 3");
    assert!(told.contains("bench/previous-2") && told.matches("trained already").count() == 2, "{told}");
    assert_eq!(std::fs::read(aside("bench/bench.json", "previous-2")).unwrap(), table);
    assert!(
        aside("bench/dial-seed1.html", "previous-2").is_file()
            && shop.path("bench/dial-seed1.anoseg").is_file()
    );
    let told = bench("--steps 3 --seeds 2");
    assert!(!told.contains("moved") && told.matches("trained already").count() == 4, "{told}");

    let ablate = |steps: u32| format!("ablate data --out a --preset fast --config tiny.toml --steps {steps}");
    shop.run(&ablate(1), 0);
    let before = std::fs::read(shop.path("a/full.anoseg")).unwrap();
    let (_, told) = shop.run(&ablate(1), 0);
    assert!(!told.contains("moved"), "{told}");
    let (_, told) = shop.run(&ablate(2), 0);
    assert!(told.contains("they were moved to a/previous"), "{told}");
    assert!(shop.path("a/previous/ablation.json").is_file() && shop.path("a/ablation.json").is_file());
    assert!(std::fs::read(shop.path("a/previous/full.anoseg")).unwrap() == before);
}
