//! Settings and logs.

use anoseg_train::{Config, Preset, RunDir};

use super::scratch;

pub(super) fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(config) = Config::from_toml(&text, None) {
        // Its error is as good as its success.
        let _ = config.validate();
    }
}

pub(super) fn generated_configs() -> Vec<Vec<u8>> {
    let presets = [Preset::Fast, Preset::Accurate, Preset::Paper];
    presets.iter().filter_map(|&preset| Config::of(preset).to_toml().ok()).map(String::into_bytes).collect()
}

pub(super) fn log(bytes: &[u8]) {
    let path = scratch("metrics.jsonl", bytes);
    let folder = path.parent().expect("a file lies in a folder");
    let log = RunDir::open(folder).log();
    if let Ok(log) = log {
        let lines = bytes.split(|&byte| byte == b'\n').count();
        assert!(log.records.len() + log.broken <= lines, "more steps than lines");
    }
}

pub(super) fn generated_logs() -> Vec<Vec<u8>> {
    let line = |step: u32| {
        format!(
            "{{\"step\":{step},\"learning_rate\":0.001,\"total\":1.5,\"segmentation\":0.5,\"elapsed\":{step}.25}}\n"
        )
    };
    vec![(1..6).map(line).collect::<String>().into_bytes()]
}
