//! Outputs are checked before the work, and what was worked out is not lost.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;

use common::Workshop;

/// `train -o models/` once trained to the end and then failed, and `eval` judged all images before it
/// found its folder missing.
#[test]
fn late_output_check() {
    let shop = Workshop::new();
    let (_, told) = shop.run("train data -o models/ --config tiny.toml --steps 2", 2);
    assert!(
        told.contains("models/") && told.contains("a folder; give a file such as models/model.anoseg"),
        "{told}"
    );
    assert!(!shop.path("models-run").exists() && !shop.path("models").exists());
    shop.train(2);
    shop.run("eval model.anoseg data --json missing/f.json --report gone/r.html --maps far/maps", 0);
    for made in ["missing/f.json", "gone/r.html", "far/maps/chip/000.tiff"] {
        assert!(shop.path(made).is_file(), "{made}");
    }
    for outputs in ["--json tiny.toml/f.json", "--report tiny.toml/r.html", "--maps tiny.toml", "--json data"]
    {
        let (figures, told) = shop.run(&format!("eval model.anoseg data {outputs}"), 2);
        assert_eq!(figures, "", "{outputs}: the images were judged first");
        let name = if outputs.contains("tiny") { "tiny.toml" } else { "data" };
        assert!(told.contains(name), "{outputs}: {told}");
    }
    let (_, told) = shop.run("synth data --out tiny.toml --config tiny.toml", 2);
    assert!(told.contains("tiny.toml"), "{told}");
}

/// The report once replaced the figures.
#[test]
fn two_outputs_in_one_place_are_refused_before_the_work() {
    let shop = Workshop::new();
    shop.train(2);
    let (figures, told) = shop.run("eval model.anoseg data --json x --report ./x", 2);
    assert_eq!(figures, "");
    assert!(told.contains("--report") && told.contains("--json names the same"), "{told}");
    let (_, told) = shop.run("train data -o x --run-dir x --config tiny.toml --steps 2", 2);
    assert!(told.contains("--run-dir") && told.contains("--output names the same"), "{told}");
    assert!(!shop.path("x").exists());
}

/// The figures were once lost with the file.
#[cfg(target_os = "linux")]
#[test]
fn figures_are_printed_where_a_file_cannot_be_written() {
    let shop = Workshop::new();
    shop.train(2);
    let (figures, told) = shop.run("eval model.anoseg data --json /dev/full --report /dev/full", 2);
    assert!(figures.contains("colour_spot") && told.contains("/dev/full"), "{figures}{told}");
    assert_eq!(told.matches("cannot write /dev/full").count(), 2, "{told}");
    // A device is written to as it is: the model goes into the run directory.
    let (_, told) = shop.run("train data -o /dev/full --run-dir run --config tiny.toml --steps 2", 2);
    assert!(told.contains("the trained model is kept in run/model.anoseg"), "{told}");
    shop.run("info run/model.anoseg", 0);
}

/// It once ended with exit code 0.
#[cfg(target_os = "linux")]
#[test]
fn results_to_a_full_device_are_an_error() {
    let shop = Workshop::new();
    shop.train(1);
    for arguments in ["info model.anoseg", "info model.anoseg --json", "eval model.anoseg data"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let program = shop.anoseg("").get_program().to_owned();
        let output = std::process::Command::new(program)
            .current_dir(shop.path(""))
            .args(arguments.split(' '))
            .stdout(full)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments}: {told}");
        assert!(told.contains("standard output"), "{told}");
    }
}

