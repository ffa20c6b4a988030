//! Pixels of anomaly maps and their ground truth, checked and ranked.

use anoseg_image::regions::label_components;
use anoseg_image::{AnomalyMap, Mask};

use crate::MetricsError;
use crate::rank::Rank;
use crate::ranking::{Positive, Ranking};

/// Refuses a map with a value that cannot be ranked, and a mask of another size. `image` is named
/// in the error.
pub(crate) fn check(image: usize, map: &AnomalyMap, mask: Option<&Mask>) -> Result<(), MetricsError> {
    if let Some(i) = map.as_slice().iter().position(|value| !value.is_finite()) {
        let (x, y) = (i % map.width(), i / map.width());
        return Err(MetricsError::MapNotFinite { image, x, y, value: map.get(x, y) });
    }
    let map_size = (map.width(), map.height());
    match mask.map(|mask| (mask.width(), mask.height())) {
        Some(mask_size) if mask_size != map_size => {
            Err(MetricsError::MaskSize { image, mask: mask_size, map: map_size })
        }
        _ => Ok(()),
    }
}

/// Adds the pixels of a map that has passed [`check`] to `ranking`; without a mask every pixel is
/// defect-free. Where `inside` is given, the pixels outside are left out.
pub(crate) fn add(ranking: &mut Ranking, map: &AnomalyMap, mask: Option<&Mask>, inside: Option<&Mask>) {
    let counts = |i: usize| inside.is_none_or(|inside| inside.as_slice()[i]);
    // Regions are those of the mask's part inside.
    let cut = mask.zip(inside).map(|(mask, inside)| {
        Mask::from_fn(mask.width(), mask.height(), |x, y| mask.get(x, y) && inside.get(x, y))
    });
    match cut.as_ref().or(mask).filter(|mask| mask.any()) {
        None => {
            let values = map.as_slice().iter().enumerate().filter(|&(i, _)| counts(i));
            ranking.add(values.map(|(_, &value)| Rank::of(value)).collect(), Vec::new(), 0);
        }
        Some(mask) => {
            let (negatives, positives, regions) = split(map, mask, counts);
            ranking.add(negatives, positives, regions);
        }
    }
}

/// The pixels of one image by class, and how many ground-truth regions it has. Pixels of the mask count
/// in any case.
fn split(map: &AnomalyMap, mask: &Mask, counts: impl Fn(usize) -> bool) -> (Vec<Rank>, Vec<Positive>, u64) {
    let anomalous = mask.count();
    let mut negatives = Vec::with_capacity(map.as_slice().len() - anomalous);
    let mut positives = Vec::with_capacity(anomalous);
    let components = label_components(mask);
    let labels = components.labels.as_slice();
    // Areas fit: `label_components` refuses more than `u32::MAX` pixels.
    let mut areas = vec![0_u32; components.count + 1];
    for &label in labels {
        areas[label as usize] += 1;
    }
    for (i, (&value, &label)) in map.as_slice().iter().zip(labels).enumerate() {
        let rank = Rank::of(value);
        match label {
            0 if counts(i) => negatives.push(rank),
            0 => {}
            _ => positives.push(Positive { region_area: areas[label as usize], rank }),
        }
    }
    (negatives, positives, components.count as u64)
}
