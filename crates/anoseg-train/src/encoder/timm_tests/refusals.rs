//! Files in timm's form that cannot be used.

use std::path::Path;

use anoseg_infer::ErrorKind;
use anoseg_infer::network::EncoderKind;
use safetensors::Dtype;
use serde_json::json;

use super::{Tensors, config, tensors, write};
use crate::PretrainedEncoder;

/// The refusal of a folder of these files.
fn refusal(folder: &Path) -> String {
    let error = PretrainedEncoder::read(folder).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model, "{error}");
    error.to_string()
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let with = |edit: &dyn Fn(&mut Tensors)| {
        let mut tensors = tensors(EncoderKind::EfficientNetLite0);
        edit(&mut tensors);
        write(folder, &tensors, &config("tf_efficientnet_lite0"));
        refusal(folder)
    };
    let depthwise = "blocks.1.0.conv_dw.weight";
    let missing = with(&|tensors| _ = tensors.remove(depthwise));
    assert!(missing.contains(depthwise) && missing.contains("missing"), "{missing}");
    assert!(missing.contains("tf_efficientnet_lite0") && missing.contains("model.safetensors"), "{missing}");
    let other = with(&|tensors| tensors.get_mut(depthwise).unwrap().1 = vec![96, 9, 1, 1]);
    assert!(other.contains(depthwise) && other.contains("[96, 9, 1, 1]"), "{other}");
    let integers = with(&|tensors| tensors.get_mut(depthwise).unwrap().0 = Dtype::I32);
    assert!(integers.contains(depthwise) && integers.contains("I32"), "{integers}");
    let infinite = with(&|tensors| {
        tensors.get_mut("bn1.running_mean").unwrap().2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(infinite.contains("bn1") && infinite.contains("not finite"), "{infinite}");
    let negative = with(&|tensors| {
        tensors.get_mut("bn1.running_var").unwrap().2[..4].copy_from_slice(&(-1.0_f32).to_le_bytes());
    });
    assert!(negative.contains("bn1.running_var"), "{negative}");
    write(folder, &tensors(EncoderKind::EfficientNetLite0), &config("tf_efficientnet_lite2"));
    assert!(refusal(folder).contains("tf_efficientnet_lite2"));
}

#[test]
fn a_description_that_does_not_fit_is_named_with_what_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, &Tensors::new(), &json!({}));
    let with = |text: &str| {
        std::fs::write(folder.join("config.json"), text).unwrap();
        let refusal = refusal(folder);
        assert!(refusal.contains("config.json"), "{refusal}");
        refusal
    };
    for (architecture, why) in [
        ("vit_base_patch14_dinov2.lvd142m", "vision transformer"),
        ("vit_small_patch16_224", "vision transformer"),
        ("resnet50", "not known here"),
        ("tf_efficientnet_lite5", "not known here"),
        ("resnet18/../..\\n", "not known here"),
    ] {
        let refusal = with(&format!("{{\"architecture\": \"{architecture}\"}}"));
        assert!(refusal.contains(why) && refusal.contains("wide_resnet50_2"), "{refusal}");
    }
    assert!(with("{}").contains("\"architecture\""));
    assert!(with("no JSON").contains("no description"));
    assert!(with(r#"{"architecture": 18}"#).contains("no description"));
    assert!(with(r#"{"architecture": "resnet18"}"#).contains("\"mean\""));
    assert!(with(r#"{"architecture": "resnet18", "mean": [0, 0, 0]}"#).contains("\"std\""));
    let zero = r#"{"architecture": "resnet18", "mean": [0, 0, 0], "std": [0, 1, 1]}"#;
    assert!(with(zero).contains("out of range"));
    let grey =
        r#"{"architecture": "resnet18", "mean": [0, 0, 0], "std": [1, 1, 1], "input_size": [1, 224, 224]}"#;
    assert!(with(grey).contains("three channels"));
    assert!(with(&"[".repeat(100_000)).contains("no description"));
    std::fs::remove_file(folder.join("config.json")).unwrap();
    assert!(refusal(folder).contains("config.json"));
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    assert!(refusal(folder).contains("save_file"));
}

#[test]
fn damaged_and_hostile_files_are_refused_by_name_without_memory_for_what_they_claim() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = write(folder, &tensors(EncoderKind::ResNet18), &config("resnet18"));
    let whole = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        for given in [folder, path.as_path()] {
            let error = refusal(given);
            assert!(error.contains("model.safetensors"), "{error}");
        }
    };
    for length in [0, 5, 8, 9, 100, header, header + 8, header + 9, whole.len() - 1] {
        refused(&whole[..length]);
    }
    refused(&[whole.as_slice(), b"more"].concat());
    for length in [u64::MAX, 1 << 40, 17 << 20, header as u64 - 1, header as u64 + 1, 0] {
        refused(&[length.to_le_bytes().as_slice(), &whole[8..]].concat());
    }
    let of_header =
        |header: &str| [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes()].concat();
    for header in [
        r#"{"conv1.weight":{"dtype":"F32","shape":[18446744073709551615,9,9],"data_offsets":[0,4]}}"#,
        r#"{"conv1.weight":{"dtype":"F32","shape":[64,3,7,7],"data_offsets":[0,37632]}}"#,
        r#"{"conv1.weight":{"dtype":"F32","shape":[64,3,7,7],"data_offsets":[37632,0]}}"#,
        r#"{"conv1.weight":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#,
        r#"{"conv1.weight":7}"#,
        "{}",
    ] {
        refused(&of_header(header));
    }
    refused(&of_header(&format!("{{{}", "\"a\":{".repeat(1000))));
}
