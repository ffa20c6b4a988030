//! Formatting of numbers.

/// A share (0..=1) as a percentage with one decimal and a no-break space: `98.8 %`.
///
/// Values that are not exactly 1 or 0 are never rounded to `100.0 %` or `0.0 %`: they become `>
/// 99.9 %` and `< 0.1 %`. Values that are not finite become `–`.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.1}", share * 100.0);
    match text.as_str() {
        "100.0" if share < 1.0 => ">\u{a0}99.9\u{a0}%".to_owned(),
        "0.0" | "-0.0" if share > 0.0 => "<\u{a0}0.1\u{a0}%".to_owned(),
        "-0.0" => "0.0\u{a0}%".to_owned(),
        _ => format!("{text}\u{a0}%"),
    }
}

/// [`percent`], or `–` where there is no value.
pub fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), percent)
}

/// A number with three significant figures: `0.731`, `12.3`, `1234`, `5.20 × 10⁻⁵`. Values that are
/// not finite become `–`.
pub fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        return scientific(value);
    }
    // The exponent after rounding, so that 9.996 becomes 10.0 and not 10.00.
    let exponent = exponent_of(&format!("{value:.2e}"));
    let decimals = (2 - exponent).max(0) as usize;
    minus_sign(format!("{value:.decimals$}"))
}

/// A score, a value of a map or a limit of either, 0..=1: as [`significant`], and with as many
/// nines as it takes not to be rounded to 1: `0.731`, `0.999998`. Scores of clear anomalies differ
/// only in late decimals.
pub fn score(value: f64) -> String {
    if (0.9995..1.0).contains(&value) { score_with_decimals(value, 3) } else { significant(value) }
}

/// A number with `decimals` decimals, and with more where it is so small that these would show less
/// than two significant figures. With 3: `1.234`, `0.012`, `0.0012`, `0.000`.
pub fn with_digits(value: f64, decimals: usize) -> String {
    let exponent = if value == 0.0 { 0 } else { exponent_of(&format!("{value:.1e}")) };
    let decimals = decimals.max((1 - exponent).max(0) as usize);
    format!("{value:.decimals$}")
}

/// A score with `decimals` decimals, and with more where it takes them not to be rounded to 1 or to
/// show two significant figures.
pub fn score_with_decimals(value: f64, decimals: usize) -> String {
    if 0.0 < value && value < 0.5 {
        return with_digits(value, decimals);
    }
    let text = |decimals: usize| format!("{value:.decimals$}");
    // An f64 below 1 is told from it by sixteen decimals at most.
    (decimals..=16)
        .map(text)
        .find(|text| value >= 1.0 || !text.starts_with('1'))
        .unwrap_or_else(|| text(decimals))
}

/// A whole number with thin spaces between thousands from 10 000 on: `1234`, `12 345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    let mantissa = text.split('e').next().unwrap_or("0").to_owned();
    format!("{}\u{a0}×\u{a0}10{}", minus_sign(mantissa), superscript(exponent_of(&text)))
}

/// The exponent of a number formatted with `{:e}`.
fn exponent_of(text: &str) -> i32 {
    text.split('e').nth(1).and_then(|exponent| exponent.parse().ok()).unwrap_or(0)
}

/// The typographic minus sign in place of a hyphen.
pub(crate) fn minus_sign(text: String) -> String {
    text.replace('-', "−")
}

/// An exponent in superscript digits.
pub(crate) fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |c: char| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]);
    exponent.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_one_decimal_and_are_never_rounded_to_0_or_100() {
        for (share, text) in [
            (0.98765, "98.8 %"),
            (1.0, "100.0 %"),
            (0.99996, "> 99.9 %"),
            (0.00001, "< 0.1 %"),
            (0.0, "0.0 %"),
            (-0.0, "0.0 %"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(percent(share).replace('\u{a0}', " "), text);
        }
        assert_eq!(percent_or_dash(None), "–");
    }

    #[test]
    fn three_significant_figures() {
        for (value, text) in [
            (0.73149, "0.731"),
            (12.345, "12.3"),
            (9.996, "10.0"),
            (999.7, "1000"),
            (123456.7, "123457"),
            (0.0012345, "0.00123"),
            (0.000052, "5.20 × 10⁻⁵"),
            (-2.5e7, "−2.50 × 10⁷"),
            (-0.5, "−0.500"),
            (0.0, "0"),
            (f64::INFINITY, "–"),
        ] {
            assert_eq!(significant(value).replace('\u{a0}', " "), text);
        }
    }

    #[test]
    fn a_score_below_one_is_never_shown_as_one() {
        for (value, text, with_four) in [
            (0.73149, "0.731", "0.7315"),
            (0.9994, "0.999", "0.9994"),
            (0.99996, "0.99996", "0.99996"),
            (0.999_998_15, "0.999998", "0.999998"),
            (f64::from(1.0_f32.next_down()), "0.9999999", "0.9999999"),
            (1.0, "1.00", "1.0000"),
            (0.0, "0", "0.0000"),
        ] {
            assert_eq!(
                (score(value), score_with_decimals(value, 4)),
                (text.to_owned(), with_four.to_owned())
            );
        }
        assert_eq!(score(1.0_f64.next_down()), "0.9999999999999999");
        assert_eq!(score(f64::NAN), "–");
    }

    #[test]
    fn thousands_are_grouped_from_five_digits() {
        assert_eq!(count(1234), "1234");
        assert_eq!(count(1234567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(12345), "12\u{202f}345");
    }
}
