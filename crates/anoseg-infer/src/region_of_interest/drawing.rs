//! What a person has drawn: a rectangle, polygons or a mask.

use std::path::Path;

use anoseg_image::{Limits, Mask, decode, read};
use serde::Deserialize;
use serde_json::Value;

use super::area::{Area, Point};

/// Largest file of polygons. Files of LabelMe may hold the image, too.
const MOST_BYTES: u64 = 64 << 20;

const NO_POLYGON: &str = "it has no polygon";

/// What a JSON file may hold.
const FORMS: &str = "give {\"width\": W, \"height\": H, \"include\": [[[x, y], ...], ...], \"exclude\": [...]}, a \
                     list of points, or a file of LabelMe";

/// The keys of an [`AreaFile`].
const KEYS: [&str; 4] = ["width", "height", "include", "exclude"];

/// Keys that tell a file of LabelMe.
const KEYS_OF_LABELME: [&str; 3] = ["shapes", "imageWidth", "imageHeight"];

/// An area as it was drawn; the size of the image may be unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// An area of an image of known size.
    Sized(Area),
    /// Polygons on an image of unknown size.
    Unsized(Vec<Vec<Point>>),
}

/// The forms of a JSON list.
#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Polygon(Vec<Point>),
    Polygons(Vec<Vec<Point>>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LabelMe {
    image_width: usize,
    image_height: usize,
    shapes: Vec<Shape>,
}

#[derive(Deserialize)]
struct Shape {
    points: Vec<Point>,
    #[serde(default)]
    shape_type: Option<String>,
}

#[derive(Deserialize)]
struct AreaFile {
    width: usize,
    height: usize,
    #[serde(default)]
    include: Option<Vec<Vec<Point>>>,
    #[serde(default)]
    exclude: Vec<Vec<Point>>,
}

impl Drawing {
    /// A rectangle from `LEFT,TOP,WIDTH,HEIGHT` in pixels; None if the text is none.
    pub fn rectangle(text: &str) -> Option<Self> {
        let numbers: Option<Vec<f32>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        let [left, top, width, height] = numbers?.try_into().ok()?;
        let all_finite = [left, top, width, height].iter().all(|number: &f32| number.is_finite());
        let (right, bottom) = (left + width, top + height);
        all_finite
            .then(|| Self::Unsized(vec![vec![[left, top], [right, top], [right, bottom], [left, bottom]]]))
    }

    /// As [`Drawing::rectangle`], of a rectangle that has an area.
    ///
    /// # Errors
    /// In words: width or height is not above 0.
    pub fn rectangle_of(text: &str) -> Result<Option<Self>, String> {
        let sides = text.split(',').skip(2).filter_map(|side| side.trim().parse::<f32>().ok());
        match Self::rectangle(text) {
            Some(_) if sides.into_iter().any(|side| side <= 0.0) => {
                Err("WIDTH and HEIGHT of LEFT,TOP,WIDTH,HEIGHT must be above 0".to_owned())
            }
            rectangle => Ok(rectangle),
        }
    }

    /// Reads a JSON file of polygons (name ending in `.json`), or a mask image, whose pixels that are not
    /// 0 are inside.
    ///
    /// # Errors
    /// In words: the file cannot be read, or has none of the forms.
    pub fn read(path: &Path, limits: &Limits) -> Result<Self, String> {
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            let text = read::regular_text(path, MOST_BYTES).map_err(|error| error.to_string())?;
            return Self::from_json(&text);
        }
        Self::of_mask(&decode::load_mask(path, limits).map_err(|error| error.to_string())?)
    }

    /// The pixels of a mask.
    ///
    /// # Errors
    /// In words: no pixel is inside.
    pub fn of_mask(mask: &Mask) -> Result<Self, String> {
        if !mask.any() {
            return Err("all pixels of the mask are 0: those that are not 0 are inside".to_owned());
        }
        Ok(Self::Sized(Area::of_mask(mask)))
    }

    /// Reads polygons: `{"width": W, "height": H, "include": [[[x, y], ...], ...], "exclude": [...]}`, a
    /// file of LabelMe, a polygon, or a list of polygons. A byte-order mark is passed over.
    ///
    /// # Errors
    /// In words: the text is no JSON, or has none of these forms.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let json: Value = serde_json::from_str(text).map_err(|error| format!("no valid JSON: {error}"))?;
        match &json {
            Value::Array(items) if items.is_empty() => Err(NO_POLYGON.to_owned()),
            Value::Array(_) => {
                let list = serde_json::from_value(json)
                    .map_err(|_| format!("a list, but not of points [x, y] or of polygons: {FORMS}"))?;
                Ok(Self::Unsized(match list {
                    List::Polygon(points) => vec![points],
                    List::Polygons(polygons) => polygons,
                }))
            }
            Value::Object(fields) if KEYS_OF_LABELME.iter().any(|key| fields.contains_key(*key)) => {
                Self::of_labelme(json)
            }
            Value::Object(fields) => {
                if let Some(key) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
                    let keys = KEYS.join(", ");
                    return Err(format!("the key {key:?} is unknown, the keys are {keys}: {FORMS}"));
                }
                Self::of_area_file(json)
            }
            _ => Err(format!("none of the known forms: {FORMS}")),
        }
    }

    fn of_labelme(json: Value) -> Result<Self, String> {
        let LabelMe { image_width, image_height, shapes } =
            serde_json::from_value(json).map_err(|error| format!("a file of LabelMe, but: {error}"))?;
        let include: Result<Vec<_>, _> = shapes.into_iter().map(Shape::polygon).collect();
        Self::of_polygons((image_width, image_height), include?, Vec::new())
    }

    fn of_area_file(json: Value) -> Result<Self, String> {
        let AreaFile { width, height, include, exclude } =
            serde_json::from_value(json).map_err(|error| format!("{error}: {FORMS}"))?;
        if include.as_ref().is_some_and(Vec::is_empty) {
            // Whoever removed the last polygon does not want the whole image to count.
            return Err(
                "\"include\" is an empty list, so that no pixel would count: give a polygon, or leave \
                        \"include\" out, so that everything outside \"exclude\" counts"
                    .to_owned(),
            );
        }
        Self::of_polygons((width, height), include.unwrap_or_default(), exclude)
    }

    fn of_polygons(
        size: (usize, usize),
        include: Vec<Vec<Point>>,
        exclude: Vec<Vec<Point>>,
    ) -> Result<Self, String> {
        if include.is_empty() && exclude.is_empty() {
            return Err(NO_POLYGON.to_owned());
        }
        Ok(Self::Sized(Area::of_polygons(size, include, exclude)))
    }

    /// Whether the size of the image that it was drawn on is unknown.
    pub fn is_unsized(&self) -> bool {
        matches!(self, Self::Unsized(_))
    }

    /// The area; `size` (width, height) is that of the image where the drawing does not tell it. Points
    /// up to a pixel, or 2 % of the image's side, beyond its border are moved to it. The area is to be
    /// checked by [`RegionOfInterest::validate`](super::RegionOfInterest::validate).
    pub fn on(self, size: (usize, usize)) -> Area {
        self.unclipped(size).clipped()
    }

    /// By how many pixels the drawing reaches beyond the border of the image; 0 if it lies within. `size`
    /// is that of [`Drawing::on`].
    pub fn beyond(&self, size: (usize, usize)) -> f32 {
        self.clone().unclipped(size).beyond()
    }

    fn unclipped(self, size: (usize, usize)) -> Area {
        match self {
            Self::Sized(area) => area,
            Self::Unsized(polygons) => Area::of_polygons(size, polygons, Vec::new()),
        }
    }
}

