//! Configuration files: any text gives an error or a configuration, and checking that one never panics.
#![no_main]

use anoseg_train::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(config) = Config::from_toml(text, None) {
        let _ = config.validate();
    }
});
