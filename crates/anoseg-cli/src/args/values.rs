//! Values of options: times, shares, whole numbers.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A time with its unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| match text.trim().parse::<u64>() {
        Ok(number) => format!("give a unit, such as {number}m for minutes or {number}s for seconds"),
        Err(_) => error.to_string(),
    })
}

/// A share; its range is checked with the other settings.
pub(super) fn share(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| {
        let percent = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        // Rounded, because 0.7 / 100 is 0.006999999999999999.
        let share = percent.map_or(0.005, |percent| (percent * 1e10).round() / 1e12);
        format!("give a share such as {share}")
    })
}

/// A whole number of 64 bits that is not negative.
pub(super) fn whole_number(text: &str) -> Result<u64, String> {
    whole_number_in(text, 0..=u64::MAX)
}

pub(super) fn whole_number_in(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let allowed = || format!("give a whole number from {} to {}", range.start(), range.end());
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_refused_with_an_example() {
        assert!(duration("15").unwrap_err().contains("such as 15m"));
        assert_eq!(duration("15m").unwrap(), Duration::from_secs(900));
        assert_eq!(share("0.5%").unwrap_err(), "give a share such as 0.005");
        assert_eq!(share("0.7 %").unwrap_err(), "give a share such as 0.007");
        assert_eq!(share("few").unwrap_err(), "give a share such as 0.005");
        assert_eq!(share("0.02").unwrap(), 0.02);
    }
}
