//! What a request may ask for beside its image: other thresholds, another rule, and where defects count. The same
//! names in a query, in the fields of a form, and in the parameters of the Open Inference Protocol.

use std::path::Path;

use anoseg::{Drawing, Drawings, Limits, decode};
use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The names.
const NAMES: [&str; 8] = [
    "image_threshold",
    "review_threshold",
    "pixel_threshold",
    "rule",
    "min_pixels",
    "min_peak",
    "roi",
    "ignore",
];

/// Most bytes of a drawing that is no mask. The points of a region take less than a tenth.
const MOST_TEXT: usize = 1 << 20;

/// Most drawings. A region has no more areas.
const MOST_DRAWINGS: usize = 16;

/// Characters of a drawing up to which answers and the audit log have it as it was given.
const SHOWN: usize = 200;

/// The rules by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleName {
    /// The score decides.
    Score,
    /// Marked regions decide.
    Regions,
}

/// What a request asks for; None where it does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) image_threshold: Option<f32>,
    pub(crate) review_threshold: Option<f32>,
    pub(crate) pixel_threshold: Option<f32>,
    pub(crate) rule: Option<RuleName>,
    pub(crate) min_pixels: Option<usize>,
    pub(crate) min_peak: Option<f32>,
    pub(crate) drawings: Drawings,
    /// The drawing of `roi`, short; see [`shown`].
    pub(crate) roi: Option<String>,
    /// The drawings of `ignore`, short.
    pub(crate) ignore: Vec<String>,
}

