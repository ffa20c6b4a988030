//! Which layers compute on bytes.

use std::collections::BTreeMap;

use anoseg_image::AnomalyMap;
use anoseg_infer::runtime::{ByteScale, Program, Recorder};
use anoseg_infer::{Analysis, Calibration, Model, Postprocess};
use anoseg_metrics::{auroc, average_precision};

use super::rounded::{Rounded, Seen};
use super::{FEWEST_SAMPLES, LayerScales, Layers, Loss, Quantisation, Sample};
use crate::ExportError;

/// Layers that lose most are kept without need while they have no more than this share of all products.
const CHEAP: f64 = 0.05;

/// Samples on which the loss of single layers is measured.
const FOR_LAYERS: usize = 8;

pub(super) fn analyse(model: &Model, layers: &Layers, sample: &Sample) -> Result<Analysis, ExportError> {
    let trial = Trial { model, size: size(sample) };
    Ok(trial.analyses(layers, std::slice::from_ref(sample))?.swap_remove(0))
}

/// Height and width.
fn size(sample: &Sample) -> [usize; 2] {
    [sample.image.height(), sample.image.width()]
}

pub(super) fn quantise(
    model: &Model,
    measured: &[Sample],
    judged: &[Sample],
) -> Result<Quantisation, ExportError> {
    let mut sizes = measured.iter().chain(judged).map(size);
    let first = sizes.next().unwrap_or_default();
    let count = measured.len().min(judged.len());
    if count < FEWEST_SAMPLES || !sizes.all(|size| size == first) {
        return Err(ExportError::Samples { count });
    }
    let trial = Trial { model, size: first };
    let all = trial.layers(measured)?;
    let order = trial.worst_first(&all, &judged[..judged.len().min(FOR_LAYERS)])?;
    let exact = trial.analyses(&Layers::new(), judged)?;
    let products = |numbers: &[usize]| numbers.iter().map(|number| all[number].products).sum::<usize>();
    let (mut kept, mut others) = cheap(&all, &order);
    let mut best: Option<Quantisation> = None;
    loop {
        let layers: Layers = others.iter().map(|number| (*number, all[number].scales)).collect();
        let rounded = trial.analyses(&layers, judged)?;
        let loss = loss(judged, &exact, &rounded, model.description().calibration.as_ref())?;
        if best.as_ref().is_none_or(|best| loss.beyond_limits() < best.loss.beyond_limits()) {
            let kept = kept.iter().map(|number| all[number].name.clone()).collect();
            best = Some(Quantisation { layers, kept, loss });
        }
        // A quarter more, so that there are few trials.
        let more = (1 + kept.len() / 4).min(others.len());
        kept.extend(others.drain(..more));
        // With most products in floats there would be little to gain.
        match best {
            Some(best) if best.loss.is_small() || products(&kept) > products(&others) => return Ok(best),
            _ => {}
        }
    }
}

/// A layer that can compute on bytes.
struct Layer {
    name: String,
    scales: LayerScales,
    products: usize,
}

/// The first layers of `order` that are cheap together, and the others.
fn cheap(all: &BTreeMap<usize, Layer>, order: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let products: usize = all.values().map(|layer| layer.products).sum();
    let most = (products as f64 * CHEAP) as usize;
    let so_far = order.iter().scan(0, |sum, number| {
        *sum += all[number].products;
        Some(*sum)
    });
    let (kept, others) = order.split_at(so_far.take_while(|&sum| sum <= most).count());
    (kept.to_vec(), others.to_vec())
}

/// Runs a model with some of its layers rounded.
struct Trial<'a> {
    model: &'a Model,
    /// Height and width of the samples.
    size: [usize; 2],
}

