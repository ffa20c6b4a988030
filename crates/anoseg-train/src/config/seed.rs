//! A seed in a settings file: TOML has no integers above 2^63 - 1, so larger seeds are text.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a seed: a whole number, in quotes above 9223372036854775807")]
enum Written {
    Number(u64),
    Text(String),
}

pub(super) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(*seed) {
        Ok(seed) => serializer.serialize_i64(seed),
        Err(_) => serializer.serialize_str(&seed.to_string()),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Number(seed) => Ok(seed),
        Written::Text(text) => text.parse().map_err(|_| D::Error::custom(format!("{text:?} is no seed"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    /// Larger seeds were once written as integers, which could not be read again to resume.
    #[test]
    fn every_seed_survives_the_settings_file() {
        for seed in [0, i64::MAX.unsigned_abs(), i64::MAX.unsigned_abs() + 1, u64::MAX] {
            let config = Config { seed, ..Config::default() };
            assert_eq!(Config::from_toml(&config.to_toml().unwrap(), None).unwrap(), config);
        }
        for text in ["seed = \"x\"", "seed = -1", "seed = 1.5"] {
            assert!(Config::from_toml(text, None).is_err(), "{text}");
        }
    }
}
