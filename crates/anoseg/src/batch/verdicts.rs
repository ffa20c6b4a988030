//! Verdicts as JSON lines, CSV or COCO.

use std::io::Write;
use std::str::FromStr;

use anoseg_infer::Decision;
use serde::Serialize;
use serde_json::json;

use super::{RegionRecord, Verdict};

/// How verdicts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line and image.
    #[default]
    Jsonl,
    /// One line per image; regions as counts and the largest one.
    Csv,
    /// One COCO object-detection document.
    Coco,
}

impl Format {
    /// Usual name of the file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Jsonl => "verdicts.jsonl",
            Self::Csv => "verdicts.csv",
            Self::Coco => "verdicts.coco.json",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "jsonl" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            "coco" => Ok(Self::Coco),
            _ => Err(format!("no such format: {name}; use jsonl, csv or coco")),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    image: &'a str,
    width: usize,
    height: usize,
    score: f32,
    decision: Decision,
    regions: Vec<RegionRecord>,
}

/// Writes verdicts one by one; [`VerdictWriter::finish`] ends the document.
///
/// ```
/// use anoseg::batch::{Format, Verdict, VerdictWriter};
/// use anoseg::prelude::*;
///
/// let path = "a.png".into();
/// let (score, decision, regions) = (0.25, Decision::Good, Vec::new());
/// let mut writer = VerdictWriter::new(Format::Jsonl, Vec::new())?;
/// writer.write(&Verdict { path, width: 20, height: 10, score, decision, regions })?;
/// let text = String::from_utf8(writer.finish()?)?;
/// assert!(text.starts_with(r#"{"image":"a.png","width":20,"height":10,"score":0.25,"decision":"good""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VerdictWriter<W: Write> {
    format: Format,
    target: W,
    images: Vec<serde_json::Value>,
    annotations: Vec<serde_json::Value>,
}

impl<W: Write> VerdictWriter<W> {
    /// Begins a document.
    ///
    /// # Errors
    /// Writing fails.
    pub fn new(format: Format, mut target: W) -> std::io::Result<Self> {
        if format == Format::Csv {
            let columns = "image,width,height,score,decision,regions,largest_x,largest_y,largest_width,largest_height,\
                           largest_area,peak";
            writeln!(target, "{columns}")?;
        }
        Ok(Self { format, target, images: Vec::new(), annotations: Vec::new() })
    }

    /// Adds a verdict.
    ///
    /// # Errors
    /// Writing fails.
    pub fn write(&mut self, verdict: &Verdict) -> std::io::Result<()> {
        let image = verdict.path.to_string_lossy();
        match self.format {
            Format::Jsonl => {
                let line = Line {
                    image: &image,
                    width: verdict.width,
                    height: verdict.height,
                    score: verdict.score,
                    decision: verdict.decision,
                    regions: verdict.regions.iter().map(RegionRecord::from).collect(),
                };
                serde_json::to_writer(&mut self.target, &line)?;
                writeln!(self.target)
            }
            Format::Csv => self.write_csv(&image, verdict),
            Format::Coco => {
                self.add_coco(&image, verdict);
                Ok(())
            }
        }
    }

    fn write_csv(&mut self, image: &str, verdict: &Verdict) -> std::io::Result<()> {
        let largest = verdict.regions.iter().max_by_key(|region| region.area);
        let bounds = largest.map_or_else(
            || ",,,,".to_owned(),
            |r| format!("{},{},{},{},{}", r.x, r.y, r.width, r.height, r.area),
        );
        let peak = verdict.regions.first().map_or_else(String::new, |region| region.peak.to_string());
        let decision = decision_name(verdict.decision);
        let Verdict { width, height, score, regions, .. } = verdict;
        writeln!(
            self.target,
            "{},{width},{height},{score},{decision},{},{bounds},{peak}",
            quoted(image),
            regions.len()
        )
    }

    fn add_coco(&mut self, image: &str, verdict: &Verdict) {
        let image_id = self.images.len() + 1;
        self.images.push(json!({
            "id": image_id, "file_name": image, "width": verdict.width, "height": verdict.height,
            "score": verdict.score, "decision": verdict.decision,
        }));
        for region in &verdict.regions {
            let record = RegionRecord::from(region);
            self.annotations.push(json!({
                "id": self.annotations.len() + 1, "image_id": image_id, "category_id": 1, "iscrowd": 0,
                "bbox": record.bounds, "area": record.area, "score": record.peak,
            }));
        }
    }

    /// Ends the document and gives the target back.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(mut self) -> std::io::Result<W> {
        if self.format == Format::Coco {
            let document = json!({
                "images": self.images,
                "annotations": self.annotations,
                "categories": [{ "id": 1, "name": "anomaly" }],
            });
            serde_json::to_writer_pretty(&mut self.target, &document)?;
            writeln!(self.target)?;
        }
        self.target.flush()?;
        Ok(self.target)
    }
}

/// The decision's name in every file format.
fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Good => "good",
        Decision::Review => "review",
        Decision::Reject => "reject",
    }
}

/// A CSV field, quoted where it must be (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anoseg_image::Region;

    use super::*;

    fn verdict() -> Verdict {
        let region = Region { x: 1, y: 2, width: 3, height: 4, area: 9, peak: 0.75, peak_x: 2, peak_y: 3 };
        Verdict {
            path: PathBuf::from("a,\"b\".png"),
            width: 20,
            height: 10,
            score: 0.5,
            decision: Decision::Review,
            regions: vec![region],
        }
    }

    fn written(format: Format) -> String {
        let mut writer = VerdictWriter::new(format, Vec::new()).unwrap();
        writer.write(&verdict()).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn jsonl_has_one_object_a_line() {
        let value: serde_json::Value = serde_json::from_str(written(Format::Jsonl).trim()).unwrap();
        assert_eq!(value["decision"], "review");
        assert_eq!(value["regions"][0]["box"], json!([1, 2, 3, 4]));
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let text = written(Format::Csv);
        assert_eq!(text.lines().nth(1), Some("\"a,\"\"b\"\".png\",20,10,0.5,review,1,1,2,3,4,9,0.75"));
        assert_eq!(text.lines().next().unwrap().split(',').count(), 12);
    }

    #[test]
    fn coco_links_regions_to_images() {
        let value: serde_json::Value = serde_json::from_str(&written(Format::Coco)).unwrap();
        assert_eq!(value["annotations"][0]["image_id"], value["images"][0]["id"]);
        assert_eq!(value["annotations"][0]["bbox"], json!([1, 2, 3, 4]));
    }
}
