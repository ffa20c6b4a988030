//! `anoseg export`.

use anoseg::Model;
use anoseg_export::{Numbers, OPSET, Options, Port};
use anoseg_image::write;
use anoseg_report::format::exact_score;
use anyhow::Result;

use super::int8;
use crate::args::Export;
use crate::console;
use crate::exit::Outcome;
use crate::outputs::{self, Output};

pub(crate) fn run(options: &Export) -> Result<Outcome> {
    outputs::prepare_file(&options.onnx, "--onnx", Output::Onnx)?;
    let model = Model::load(&options.model)?;
    let data = options.images.as_deref().filter(|_| options.int8);
    let quantisation = data.map(|data| int8::choose(&model, data, &options.data_options)).transpose()?;
    let numbers = match &quantisation {
        Some(quantisation) => Numbers::Int8(quantisation),
        None if options.fp16 => Numbers::Float16,
        None => Numbers::Float32,
    };
    let settings = Options { with_preprocessing: options.with_preprocessing, numbers };
    let export = anoseg_export::export(&model, &settings)?;
    write::atomic(&options.onnx, |target| target.write_all(&export.bytes))?;
    let path = options.onnx.display();
    console::result(&console::one_line(&format!("onnx      {path}")));
    console::result(&format!("opset     {OPSET}"));
    show("input", &export.inputs);
    show("output", &export.outputs);
    if let Some(quantisation) = &quantisation {
        int8::show(quantisation);
    }
    for remark in &export.remarks {
        console::note(remark);
    }
    match &model.description().calibration {
        Some(calibration) => {
            console::result(&format!("reject    score > {}", exact_score(calibration.image_threshold)));
            super::show_further_limits(calibration);
        }
        None => console::warning(
            "the model has no thresholds, and neither has the file: anoseg calibrate derives them",
        ),
    }
    Ok(Outcome::Fine)
}

/// Inputs or outputs, a line each.
fn show(kind: &str, ports: &[Port]) {
    for Port { name, numbers, shape } in ports {
        console::result(&format!("{kind:<10}{name} {numbers} [{}]", shape.join(", ")));
    }
}
