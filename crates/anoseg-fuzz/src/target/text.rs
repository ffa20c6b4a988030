//! Settings and logs.

use anoseg_train::{Config, Preset, RunDir, StepLosses, StepRecord};

use super::scratch;

pub(super) fn config(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    Config::from_toml(&text, None).is_ok_and(|config| config.validate().is_ok())
}

pub(super) fn generated_configs() -> Vec<Vec<u8>> {
    let presets = [Preset::Fast, Preset::Accurate, Preset::Paper];
    presets.iter().filter_map(|&preset| Config::of(preset).to_toml().ok()).map(String::into_bytes).collect()
}

pub(super) fn log(bytes: &[u8]) -> bool {
    let path = scratch("metrics.jsonl", bytes);
    let folder = path.parent().expect("a file lies in a folder");
    let log = RunDir::open(folder).log();
    if let Ok(log) = &log {
        let lines = bytes.split(|&byte| byte == b'\n').count();
        assert!(log.records.len() + log.broken <= lines, "more steps than lines");
    }
    log.is_ok_and(|log| !log.records.is_empty())
}

pub(super) fn generated_logs() -> Vec<Vec<u8>> {
    let line = |step: u64| {
        let losses = StepLosses::default();
        let record = StepRecord { step, learning_rate: 0.001, losses, elapsed: step as f64 + 0.25 };
        serde_json::to_string(&record).expect("a record serialises") + "\n"
    };
    vec![(1..6).map(line).collect::<String>().into_bytes()]
}
