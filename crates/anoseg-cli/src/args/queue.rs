//! Options of `worker`, `submit` and `queue`.

use std::path::PathBuf;
use std::time::Duration;

use anoseg::SettingError;
use anoseg::batch::{CocoSegmentation, Format};
use anoseg_worker::Nats;
use clap::{Args, Subcommand, ValueEnum};

use super::values::{duration, whole_number_in};
use super::{LimitOptions, LogForm, RegionOptions};

/// The environment variable with the server's address, which may hold a password.
const NATS: &str = "ANOSEG_NATS";

/// Where the queue is.
#[derive(Args)]
#[command(next_help_heading = "NATS server")]
pub(crate) struct NatsOptions {
    /// Address of the server, or several with commas between them: nats://HOST:PORT or tls://HOST:PORT, with
    /// USER:PASSWORD@ before the host where the server asks for it [default: the environment variable ANOSEG_NATS].
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// File of credentials that the server's operator issued (.creds).
    #[arg(long, value_name = "FILE")]
    nats_credentials: Option<PathBuf>,
    /// Certificates of the authority that signed the server's (PEM), where the system does not know it.
    #[arg(long, value_name = "FILE")]
    nats_ca: Option<PathBuf>,
}

impl NatsOptions {
    pub(crate) fn server(&self) -> Result<Nats, SettingError> {
        let address = self.nats.clone().or_else(|| std::env::var(NATS).ok()).unwrap_or_default();
        // The address may hold a password, and is not repeated.
        let shown = if address.is_empty() { "none" } else { "not shown" };
        let mut nats =
            Nats::parse(&address).map_err(|allowed| SettingError::new("--nats", shown, allowed))?;
        nats.credentials.clone_from(&self.nats_credentials);
        nats.authority.clone_from(&self.nats_ca);
        Ok(nats)
    }
}

#[derive(Args)]
pub(crate) struct Worker {
    /// Take only tasks of this kind [default: both].
    #[arg(long, value_name = "KIND")]
    pub(crate) only: Option<TaskKind>,
    /// A folder, or s3://BUCKET/PREFIX, that tasks may read and write; give it once for each [default: all that this
    /// process may].
    #[arg(long, value_name = "PLACE")]
    pub(crate) allow: Vec<PathBuf>,
    /// Give the task of a worker that was not heard of for so long to another one. The worker that was started last
    /// decides for all.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = a_second_or_more)]
    pub(crate) lost_after: Duration,
    /// Give a task up after so many deliveries without a result.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = |text: &str| whole_number_in(text, 1..=1000))]
    pub(crate) deliveries: u64,
    /// Time for the chunk in hand when the worker is stopped; then it goes back into the queue.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration)]
    pub(crate) grace: Duration,
    /// Threads that compute [default: one for each processor].
    #[arg(long, value_name = "COUNT", value_parser = |text: &str| whole_number_in(text, 1..=1024))]
    pub(crate) threads: Option<u64>,
    /// Form of the log on standard error.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) log: LogForm,
    #[command(flatten)]
    pub(crate) nats: NatsOptions,
}

/// A time that leaves a worker the time to tell that it is at work.
fn a_second_or_more(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| {
        if time >= Duration::from_secs(1) { Ok(time) } else { Err("give 1s or more".to_owned()) }
    })
}

impl Worker {
    /// Number of threads; 0: one for each processor.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or(0, |threads| usize::try_from(threads).unwrap_or(usize::MAX))
    }
}

/// A kind of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskKind {
    /// Images to inspect.
    Images,
    /// Models to train.
    Training,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Submit {
    #[command(subcommand)]
    pub(crate) command: Option<SubmitCommand>,
    #[command(flatten)]
    pub(crate) images: SubmitImages,
}

#[derive(Subcommand)]
pub(crate) enum SubmitCommand {
    /// Submit a training in place of images.
    Train(SubmitTraining),
}

#[derive(Args)]
pub(crate) struct SubmitImages {
    /// Model file.
    // None only where a subcommand is given.
    #[arg(required = true)]
    pub(crate) model: Option<PathBuf>,
    /// Images, folders of images, or s3://BUCKET/PREFIX.
    #[arg(required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// Folder that all machines share, or s3://BUCKET/PREFIX, for the parts (Parquet).
    #[arg(long, required = true, value_name = "PLACE")]
    pub(crate) results: Option<PathBuf>,
    /// Images of a chunk, which one worker takes at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = |text: &str| whole_number_in(text, 1..=10_000))]
    pub(crate) chunk: u64,
    /// Wait until all images are inspected.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Folder for the verdicts, as `predict` writes them, after all images are inspected.
    #[arg(short, long, requires = "wait")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) form: VerdictForm,
    #[command(flatten)]
    pub(crate) region: RegionOptions,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
    #[command(flatten)]
    pub(crate) nats: NatsOptions,
}

/// How verdicts are written.
#[derive(Args, Clone, Copy)]
pub(crate) struct VerdictForm {
    /// Form of the verdicts: jsonl, csv or coco.
    #[arg(long, default_value = "jsonl")]
    pub(crate) format: Format,
    /// Regions in the COCO document: rle (run lengths) or polygons.
    #[arg(long, value_name = "FORM", default_value = "rle")]
    pub(crate) coco_segmentation: CocoSegmentation,
    /// Exit with code 1 when an image is rejected.
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
}

#[derive(Args)]
pub(crate) struct SubmitTraining {
    /// Wait until the model is trained.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Model file to write after the training.
    #[arg(short, long, requires = "wait")]
    pub(crate) output: Option<PathBuf>,
    /// After `--`: DATA and options as for `anoseg train`, without --output. The worker must have the files at
    /// the same place.
    #[arg(last = true, required = true, value_name = "DATA AND OPTIONS")]
    pub(crate) arguments: Vec<String>,
    #[command(flatten)]
    pub(crate) nats: NatsOptions,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct QueueOptions {
    #[command(subcommand)]
    pub(crate) command: Option<QueueCommand>,
    #[command(flatten)]
    pub(crate) status: QueueStatus,
}

#[derive(Subcommand)]
pub(crate) enum QueueCommand {
    /// Put the tasks of a job that were given up into the queue again.
    Retry(QueueJob),
    /// Write the verdicts of a job as `predict` writes them, or the model of a training.
    Collect(QueueCollect),
    /// Forget a job. Its parts stay.
    Remove(QueueJob),
}

#[derive(Args)]
pub(crate) struct QueueStatus {
    /// The job, or the first digits of its id [default: all jobs].
    pub(crate) job: Option<String>,
    /// Tell it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) nats: NatsOptions,
}

#[derive(Args)]
pub(crate) struct QueueJob {
    /// The job, or the first digits of its id.
    pub(crate) job: String,
    #[command(flatten)]
    pub(crate) nats: NatsOptions,
}

#[derive(Args)]
pub(crate) struct QueueCollect {
    /// The job, or the first digits of its id.
    pub(crate) job: String,
    /// Folder for the verdicts; of a training, the model file to write.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) form: VerdictForm,
    #[command(flatten)]
    pub(crate) nats: NatsOptions,
}
