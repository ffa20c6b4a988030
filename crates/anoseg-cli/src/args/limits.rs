//! The options that limit what one image may take.

use anoseg::Limits;
use clap::Args;

/// Limits on one image. Each is checked before memory is allocated for it.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Limits on one image")]
pub(crate) struct LimitOptions {
    /// Most pixels, width x height [default: 100000000].
    #[arg(long, allow_negative_numbers = true, value_name = "COUNT", value_parser = pixels)]
    pub(crate) max_pixels: Option<u64>,
    /// Longest side in pixels [default: 32768].
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS", value_parser = longest_side)]
    pub(crate) max_side: Option<usize>,
    /// Largest file, in bytes or such as 500MB, 1GiB [default: 256MiB].
    #[arg(long, allow_negative_numbers = true, value_name = "SIZE", value_parser = bytes)]
    pub(crate) max_file_bytes: Option<u64>,
    /// Most memory, in bytes or such as 500MB, 4GiB [default: 2.5GiB].
    #[arg(long, allow_negative_numbers = true, value_name = "SIZE", value_parser = bytes)]
    pub(crate) max_memory: Option<u64>,
}

impl LimitOptions {
    /// The options that were given, as arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { max_pixels, max_side, max_file_bytes, max_memory } = *self;
        let given = [
            ("--max-pixels", max_pixels),
            ("--max-side", max_side.map(|side| side as u64)),
            ("--max-file-bytes", max_file_bytes),
            ("--max-memory", max_memory),
        ];
        let arguments =
            given.into_iter().filter_map(|(option, value)| Some([option.into(), value?.to_string()]));
        arguments.flatten().collect()
    }

    /// The options that give these limits.
    pub(crate) fn of(limits: &Limits) -> Self {
        let default = Limits::default();
        Self {
            max_pixels: Some(limits.max_pixels).filter(|&limit| limit != default.max_pixels),
            max_side: Some(limits.max_side).filter(|&limit| limit != default.max_side),
            max_file_bytes: Some(limits.max_file_bytes).filter(|&limit| limit != default.max_file_bytes),
            max_memory: Some(limits.max_alloc_bytes).filter(|&limit| limit != default.max_alloc_bytes),
        }
    }

    /// The limits: the defaults where no option is given.
    pub(crate) fn limits(&self) -> Limits {
        self.over(Limits::default())
    }

    /// These limits, but for the options that are given.
    pub(crate) fn over(&self, limits: Limits) -> Limits {
        Limits {
            max_pixels: self.max_pixels.unwrap_or(limits.max_pixels),
            max_side: self.max_side.unwrap_or(limits.max_side),
            max_file_bytes: self.max_file_bytes.unwrap_or(limits.max_file_bytes),
            max_alloc_bytes: self.max_memory.unwrap_or(limits.max_alloc_bytes),
            ..limits
        }
    }
}

fn pixels(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|&count| count > 0).ok_or_else(|| "give a whole number above 0".to_owned())
}

fn longest_side(text: &str) -> Result<usize, String> {
    let most = anoseg::decode::LONGEST_SIDE;
    text.parse().ok().filter(|side| (1..=most).contains(side)).ok_or(format!("give 1 to {most}"))
}

/// A number of bytes: `1000`, `500MB`, `1.5 GiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err("give a number of bytes, or such as 500MB, 1GiB".to_owned()),
    };
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(factor),
        Err(_) => number.parse::<f64>().ok().map(|number| (number * factor as f64) as u64),
    };
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| "give a number of bytes above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(bytes("1000"), Ok(1000));
        assert_eq!(bytes("500MB"), Ok(500_000_000));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        for refused in ["", "0", "GiB", "1XB", "-1", "99999999999999GiB"] {
            assert!(bytes(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn without_options_the_limits_are_the_defaults() {
        assert_eq!(LimitOptions::default().limits(), Limits::default());
        let options = LimitOptions { max_memory: Some(7), ..LimitOptions::default() };
        assert_eq!(options.limits().max_alloc_bytes, 7);
        let limits = Limits { max_pixels: 9, ..Limits::default() };
        assert_eq!(options.over(limits), Limits { max_alloc_bytes: 7, ..limits });
    }
}