impl Options {
    /// Those of a query, such as `image_threshold=0.6&roi=0,0,300,200`.
    ///
    /// # Errors
    /// A value is none of its parameter, or a parameter is unknown or there twice.
    pub(crate) fn of_query(uri: &Uri) -> Result<Self, Failure> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|error| Failure::bad_request(error.body_text()))?;
        let mut options = Self::default();
        for (name, value) in &pairs {
            // A query that ends in & has an empty pair.
            if !(name.is_empty() && value.is_empty()) {
                options.add(name, value)?;
            }
        }
        Ok(options)
    }

    /// Those among the parameters of a request of the Open Inference Protocol; others are left alone.
    ///
    /// # Errors
    /// As [`Options::of_query`], or a value is neither a number nor a string.
    pub(crate) fn of_parameters(parameters: &Map<String, Value>) -> Result<Self, Failure> {
        let mut options = Self::default();
        // In the order of the names: an error names the first drawing that does not fit.
        let given = NAMES.iter().filter_map(|name| Some((*name, parameters.get(*name)?)));
        for (name, value) in given {
            match value {
                Value::String(text) => options.add(name, text)?,
                Value::Number(number) => options.add(name, &number.to_string())?,
                _ => return Err(Failure::bad_request(format!("{name} must be a number or a string"))),
            }
        }
        Ok(options)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "image_threshold" => set(&mut self.image_threshold, name, share(name, value)?),
            "review_threshold" => set(&mut self.review_threshold, name, share(name, value)?),
            "pixel_threshold" => set(&mut self.pixel_threshold, name, share(name, value)?),
            "min_peak" => set(&mut self.min_peak, name, share(name, value)?),
            "min_pixels" => {
                let pixels: Option<u32> = value.parse().ok().filter(|&pixels| pixels > 0);
                let pixels = pixels.ok_or_else(|| {
                    Failure::bad_request(format!("min_pixels is a whole number from 1 to {}", u32::MAX))
                })?;
                set(&mut self.min_pixels, name, pixels as usize)
            }
            "rule" => {
                let rule = match value {
                    "score" => RuleName::Score,
                    "regions" => RuleName::Regions,
                    _ => return Err(Failure::bad_request("rule is score or regions")),
                };
                set(&mut self.rule, name, rule)
            }
            "roi" | "ignore" => self.draw(name, value),
            _ => {
                let message = format!("the query has an unknown parameter; known are {}", NAMES.join(", "));
                Err(Failure::bad_request(message))
            }
        }
    }

    /// Drawings as text: rectangles, with semicolons between them, or a JSON document of polygons.
    fn draw(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        if text.len() > MOST_TEXT {
            let message = format!("{name}: polygons have at most {MOST_TEXT} bytes; draw fewer points");
            return Err(Failure::too_large(message));
        }
        let refused =
            |what: String| Failure::bad_request(format!("{name} = {:?}: {what}", shown(text.as_bytes())));
        if is_json(text.as_bytes()) {
            let drawing = Drawing::from_json(text).map_err(refused)?;
            return self.drawn(name, shown(text.as_bytes()), drawing);
        }
        for part in text.split(';') {
            let rectangle = Drawing::rectangle_of(part).map_err(refused)?;
            let rectangle = rectangle.ok_or_else(|| {
                refused(
                    "neither a rectangle LEFT,TOP,WIDTH,HEIGHT nor a JSON document of polygons".to_owned(),
                )
            })?;
            self.drawn(name, shown(part.as_bytes()), rectangle)?;
        }
        Ok(())
    }

    /// The field `roi` or `ignore` of a form: as in a query, or a mask image, whose pixels that are not 0 are inside.
    ///
    /// # Errors
    /// It is none of these, exceeds the limits, or `roi` is there twice.
    pub(crate) fn add_field(&mut self, name: &str, bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
        match std::str::from_utf8(bytes) {
            Ok(text)
                if is_json(bytes) || Drawing::rectangle(text.split(';').next().unwrap_or(text)).is_some() =>
            {
                self.draw(name, text.trim())
            }
            _ => {
                let mask =
                    decode::load_mask_bytes(bytes, Path::new(name), limits).map_err(anoseg::Error::from)?;
                let drawing = Drawing::of_mask(&mask);
                let drawing = drawing.map_err(|what| Failure::bad_request(format!("{name}: {what}")))?;
                self.drawn(name, shown(bytes), drawing)
            }
        }
    }

    fn drawn(&mut self, name: &str, shown: String, drawing: Drawing) -> Result<(), Failure> {
        if self.drawings.len() >= MOST_DRAWINGS {
            return Err(Failure::bad_request(format!("a region has at most {MOST_DRAWINGS} areas")));
        }
        if name == "roi" {
            self.drawings.inside(name, &shown, drawing);
            return set(&mut self.roi, name, shown);
        }
        self.drawings.ignore(name, &shown, drawing);
        self.ignore.push(shown);
        Ok(())
    }
}

/// Sets a value that is not there yet.
fn set<T>(target: &mut Option<T>, name: &str, value: T) -> Result<(), Failure> {
    match target.replace(value) {
        Some(_) => Err(Failure::bad_request(format!("{name} is there twice"))),
        None => Ok(()),
    }
}

/// A number from 0 to 1.
fn share(name: &str, value: &str) -> Result<f32, Failure> {
    let number = value.parse().ok().filter(|number| (0.0..=1.0_f32).contains(number));
    number.ok_or_else(|| Failure::bad_request(format!("{name} is a number from 0 to 1")))
}

