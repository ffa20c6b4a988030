//! Pixels of anomaly maps and their ground truth, checked and ranked.

use anoseg_image::regions::label_components;
use anoseg_image::{AnomalyMap, Mask};

use crate::MetricsError;
use crate::ranked::{Positive, Rank, Ranked};

/// A map and the truth about its pixels; without a mask every pixel is defect-free.
pub(crate) type Truth<'a> = (&'a AnomalyMap, Option<&'a Mask>);

/// Refuses a map with a value that cannot be ranked, and a mask of another size. `image` is named in the error.
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

/// Pools and ranks the pixels of all `images`, which have passed [`check`].
pub(crate) fn rank(images: &[Truth<'_>]) -> Ranked {
    let pixels: usize = images.iter().map(|(map, _)| map.as_slice().len()).sum();
    let anomalous: usize = images.iter().filter_map(|(_, mask)| mask.map(Mask::count)).sum();
    let mut negatives = Vec::with_capacity(pixels - anomalous);
    let mut positives = Vec::with_capacity(anomalous);
    let mut regions = 0;
    for &(map, mask) in images {
        match mask.filter(|mask| mask.any()) {
            None => negatives.extend(map.as_slice().iter().map(|&value| Rank::of(value))),
            Some(mask) => regions += split(map, mask, &mut negatives, &mut positives),
        }
    }
    Ranked::new(negatives, positives, regions)
}

/// Sorts the pixels of one image by class; returns how many ground-truth regions it has.
fn split(map: &AnomalyMap, mask: &Mask, negatives: &mut Vec<Rank>, positives: &mut Vec<Positive>) -> u64 {
    let components = label_components(mask);
    let labels = components.labels.as_slice();
    // Areas fit: a region of 2^32 pixels would need a map of 16 GiB.
    let mut areas = vec![0_u32; components.count + 1];
    for &label in labels {
        areas[label as usize] = areas[label as usize].saturating_add(1);
    }
    for (&value, &label) in map.as_slice().iter().zip(labels) {
        let rank = Rank::of(value);
        match label {
            0 => negatives.push(rank),
            _ => positives.push(Positive { rank, region_area: areas[label as usize] }),
        }
    }
    components.count as u64
}