impl Trial<'_> {
    /// The program of which `layers` are rounded. Its outputs are those of the network, or, with `seen`, inputs
    /// and outputs of the layers that can compute on bytes, which are added there.
    fn program(&self, layers: &Layers, seen: Option<&mut Vec<Seen>>) -> Result<Program, ExportError> {
        let [height, width] = self.size;
        let shape = [1, 3, height, width];
        let tiled = self.model.description().preprocess.geometry.is_tiled();
        let (recorder, image) = if tiled { Recorder::windowed(shape) } else { Recorder::new(shape) };
        let mut x = Rounded::new(recorder, layers);
        let found = self.model.forward(&mut x, &image)?;
        let outputs: Vec<_> = match seen {
            Some(seen) => {
                *seen = x.seen;
                seen.iter().flat_map(|layer| layer.inputs.iter().chain(&layer.output)).copied().collect()
            }
            None => std::iter::once(found.logits).chain(found.score).collect(),
        };
        Ok(x.recorder.finish(&outputs))
    }

    fn run(program: &Program, sample: &Sample) -> Vec<Vec<f32>> {
        program.run_windows(sample.image.as_slice(), &[], &[sample.window])
    }

    /// All layers that can compute on bytes, by their numbers.
    fn layers(&self, samples: &[Sample]) -> Result<BTreeMap<usize, Layer>, ExportError> {
        let mut seen = Vec::new();
        let program = self.program(&Layers::new(), Some(&mut seen))?;
        let mut ranges: Vec<[f32; 2]> = Vec::new();
        for sample in samples {
            let outputs = Self::run(&program, sample);
            ranges.resize(outputs.len(), [0.0; 2]);
            for ([low, high], values) in ranges.iter_mut().zip(&outputs) {
                if !values.iter().all(|value| value.is_finite()) {
                    return Err(ExportError::NotFinite);
                }
                (*low, *high) = values.iter().fold((*low, *high), |(l, h), &v| (l.min(v), h.max(v)));
            }
        }
        let mut ranges = ranges.into_iter();
        let mut scale_of = |count: usize| {
            let joined = ranges.by_ref().take(count).reduce(|[l, h], [low, high]| [l.min(low), h.max(high)]);
            joined.map(|[low, high]| ByteScale::of_range(low, high))
        };
        let layer = |Seen { number, name, inputs, output, products }: Seen| {
            let input = scale_of(inputs.len()).expect("a layer has inputs");
            let output = output.and_then(|_| scale_of(1));
            (number, Layer { name, scales: LayerScales { input, output }, products })
        };
        Ok(seen.into_iter().map(layer).collect())
    }

    /// The numbers of the layers, by how much the logits change where that layer alone is rounded.
    fn worst_first(
        &self,
        all: &BTreeMap<usize, Layer>,
        samples: &[Sample],
    ) -> Result<Vec<usize>, ExportError> {
        let exact = self.logits(&Layers::new(), samples)?;
        let change = |(&number, layer): (&usize, &Layer)| {
            let rounded = self.logits(&Layers::from([(number, layer.scales)]), samples)?;
            Ok((number, difference(&exact, &rounded)))
        };
        let mut changes = all.iter().map(change).collect::<Result<Vec<_>, ExportError>>()?;
        changes.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(changes.into_iter().map(|(number, _)| number).collect())
    }

    /// The logits of each sample.
    fn logits(&self, layers: &Layers, samples: &[Sample]) -> Result<Vec<Vec<f32>>, ExportError> {
        let program = self.program(layers, None)?;
        Ok(samples.iter().map(|sample| Self::run(&program, sample).swap_remove(0)).collect())
    }

    fn analyses(&self, layers: &Layers, samples: &[Sample]) -> Result<Vec<Analysis>, ExportError> {
        let program = self.program(layers, None)?;
        let [height, width] = self.size;
        let analyse = |sample: &Sample| {
            let mut outputs = Self::run(&program, sample).into_iter();
            let logits = AnomalyMap::from_vec(width, height, outputs.next().unwrap_or_default());
            let distance = outputs.next().map(|distance| distance[0]);
            Ok(self.model.analyse_logits(logits, distance, sample.inside.as_ref())?)
        };
        samples.iter().map(analyse).collect()
    }
}

/// Mean squared difference of logits. Beyond some size they mean the same.
fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let most = Postprocess::MOST_LOGIT;
    let squares = a.iter().zip(b).flat_map(|(a, b)| a.iter().zip(b)).map(|(a, b)| {
        let difference = f64::from(a.clamp(-most, most) - b.clamp(-most, most));
        difference * difference
    });
    squares.sum()
}

fn loss(
    samples: &[Sample],
    exact: &[Analysis],
    rounded: &[Analysis],
    calibration: Option<&Calibration>,
) -> Result<Loss, ExportError> {
    let counting = |analyses: &[Analysis]| -> (Vec<f32>, Vec<bool>) {
        let pixels = samples.iter().zip(analyses).flat_map(|(sample, analysis)| {
            let inside = sample.inside.as_ref();
            let values = analysis.map.as_slice().iter().zip(sample.truth.as_slice()).enumerate();
            let counts = move |i: usize| inside.is_none_or(|inside| inside.as_slice()[i]);
            values.filter(move |(i, _)| counts(*i)).map(|(_, (value, truth))| (*value, *truth))
        });
        pixels.unzip()
    };
    let pixel_ap = |analyses| {
        let (values, truth) = counting(analyses);
        average_precision(&values, &truth).map(|found| found.unwrap_or(1.0))
    };
    let anomalous: Vec<bool> = samples.iter().map(|sample| sample.truth.any()).collect();
    let image_auroc = |analyses: &[Analysis]| {
        let scores: Vec<f32> = analyses.iter().map(|analysis| analysis.score).collect();
        auroc(&scores, &anomalous).map(|found| found.unwrap_or(1.0))
    };
    let pairs = || exact.iter().zip(rounded);
    let values = || pairs().flat_map(|(a, b)| a.map.as_slice().iter().zip(b.map.as_slice()));
    let scores = || pairs().map(|(a, b)| (a.score, b.score));
    Ok(Loss {
        samples: samples.len(),
        pixel_ap: [pixel_ap(exact)?, pixel_ap(rounded)?],
        image_auroc: [image_auroc(exact)?, image_auroc(rounded)?],
        score: scores().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max),
        map: values().map(|(a, b)| (a - b).abs()).fold(0.0, f32::max),
        decisions: calibration.map(|calibration| {
            scores().filter(|&(a, b)| calibration.decide(a) != calibration.decide(b)).count()
        }),
    })
}