/// Whether a drawing is a JSON document, by its first character.
fn is_json(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// A drawing as answers and the audit log have it: itself where it is a short text, or its digest.
fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes).map(str::trim) {
        Ok(text) if text.len() <= SHOWN && !text.chars().any(anoseg_image::text::is_unseen) => {
            text.to_owned()
        }
        _ => format!("blake3:{}", blake3::hash(bytes).to_hex()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Options, String> {
        let uri: Uri = format!("/?{query}").parse().unwrap();
        Options::of_query(&uri).map_err(|failure| failure.message)
    }

    #[test]
    fn a_query_and_parameters_give_the_same_options() {
        let query =
            "image_threshold=0.5&pixel_threshold=0.25&rule=score&roi=0,0,9,9&ignore=1%2C1,2,2;5,5,2,2";
        let parameters = serde_json::json!({
            "image_threshold": 0.5, "pixel_threshold": 0.25, "rule": "score", "roi": "0,0,9,9",
            "ignore": "1,1,2,2;5,5,2,2", "binary_data_output": true, "other": [1],
        });
        let options = Options::of_parameters(parameters.as_object().unwrap()).unwrap();
        assert_eq!(of(query), Ok(options.clone()));
        assert_eq!(
            (options.drawings.len(), &options.ignore[..]),
            (3, &["1,1,2,2".into(), "5,5,2,2".into()][..])
        );
        let twice = of("ignore=1,1,2,2&ignore=5,5,2,2").unwrap();
        assert_eq!(twice.ignore, options.ignore);
        assert_eq!(of("&"), Ok(Options::default()));
        let regions = of("rule=regions&min_pixels=20&min_peak=0.75").unwrap();
        assert_eq!((regions.rule, regions.min_pixels), (Some(RuleName::Regions), Some(20)));
        let odd = serde_json::json!({"min_pixels": [1]});
        assert!(Options::of_parameters(odd.as_object().unwrap()).is_err());
    }

    #[test]
    fn other_values_and_names_are_refused() {
        for value in ["", "1.01", "-0.1", "nan", "inf", "1e99", "0,5", "0.5%00", "0.5=", " 0.5", "0x1", "%ff"]
        {
            let message = of(&format!("image_threshold={}", value.replace(' ', "+"))).unwrap_err();
            assert!(message.contains("image_threshold is a number from 0 to 1"), "{value}: {message}");
        }
        for value in ["", "0", "-1", "1.5", "4294967296"] {
            assert!(of(&format!("min_pixels={value}")).unwrap_err().contains("whole number"), "{value}");
        }
        for (query, part) in [
            ("image_threshold=0.5&image_threshold=0.5", "twice"),
            ("roi=0,0,9,9&roi=0,0,9,9", "roi is there twice"),
            ("roi=0,0,9,9;1,1,2,2", "roi is there twice"),
            ("image_treshold=0.5", "unknown parameter"),
            ("rule=score+", "rule is score or regions"),
            ("roi=/etc/passwd", "neither a rectangle"),
            ("roi=part.json", "neither a rectangle"),
            ("ignore=", "neither a rectangle"),
            ("ignore=0,0,9,-9", "must be above 0"),
            ("roi=%7B%22a%22:1%7D", "the key \"a\" is unknown"),
        ] {
            let message = of(query).unwrap_err();
            assert!(message.contains(part), "{query}: {message}");
        }
        let many = vec!["ignore=0,0,1,1"; 17].join("&");
        assert!(of(&many).unwrap_err().contains("at most 16 areas"));
    }

    #[test]
    fn fields_are_rectangles_polygons_or_masks() {
        let mut options = Options::default();
        let mask = anoseg::write::encode_png(&anoseg::Image::filled(12, 10, [1.0; 3]));
        options.add_field("roi", b"\xef\xbb\xbf [[0,0],[9,0],[9,9]]\n", &Limits::default()).unwrap();
        options.add_field("ignore", b"0,0,2,2\r\n", &Limits::default()).unwrap();
        options.add_field("ignore", &mask, &Limits::default()).unwrap();
        assert_eq!(options.drawings.len(), 3);
        assert_eq!(options.ignore[0], "0,0,2,2");
        assert_eq!(options.ignore[1], format!("blake3:{}", blake3::hash(&mask).to_hex()));
        let mut refused = |bytes: &[u8]| options.add_field("ignore", bytes, &Limits::default()).unwrap_err();
        assert_eq!(refused(b"part.json").code, "bad_image");
        assert_eq!(refused(b"[").code, "bad_request");
        let black = anoseg::write::encode_png(&anoseg::Image::filled(12, 10, [0.0; 3]));
        assert!(refused(&black).message.contains("not 0 are inside"));
        let long = format!("[{}", ",".repeat(MOST_TEXT));
        assert_eq!(refused(long.as_bytes()).code, "too_large");
    }
}
