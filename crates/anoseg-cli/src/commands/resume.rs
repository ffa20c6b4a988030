//! Commands that go on with a training that was stopped.

use std::ffi::OsString;
use std::path::Path;

use anoseg::{Origin, RunDir};
use anoseg_image::write::FileLock;

use crate::args::{DataOptions, LimitOptions, RegionOptions, Settings, Train};
use crate::shell;

/// Stands for the folder of a training that an earlier version began.
const ITS_IMAGES: &str = "FOLDER_OF_ITS_IMAGES";

/// Why a model is not there, and what to do: its training is under way, or was stopped. None if neither is
/// known.
pub(crate) fn why_missing(model: &Path) -> Option<String> {
    // With a run directory elsewhere the lock of the model alone tells.
    let user = RunDir::beside(model).user().or_else(|| FileLock::holder(model));
    if let Some(user) = user {
        return Some(format!("its training is under way, by {user}: wait for its end"));
    }
    let told = |command| format!("its training was stopped before the end; to go on: {command}");
    how_to_finish(model).map(told)
}

/// The command that finishes the training of a model that is not there, where its run directory holds
/// one.
fn how_to_finish(model: &Path) -> Option<String> {
    let run_dir = RunDir::beside(model);
    if !run_dir.is_unfinished().unwrap_or(false) {
        return None;
    }
    let call = Train {
        data: ITS_IMAGES.into(),
        data_options: DataOptions::default(),
        output: model.to_owned(),
        preset: None,
        settings: Settings::default(),
        device: String::new(),
        run_dir: None,
        resume: true,
        end_with_input: false,
        region: RegionOptions::default(),
        limits: LimitOptions::default(),
    };
    Some(how_to_resume(&called_as(&run_dir, &call), model))
}

/// A call that goes on with the training in a run directory, as far as its origin is known; the rest is
/// that of this call.
pub(super) fn called_as(run_dir: &RunDir, options: &Train) -> Train {
    let mut called = options.clone();
    let Some(Origin { folder, layout, encoder, limits }) = run_dir.origin() else {
        called.data = ITS_IMAGES.into();
        called.data_options.layout = None;
        return called;
    };
    // A path as it was typed is shorter.
    let same = std::path::absolute(&options.data).is_ok_and(|here| here == folder);
    called.data = if same { options.data.clone() } else { folder };
    called.data_options.layout = layout;
    called.settings.encoder = encoder;
    called.limits = LimitOptions::of(&limits);
    called
}

/// The command that resumes this training and writes its model to `output`.
pub(super) fn how_to_resume(options: &Train, output: &Path) -> String {
    let mut command: Vec<OsString> = vec!["train".into(), shell::not_an_option(&options.data)];
    if let Some(layout) = options.data_options.layout {
        command.extend(["--layout".into(), layout.to_string().into()]);
    }
    command.extend(["-o".into(), shell::not_an_option(output)]);
    // That of the model is not that of a model of another name.
    let beside = (output != options.output).then(|| RunDir::beside(&options.output).path().to_owned());
    let paths =
        [("--run-dir", options.run_dir.clone().or(beside)), ("--encoder", options.settings.encoder.clone())];
    for (option, path) in paths {
        command.extend(path.into_iter().flat_map(|path| [option.into(), shell::not_an_option(&path)]));
    }
    command.extend(options.limits.arguments().into_iter().map(OsString::from));
    command.push("--resume".into());
    shell::command_of_program(&command)
}