/// A training without `--resume` once threw an interrupted one away without a word.
#[cfg(unix)]
#[test]
fn shared_run_dir() {
    let shop = Workshop::new();
    let mut child = shop.start("train data -o m.anoseg --config tiny.toml --steps 100000");
    shop.wait_for_steps("m-run", 3);
    let (_, told) = shop.run("train data -o m.anoseg --config tiny.toml --steps 2", 2);
    assert!(told.contains("another training uses this run directory"), "{told}");
    common::signal(child.id(), "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let steps = shop.logged_steps("m-run");
    let (_, told) = shop.run("train data -o m.anoseg --config tiny.toml --steps 2", 0);
    assert!(told.contains("was moved to m-run.previous") && told.contains("--resume"), "{told}");
    assert_eq!(shop.logged_steps("m-run.previous"), steps);
    assert!(shop.path("m-run.previous/checkpoint/state.safetensors").is_file());
    // The second one is finished: its model is stored, and nothing is moved.
    let (_, told) = shop.run("train data -o m.anoseg --config tiny.toml --steps 1", 0);
    assert!(!told.contains("was moved") && !shop.path("m-run.previous-2").exists(), "{told}");
}

/// Folder names with blanks were not quoted, the encoder was left out, and the command began with
/// `anoseg` where the program was called by a path.
#[cfg(unix)]
#[test]
fn resume_hint() {
    let shop = Workshop::new();
    fs::rename(shop.path("data"), shop.path("my parts")).unwrap();
    fs::create_dir(shop.path("my tools")).unwrap();
    std::os::unix::fs::symlink(shop.anoseg("").get_program(), shop.path("my tools/anoseg")).unwrap();
    let train = ["train", "my parts", "-o", "it's.anoseg", "--run-dir=-run $x", "--config", "tiny.toml"];
    let child = std::process::Command::new("./my tools/anoseg")
        .current_dir(shop.path(""))
        .args(train)
        .args(["--steps", "100000", "--max-pixels", "1000000", "--layout", "mvtec"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    shop.wait_for_steps("-run $x", 2);
    common::signal(child.id(), "-INT");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let hint =
        told.lines().find_map(|line| line.strip_prefix("to go on: ")).unwrap_or_else(|| panic!("{told}"));
    assert!(hint.starts_with("'./my tools/anoseg' train 'my parts'"), "{hint}");
    assert!(hint.contains("--layout mvtec") && hint.contains("--max-pixels 1000000"), "{hint}");
    // The command goes on in the same training, which is then stopped again.
    let line = format!("timeout --foreground -s INT 8 {hint}");
    let output =
        std::process::Command::new("bash").current_dir(shop.path("")).args(["-c", &line]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("going on at step"), "{line}\n{told}");
}

/// `--run-dir` with a folder of another program's files once replaced the settings and the log there.
#[test]
fn files_in_the_run_directory_that_no_training_wrote_stay() {
    let shop = Workshop::new();
    let train = "train data -o m.anoseg --config tiny.toml --steps 2 --run-dir mine";
    for (file, content) in [
        ("config.toml", "preset = \"fast\"\nseed = 7\n"),
        ("metrics.jsonl", "{\"epoch\": 1, \"loss\": 0.5}\n"),
        ("data.toml", "train = \"images\"\n"),
        ("checkpoint/state.safetensors", "weights of another program"),
        ("checkpoint/epoch1.pt", "weights of another program"),
    ] {
        let path = shop.path("mine").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let (_, told) = shop.run(train, 2);
        assert!(told.contains(&format!("mine/{file}: no training wrote this file")), "{told}");
        assert!(told.contains("--run-dir"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert!(!shop.path("m.anoseg").exists() && !shop.path("mine.previous").exists());
        fs::remove_dir_all(shop.path("mine")).unwrap();
    }
    // Those of a training are replaced.
    shop.run(train, 0);
    shop.run(train, 0);
    fs::create_dir_all(shop.path("bench/data-seed0-run")).unwrap();
    fs::write(shop.path("bench/data-seed0-run/config.toml"), "mine = 1").unwrap();
    let (_, told) = shop.run("bench data --out bench --config tiny.toml --steps 2", 2);
    assert!(told.contains("data-seed0-run/config.toml: no training wrote this file"), "{told}");
}

/// `train --resume` of a finished training once wrote the model anew, and the thresholds of a later
/// calibration were gone.
#[test]
fn resuming_a_finished_training_keeps_a_later_calibration() {
    let shop = Workshop::new();
    shop.train(3);
    let trained = fs::read(shop.path("model.anoseg")).unwrap();
    let resume = "train data -o model.anoseg --resume";
    let (_, told) = shop.run(resume, 0);
    assert!(!told.contains("calibration"), "{told}");
    // It once was said to go on at its last step.
    assert!(told.contains("all 3 steps are done") && !told.contains("going on"), "{told}");
    shop.run("calibrate model.anoseg data/test/good --false-reject 0.3", 0);
    let calibrated = fs::read(shop.path("model.anoseg")).unwrap();
    assert_ne!(calibrated, trained);
    let (result, told) = shop.run(resume, 0);
    assert!(told.contains("model.anoseg was calibrated since and stays as it is"), "{told}");
    assert!(result.contains("false-reject rate 0.3"), "{result}");
    // They were once said to come from the images that the training held out.
    assert!(result.contains("4 good images of a later calibration"), "{result}");
    assert_eq!(fs::read(shop.path("model.anoseg")).unwrap(), calibrated);
    // The way out that the note names.
    assert!(told.contains("-o OTHER.anoseg --run-dir model-run --resume"), "{told}");
    shop.run("train data -o OTHER.anoseg --run-dir model-run --resume", 0);
    let json = |model: &str| shop.run(&format!("info {model} --json"), 0).0;
    assert!(json("OTHER.anoseg").contains("\"false_reject\": 0.01"));
    // A model of another training in its place is replaced, and kept if it was calibrated.
    shop.run("train data -o model.anoseg --run-dir other --config tiny.toml --steps 2", 0);
    shop.run("calibrate model.anoseg data/test/good --false-reject 0.3", 0);
    shop.run(resume, 0);
    assert!(json("model.anoseg").contains("\"steps\": 3"));
    assert!(json("model.previous-2.anoseg").contains("\"steps\": 2"));
}

/// `train` over a model that was calibrated since, and `calibrate -o` over another one, once replaced
/// the thresholds without a word.
#[test]
fn a_calibrated_model_is_kept_when_another_takes_its_place() {
    let shop = Workshop::new();
    let train = |steps: u32, kept: bool| {
        let (_, told) =
            shop.run(&format!("train data -o model.anoseg --config tiny.toml --steps {steps}"), 0);
        assert_eq!(told.contains("it is kept in model.previous"), kept, "{told}");
    };
    train(2, false);
    train(3, false);
    for kept in ["model.previous.anoseg", "model.previous-2.anoseg"] {
        shop.run("calibrate model.anoseg data/test/good --false-reject 0.3", 0);
        let calibrated = fs::read(shop.path("model.anoseg")).unwrap();
        // The same weights again: its thresholds would be lost all the same.
        train(3, true);
        assert_eq!(fs::read(shop.path(kept)).unwrap(), calibrated);
    }
    shop.run("train data -o other.anoseg --config tiny.toml --steps 2", 0);
    let calibrate = "data/test/good --false-reject 0.2 -o model.anoseg";
    shop.run(&format!("calibrate model.previous.anoseg {calibrate}"), 0);
    let (_, told) = shop.run(&format!("calibrate model.previous.anoseg {calibrate}"), 0);
    assert!(!told.contains("is kept"), "{told}");
    let (_, told) = shop.run(&format!("calibrate other.anoseg {calibrate}"), 0);
    assert!(told.contains("it is kept in model.previous-3.anoseg"), "{told}");
}

/// `synth` into the folder of the good images once made a training learn from the synthetic pairs, taken
/// for images with labels, in place of the photos.
#[test]
fn synthetic_pairs_are_never_learned_from() {
    let shop = Workshop::new();
    fs::rename(shop.path("data/train/good"), shop.path("parts")).unwrap();
    for _ in 0..2 {
        shop.run("synth parts --out parts --count 5 --config tiny.toml", 0);
        let (told, _) = shop.run("check parts", 0);
        assert!(told.contains("layout plain") && told.contains("20 "), "{told}");
    }
    for entry in fs::read_dir(shop.path("parts/pairs")).unwrap() {
        let path = entry.unwrap().path();
        let image = path.extension().is_some_and(|ending| ending == "png");
        assert!(!image || anoseg_image::write::is_result(&path), "{}", path.display());
    }
    assert!(anoseg_image::write::is_result(&shop.path("parts/sheet.png")));
    let (_, notes) = shop.run("train parts -o m.anoseg --config tiny.toml --steps 1", 0);
    assert!(notes.contains("training on 15 good images") && notes.contains("5 held out"), "{notes}");
}

/// They were once replaced without a word.
#[test]
fn synth_replaces_its_own_pairs_only() {
    let shop = Workshop::new();
    fs::create_dir_all(shop.path("out/pairs")).unwrap();
    for name in ["00001.png", "00001_mask.png", "00001.txt"] {
        let mine = shop.path("out/pairs").join(name);
        fs::write(&mine, "mine").unwrap();
        let (_, told) = shop.run("synth data --out out --count 3 --config tiny.toml", 2);
        assert!(told.contains(name) && told.contains("would be lost"), "{told}");
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
        fs::remove_file(&mine).unwrap();
    }
}

/// The command that goes on with a training that was moved aside once named the data of the new call,
/// with which it failed.
#[cfg(unix)]
#[test]
fn the_way_back_to_a_training_names_its_own_images() {
    let shop = Workshop::new();
    let stopped = |data: &str| {
        let train = format!("train {data} -o q.anoseg --config tiny.toml --steps 100000");
        let mut child = shop.start(&train);
        shop.wait_for_steps("q-run", 2);
        common::signal(child.id(), "-INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
    };
    let way_back = |data: &str| {
        let (_, told) = shop.run(&format!("train {data} -o q.anoseg --config tiny.toml --steps 1"), 0);
        let hint = told.split("to go on with that one instead: ").nth(1).unwrap_or_else(|| panic!("{told}"));
        hint.lines().next().unwrap().to_owned()
    };
    fs::create_dir(shop.path("my parts")).unwrap();
    fs::rename(shop.path("data/test/good"), shop.path("more")).unwrap();
    for number in 0..4 {
        let name = format!("{number:03}.png");
        fs::copy(shop.path("data/train/good").join(&name), shop.path("more").join(format!("m{name}")))
            .unwrap();
    }
    stopped("more --layout plain --max-side 500");
    let hint = way_back("data/train/good");
    assert!(hint.contains("/more --layout plain -o") && hint.contains("--max-side 500"), "{hint}");
    let line = format!("timeout --foreground -s INT 5 {hint}");
    // From another folder as well: the path is absolute.
    let line = line.replace("--run-dir q-run", "--run-dir '../q-run").replace("previous ", "previous' ");
    let output = std::process::Command::new("bash")
        .current_dir(shop.path("my parts"))
        .args(["-c", &line])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("going on at step"), "{line}\n{told}");
    // Other images: the folder is named.
    let (_, told) = shop.run("train data -o q.anoseg --run-dir q-run.previous --resume", 3);
    assert!(told.contains("begun with ") && told.contains("/more: give that folder"), "{told}");
    // A training of an earlier version does not tell.
    stopped("more");
    fs::remove_file(shop.path("q-run/data.toml")).unwrap();
    let hint = way_back("data/train/good");
    assert!(
        hint.contains("train FOLDER_OF_ITS_IMAGES -o q.anoseg --run-dir q-run.previous-2 --resume"),
        "{hint}"
    );
    // The same folder is named as it was typed.
    stopped("more");
    assert!(way_back("more").contains("train more -o q.anoseg"));
}
