//! Numbers of a checkpoint that a resumed training must get back to the last bit. JSON parsers may
//! miss it, so the number is written as text; older checkpoints hold a JSON number.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = match Written::deserialize(deserializer)? {
        Written::Number(value) => value,
        Written::Text(text) => text.parse().map_err(|_| D::Error::custom("not a number"))?,
    };
    if value.is_finite() { Ok(value) } else { Err(D::Error::custom("not a finite number")) }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        value: f64,
    }

    fn read(text: &str) -> Option<f64> {
        serde_json::from_str::<Holder>(text).ok().map(|holder| holder.value)
    }

    /// The first of these once came back as another number.
    #[test]
    fn numbers_come_back_to_the_last_bit() {
        for value in [51.248_176_430_697_54, 0.1 + 0.2, 1e-300, f64::MIN_POSITIVE, f64::MAX, -0.0, 5e-324] {
            let text = serde_json::to_string(&Holder { value }).unwrap();
            assert_eq!(read(&text).map(f64::to_bits), Some(value.to_bits()), "{text}");
        }
        assert_eq!(read("{\"value\": 0.25}"), Some(0.25));
        for text in
            ["{\"value\": \"NaN\"}", "{\"value\": \"inf\"}", "{\"value\": \"x\"}", "{\"value\": null}"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
