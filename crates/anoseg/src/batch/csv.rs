//! Verdicts as CSV (RFC 4180).
//!
//! No field runs as a formula in a spreadsheet: one that begins with `=`, `+`, `-`, `@` or a
//! full-width form of them gets an apostrophe before it, and so does one that begins with an
//! apostrophe, so that taking the first apostrophe away gives the text back. Where the semicolon
//! separates fields, it would begin a new one; before such a character it is written `%3B`.
//! Control characters are escaped already in names and texts.

use anoseg_infer::Decision;

use super::Verdict;
use super::format::Known;
use super::verdict::FileNames;

/// The first line.
pub(super) const COLUMNS: &str = "image,width,height,score,decision,regions,largest_x,largest_y,largest_width,\
                                  largest_height,largest_area,peak,overlay,mask,map,warnings,errors,error,\
                                  model_digest";

/// A line with its end.
pub(super) fn line(verdict: &Verdict) -> String {
    let largest = verdict.regions.iter().max_by_key(|region| region.area);
    let number = |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
    let joined = |texts: Vec<&str>| text(&texts.join(" | "));
    let optional = |value: &Option<String>| value.as_deref().map_or_else(String::new, text);
    let mut fields = vec![
        text(&verdict.image),
        number(verdict.width),
        number(verdict.height),
        verdict.score.map_or_else(String::new, |score| score.to_string()),
        verdict.decision.map_or("", Decision::name).to_owned(),
        verdict.decision.map_or_else(String::new, |_| verdict.regions.len().to_string()),
    ];
    fields.extend((0..4).map(|i| number(largest.map(|region| region.bounds[i]))));
    fields.extend([
        number(largest.map(|region| region.area)),
        verdict.regions.first().map_or_else(String::new, |region| region.peak.to_string()),
        optional(&verdict.files.overlay),
        optional(&verdict.files.mask),
        optional(&verdict.files.map),
        joined(verdict.warnings.iter().map(|warning| warning.message.as_str()).collect()),
        joined(verdict.errors.iter().map(String::as_str).collect()),
        optional(&verdict.error),
        text(&verdict.model_digest),
    ]);
    fields.join(",") + "\n"
}

/// What a spreadsheet takes for the beginning of a formula; the last ones are full-width forms.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// A text that no spreadsheet runs, quoted where it must be.
fn text(field: &str) -> String {
    let mut safe = String::with_capacity(field.len() + 2);
    if field.starts_with(FORMULA) || field.starts_with('\'') {
        safe.push('\'');
    }
    let mut rest = field.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ';' if rest.peek().is_some_and(|next| FORMULA.contains(next)) => safe.push_str("%3B"),
            c => safe.push(c),
        }
    }
    if safe.contains([',', '"', ';', '\n', '\r', '\t']) || safe.trim() != safe {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

/// What resuming needs of a line.
pub(super) fn parse(line: &str) -> Option<Known> {
    let fields = fields(line)?;
    if fields.len() != COLUMNS.split(',').count() {
        return None;
    }
    let decision = match fields[4].as_str() {
        "" => None,
        name => Some(Decision::named(name)?),
    };
    // No text has `%3B` of its own: where it looks so, its percent sign is escaped.
    let plain = |field: &String| field.strip_prefix('\'').unwrap_or(field).replace("%3B", ";");
    let optional = |at: usize| Some(plain(&fields[at])).filter(|text| !text.is_empty());
    let files = FileNames { overlay: optional(12), mask: optional(13), map: optional(14) };
    Some(Known { image: plain(&fields[0]), decision, files, error: optional(17), stamp: None, content: None })
}

/// The fields of a line; None where a quote is not closed or stands within a field.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let mut field = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let end = quoted.find('"')?;
                field.push_str(&quoted[..end]);
                quoted = &quoted[end + 1..];
                match quoted.strip_prefix('"') {
                    Some(after) => quoted = after,
                    None => break,
                }
                field.push('"');
            }
            rest = quoted;
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            field.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Some(fields),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::verdict::{RegionRecord, WarningRecord};

    fn verdict(image: &str) -> Verdict {
        let bounds = [1, 2, 3, 4];
        let region = RegionRecord { bounds, area: 9, peak: 0.75, peak_at: [2, 3], segmentation: None };
        let warning = WarningRecord { code: "constant".into(), message: "a, \"b\"".into() };
        Verdict {
            width: Some(20),
            height: Some(10),
            score: Some(0.5),
            decision: Some(Decision::Review),
            regions: vec![region],
            warnings: vec![warning],
            files: FileNames { mask: Some("a_mask.png".into()), ..FileNames::default() },
            model_digest: "0f".into(),
            ..Verdict::unjudged(image.to_owned())
        }
    }

    #[test]
    fn a_line_has_the_columns_and_quotes_what_needs_it() {
        let written = line(&verdict("a,\"b\".png"));
        let expected =
            "\"a,\"\"b\"\".png\",20,10,0.5,review,1,1,2,3,4,9,0.75,,a_mask.png,,\"a, \"\"b\"\"\",,,0f\n";
        assert_eq!(written, expected);
        let fields = fields(written.trim_end()).unwrap();
        assert_eq!(fields.len(), COLUMNS.split(',').count());
        assert_eq!(fields[0], "a,\"b\".png");
    }

    /// `=HYPERLINK(...)` as a file's name once ran in the spreadsheet.
    #[test]
    fn no_field_runs_as_a_formula() {
        let names = [
            "=1+1.png",
            "+1.png",
            "-1.png",
            "@SUM(1).png",
            "'quoted.png",
            "＝1.png",
            "\t=1",
            "a;=1+1.png",
            "''",
            "plain.png",
            " =1.png",
            "a b;c.png",
        ];
        for name in names {
            let written = line(&verdict(name));
            let field = fields(written.trim_end()).unwrap().swap_remove(0);
            assert!(!field.starts_with(FORMULA), "{written}");
            // A spreadsheet may split at semicolons too.
            assert!(field.split(';').all(|part| !part.starts_with(FORMULA)), "{written}");
            assert_eq!(parse(written.trim_end()).unwrap().image, name);
        }
    }

    #[test]
    fn torn_and_foreign_lines_are_no_verdicts() {
        let whole = line(&verdict("a,b.png"));
        let whole = whole.trim_end();
        let known = parse(whole).unwrap();
        assert_eq!((known.image.as_str(), known.decision), ("a,b.png", Some(Decision::Review)));
        assert_eq!(known.files.mask.as_deref(), Some("a_mask.png"));
        for torn in (0..whole.len() - 1).map(|end| &whole[..end]) {
            assert!(parse(torn).is_none_or(|known| known.image == "a,b.png"), "{torn}");
        }
        for foreign in ["", "a", "\"a", "a\"b,c", COLUMNS] {
            assert!(parse(foreign).is_none(), "{foreign}");
        }
    }
}
