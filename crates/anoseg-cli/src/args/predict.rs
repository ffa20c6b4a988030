//! Options of `predict` and of `merge`.

use std::path::PathBuf;

use anoseg::batch::{CocoSegmentation, Format, MapFormat, Shard};
use clap::Args;

use super::{LimitOptions, RegionOptions};

#[derive(Args)]
pub(crate) struct Predict {
    /// Model file.
    pub(crate) model: PathBuf,
    /// Images, or folders of images.
    #[arg(required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Folder for the verdicts and images.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// Form of the verdicts: jsonl, csv or coco.
    #[arg(long, default_value = "jsonl")]
    pub(crate) format: Format,
    /// Regions in the COCO document: rle (run lengths), or polygons (a hole is cut in by a line of no
    /// width).
    #[arg(long, value_name = "FORM", default_value = "rle")]
    pub(crate) coco_segmentation: CocoSegmentation,
    /// Also write each image with the anomaly drawn over it.
    #[arg(long)]
    pub(crate) overlay: bool,
    /// Also write each mask of anomalous pixels (PNG, 255 = anomalous).
    #[arg(long)]
    pub(crate) mask: bool,
    /// Also write each anomaly map (float32 TIFF).
    #[arg(long)]
    pub(crate) map: bool,
    /// Format of the maps: tiff (float32), or png (16-bit grey, 0 to 1 as 0 to 65535).
    #[arg(long, requires = "map", default_value = "tiff")]
    pub(crate) map_format: MapFormat,
    /// Write overlays, masks and maps into the folders that the images have below their input: those of
    /// INPUT/a/x.png into OUTPUT/a.
    #[arg(long)]
    pub(crate) tree: bool,
    /// Go on where an earlier run into the same folder stopped: images that have a verdict of this
    /// model are left out.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Inspect only the images of shard I (from 0) of N, such as 0/3, by their names: each of N machines
    /// takes its own shard into a folder of its own, and `anoseg merge` joins the folders.
    #[arg(long, value_name = "I/N", allow_hyphen_values = true, conflicts_with = "watch")]
    pub(crate) shard: Option<Shard>,
    /// Exit with code 1 when an image is rejected.
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
    /// Inspect the images of one folder as they appear, until stopped (exit code 0). Goes on with the
    /// verdicts of this model in the output folder.
    #[arg(long, conflicts_with = "fail_on_anomaly")]
    pub(crate) watch: bool,
    /// After the verdict, move each image into good, review or reject in this folder.
    #[arg(long, value_name = "FOLDER", requires = "watch", conflicts_with = "link_to")]
    pub(crate) move_to: Option<PathBuf>,
    /// After the verdict, link each image into good, review or reject in this folder.
    #[arg(long, value_name = "FOLDER", requires = "watch")]
    pub(crate) link_to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) region: RegionOptions,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct Merge {
    /// Folder to write; it must not exist.
    pub(crate) output: PathBuf,
    /// Folders that `predict --shard` wrote, of all shards.
    #[arg(required = true, value_name = "SHARD")]
    pub(crate) shards: Vec<PathBuf>,
    /// Link overlays, masks and maps in place of copying them (hard links: on one file system).
    #[arg(long)]
    pub(crate) link: bool,
    /// Merge what is there, although shards are missing or did not come to their end.
    #[arg(long)]
    pub(crate) partial: bool,
    /// Exit with code 1 when an image is rejected.
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
}
