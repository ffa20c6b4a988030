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
    typeset(&plain(value, 3))
}

/// A score, a value of a map or a limit of either, 0..=1: as [`significant`], and below 1 with as many
/// decimals as give two significant figures of the distance from 1: `0.731`, `0.9999943`. Scores of
/// clear anomalies differ only in late decimals.
pub fn score(value: f64) -> String {
    typeset(&plain_score(value, 3))
}

/// A score or a threshold in full: the shortest decimal that is read as the same number. A rounded
/// threshold would contradict decisions on scores near it.
pub fn exact_score(value: f32) -> String {
    if value != 0.0 && value.abs() < 1e-4 { format!("{value:e}") } else { value.to_string() }
}

/// As [`exact_score`], typeset.
pub(crate) fn typeset_exact(value: f32) -> String {
    if value.is_finite() { typeset(&exact_score(value)) } else { "–".to_owned() }
}

/// A number with this many significant figures, in the syntax of `str::parse`.
fn plain(value: f64, figures: usize) -> String {
    let size = value.abs();
    if size == 0.0 || !value.is_finite() {
        return if size == 0.0 { "0".to_owned() } else { value.to_string() };
    }
    let rounded = format!("{value:.*e}", figures - 1);
    if !(1e-3..1e6).contains(&size) {
        return rounded;
    }
    // The exponent after rounding, so that 9.996 becomes 10.0 and not 10.00.
    let decimals = (figures as i32 - 1 - exponent_of(&rounded)).max(0) as usize;
    format!("{value:.decimals$}")
}

/// A score with this many significant figures of its distance from 0, and one less of that from 1; in
/// the syntax of `str::parse`.
pub(crate) fn plain_score(value: f64, figures: usize) -> String {
    if !(0.5..1.0).contains(&value) {
        return plain(value, figures);
    }
    let below_one = exponent_of(&format!("{:.*e}", figures - 2, 1.0 - value));
    let decimals = (figures as i32 - 2 - below_one).clamp(0, 17) as usize;
    let mut text = format!("{value:.*}", decimals.max(figures));
    while text.len() > figures + 2 && text.ends_with('0') {
        text.pop();
    }
    text
}

/// A number in the syntax of `str::parse` as it is shown.
pub(crate) fn typeset(plain: &str) -> String {
    match plain.split_once('e') {
        _ if plain.contains("inf") || plain.contains("NaN") => "–".to_owned(),
        Some((mantissa, _)) => {
            let exponent = superscript(exponent_of(plain));
            format!("{}\u{a0}×\u{a0}10{exponent}", minus_sign(mantissa.to_owned()))
        }
        None => minus_sign(plain.to_owned()),
    }
}

/// A number with `decimals` decimals, and with more where it is so small that these would show less
/// than two significant figures. With 3: `1.234`, `0.012`, `0.0012`, `0.000`.
pub fn with_digits(value: f64, decimals: usize) -> String {
    let exponent = if value == 0.0 { 0 } else { exponent_of(&format!("{value:.1e}")) };
    let decimals = decimals.max((1 - exponent).max(0) as usize);
    format!("{value:.decimals$}")
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
        for (value, text) in [
            (0.73149, "0.731"),
            (0.9994, "0.9994"),
            (0.99996, "0.99996"),
            (0.999_994_3, "0.9999943"),
            (f64::from(1.0_f32.next_down()), "0.99999994"),
            (1.0, "1.00"),
            (0.0, "0"),
        ] {
            assert_eq!(score(value), text);
        }
        assert!(score(1.0_f64.next_down()).starts_with("0.9999999999999998"));
        assert_eq!(score(f64::NAN), "–");
        assert_eq!(typeset_exact(f32::INFINITY), "–");
    }

    /// A threshold of 0.9999943 was shown as 0.99999 beside a good score of 0.9999926.
    #[test]
    fn an_exact_score_is_read_as_the_same_number() {
        for value in [0.999_994_3, 0.5, 0.0, 1.0, 1.23e-5, 3e-30, 0.1 + 0.2_f32] {
            assert_eq!(exact_score(value).parse::<f32>().unwrap(), value);
        }
        assert_eq!(exact_score(0.999_994_3), "0.9999943");
        assert_eq!(exact_score(0.5), "0.5");
        assert_eq!(exact_score(1.23e-5), "1.23e-5");
    }

    #[test]
    fn thousands_are_grouped_from_five_digits() {
        assert_eq!(count(1234), "1234");
        assert_eq!(count(1234567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(12345), "12\u{202f}345");
    }
}
