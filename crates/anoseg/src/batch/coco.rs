//! The COCO document of a run, from its lines.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anoseg_infer::Decision;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Rle;
use super::format::Format;
use super::journal::each_line;
use super::polygons::polygons;
use super::verdict::{FileNames, RegionRecord, SCHEMA, Verdict, WarningRecord};

/// How a COCO document has the pixels of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CocoSegmentation {
    /// Run lengths.
    #[default]
    Rle,
    /// Polygons along the edges of the pixels. COCO's polygons have no holes: a hole is joined to the
    /// outline around it by a line there and back, which has no area.
    Polygons,
}

impl FromStr for CocoSegmentation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "rle" => Ok(Self::Rle),
            "polygons" => Ok(Self::Polygons),
            _ => Err(format!("no such form of regions: {name}; use rle or polygons")),
        }
    }
}

/// Writes the document. `file_name` is relative to the folder that holds all images, which
/// `info.image_root` names; an image that was not judged has no size and no annotation.
///
/// The lines are read once for the images and once for the annotations, so that memory does not
/// grow with their number.
pub(super) fn write(journal: &Path, form: CocoSegmentation, target: &mut dyn Write) -> io::Result<()> {
    let mut root: Option<PathBuf> = None;
    each_verdict(journal, &mut |verdict| {
        let folder = Path::new(&verdict.image).parent().unwrap_or(Path::new(""));
        root = Some(match &root {
            None => folder.to_owned(),
            Some(root) => common(root, folder),
        });
        Ok(())
    })?;
    let root = root.unwrap_or_default();
    let info = json!({
        "description": "Verdicts of anoseg",
        "version": env!("CARGO_PKG_VERSION"),
        "schema": SCHEMA,
        "image_root": root.to_string_lossy(),
    });
    write!(target, "{{\n\"info\": {info},\n\"licenses\": [],\n")?;
    let category = json!({ "id": CATEGORY, "name": "anomaly", "supercategory": "" });
    write!(target, "\"categories\": [{category}],\n\"images\": [")?;
    let mut id = 0;
    each_verdict(journal, &mut |verdict| {
        id += 1;
        let separator = if id == 1 { "\n" } else { ",\n" };
        write!(target, "{separator}{}", text(&image(id, &root, &verdict))?)
    })?;
    write!(target, "\n],\n\"annotations\": [")?;
    let (mut image_id, mut id) = (0, 0);
    each_verdict(journal, &mut |verdict| {
        image_id += 1;
        for region in &verdict.regions {
            id += 1;
            let separator = if id == 1 { "\n" } else { ",\n" };
            let annotation = Annotation {
                id,
                image_id,
                category_id: CATEGORY,
                iscrowd: 0,
                bbox: region.bounds,
                area: region.area,
                segmentation: Pixels::of(region, form),
                score: region.peak,
            };
            write!(target, "{separator}{}", text(&annotation)?)?;
        }
        Ok(())
    })?;
    write!(target, "\n]\n}}\n")
}

/// The number of the only category.
const CATEGORY: usize = 1;

#[derive(Serialize)]
struct Image<'a> {
    id: usize,
    file_name: String,
    path: &'a str,
    /// Readers expect numbers: 0 for an image that could not be read.
    width: usize,
    height: usize,
    score: Option<f32>,
    decision: Option<Decision>,
    warnings: &'a [WarningRecord],
    files: &'a FileNames,
    errors: &'a [String],
    error: &'a Option<String>,
    model_digest: &'a str,
}

#[derive(Serialize)]
struct Annotation<'a> {
    id: usize,
    image_id: usize,
    category_id: usize,
    iscrowd: usize,
    bbox: [usize; 4],
    area: usize,
    segmentation: Option<Pixels<'a>>,
    score: f32,
}

/// The pixels of a region.
#[derive(Serialize)]
#[serde(untagged)]
enum Pixels<'a> {
    Rle(&'a Rle),
    Polygons(Vec<Vec<usize>>),
}

impl<'a> Pixels<'a> {
    fn of(region: &'a RegionRecord, form: CocoSegmentation) -> Option<Self> {
        let rle = region.segmentation.as_ref()?;
        Some(match form {
            CocoSegmentation::Rle => Self::Rle(rle),
            CocoSegmentation::Polygons => Self::Polygons(polygons(rle, region.bounds)),
        })
    }
}

fn image<'a>(id: usize, root: &Path, verdict: &'a Verdict) -> Image<'a> {
    let path = Path::new(&verdict.image);
    Image {
        id,
        file_name: path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned(),
        path: &verdict.image,
        width: verdict.width.unwrap_or(0),
        height: verdict.height.unwrap_or(0),
        score: verdict.score,
        decision: verdict.decision,
        warnings: &verdict.warnings,
        files: &verdict.files,
        errors: &verdict.errors,
        error: &verdict.error,
        model_digest: &verdict.model_digest,
    }
}

fn text(value: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// The folder that holds both, by their names.
fn common(a: &Path, b: &Path) -> PathBuf {
    a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

fn each_verdict(journal: &Path, take: &mut dyn FnMut(Verdict) -> io::Result<()>) -> io::Result<()> {
    each_line(journal, Format::Coco, &mut |line| {
        line.and_then(|line| serde_json::from_str(line).ok()).map_or(Ok(()), &mut *take)
    })
}