impl Shape {
    fn polygon(self) -> Result<Vec<Point>, String> {
        match (self.shape_type.as_deref(), &self.points[..]) {
            (Some("rectangle"), &[[left, top], [right, bottom]]) => {
                Ok(vec![[left, top], [right, top], [right, bottom], [left, bottom]])
            }
            (None | Some("polygon" | "linestrip"), _) => Ok(self.points),
            (Some(other), _) => Err(format!("a shape of type {other}: draw polygons or rectangles")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RegionOfInterest;

    fn count(drawing: Drawing) -> usize {
        let region = RegionOfInterest::inside(drawing.on((20, 10)));
        region.validate().unwrap();
        region.mask(20, 10).count()
    }

    #[test]
    fn every_form_gives_its_pixels() {
        let square = "[[2,1],[6,1],[6,5],[2,5]]";
        let forms = [
            square.to_owned(),
            format!("[{square}]"),
            format!(r#"{{"width":20,"height":10,"include":[{square}]}}"#),
            r#"{"width":20,"height":10,"include":[[[0,0],[6,0],[6,5],[0,5]]],
                "exclude":[[[0,0],[2,0],[2,5],[0,5]],[[0,0],[9,0],[9,1],[0,1]]]}"#
                .to_owned(),
            format!(
                r#"{{"version":"5.0.1","flags":{{}},"imagePath":"a.png","imageData":null,"imageWidth":20,
                "imageHeight":10,"shapes":[{{"label":"roi","points":{square},"shape_type":"polygon","flags":{{}}}}]}}"#
            ),
            r#"{"imageWidth":20,"imageHeight":10,
                "shapes":[{"points":[[2,1],[6,5]],"shape_type":"rectangle"}]}"#
                .to_owned(),
        ];
        for form in forms {
            assert_eq!(count(Drawing::from_json(&form).unwrap()), 16, "{form}");
        }
        assert_eq!(count(Drawing::rectangle("2, 1, 4, 4").unwrap()), 16);
        assert_eq!(count(Drawing::from_json(&format!("\u{feff}{square}")).unwrap()), 16, "byte-order mark");
        let outside = r#"{"width":20,"height":10,"exclude":[[[2,1],[6,1],[6,5],[2,5]]]}"#;
        assert_eq!(count(Drawing::from_json(outside).unwrap()), 200 - 16);
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in ["", "1,2,3", "a,b,c,d", "1,2,3,4,5", "1,2,inf,3", "roi.json"] {
            assert_eq!(Drawing::rectangle(text), None, "{text}");
        }
        for (text, part) in [
            ("{", "no valid JSON"),
            ("7", "none of the known forms"),
            ("{}", "missing field `width`"),
            ("[1,2]", "a list, but not of points"),
            ("[]", "no polygon"),
            (r#"{"width":20,"height":10}"#, "no polygon"),
            (r#"{"width":20,"height":10,"inlcude":[[[2,1],[6,1],[6,5]]]}"#, "the key \"inlcude\" is unknown"),
            (r#"{"width":20,"height":10,"inlcude":[]}"#, "the keys are width, height, include, exclude"),
            (r#"{"width":20,"height":10,"include":[]}"#, "no pixel would count"),
            (r#"{"imageWidth":20,"shapes":[]}"#, "a file of LabelMe, but: missing field `imageHeight`"),
            (
                r#"{"imageWidth":20,"imageHeight":10,"shapes":[{"points":[[2,1],[6,5]],"shape_type":"circle"}]}"#,
                "circle",
            ),
        ] {
            let error = Drawing::from_json(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn points_just_outside_are_moved_and_others_refused() {
        let region = |text: &str| RegionOfInterest::inside(Drawing::rectangle(text).unwrap().on((20, 10)));
        assert!(region("-0.5,0,21,10.5").validate().is_ok());
        let beyond = |text: &str| Drawing::rectangle(text).unwrap().beyond((20, 10));
        assert_eq!([beyond("0,0,20,10"), beyond("0,0,21,10"), beyond("-3,0,9,9")], [0.0, 1.0, 3.0]);
        let large = RegionOfInterest::inside(Drawing::rectangle("0,0,1020,500").unwrap().on((1000, 500)));
        assert!(large.validate().is_ok() && large.share() == 1.0);
        let all_outside = region("30,30,5,5").validate().unwrap_err().to_string();
        assert!(all_outside.contains("nothing of it lies inside"), "{all_outside}");
        for text in ["5,5,30,3", "30,30,5,5", "-5,0,10,10", "2,2,0,0", "5,5,-9,3"] {
            assert!(region(text).validate().is_err(), "{text}");
        }
    }
}
