//! Ablation: measures what each technique of AnoSeg contributes, by the same training without it.

use anoseg_infer::Provenance;
use serde::Serialize;

use crate::Table;
use crate::config::Config;
use crate::evaluate::{Figures, TestRun};
use crate::table::figure;

/// A training that differs from the full one in a known way.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Short name, fit for a file.
    pub name: &'static str,
    /// The difference.
    pub description: &'static str,
    /// Its settings.
    pub config: Config,
}

/// The full training, the same without each technique, and with none of them. A variant is left out
/// where the full training does not use the technique.
pub fn variants(full: &Config) -> Vec<Variant> {
    let without_hard_augmentation = |config: &mut Config| config.synthesis.paper.hard_augmentation = false;
    let without_adversarial = |config: &mut Config| config.loss.adversarial = 0.0;
    let without_reconstruction = |config: &mut Config| {
        // The discriminator judges reconstructions: without them there is no adversarial loss
        // either.
        config.loss.adversarial = 0.0;
        config.loss.reconstruction = 0.0;
        config.architecture.reconstruction = false;
    };
    let without_coordinates = |config: &mut Config| config.architecture.coordinates = false;
    let cutpaste_alone = move |config: &mut Config| {
        without_hard_augmentation(config);
        without_reconstruction(config);
        without_coordinates(config);
    };
    type Change<'a> = &'a dyn Fn(&mut Config);
    let changes: [(&str, &str, Change<'_>); 6] = [
        ("full", "all techniques", &|_| ()),
        ("no-hard-augmentation", "patches cut from the image itself", &without_hard_augmentation),
        ("no-adversarial", "without the adversarial loss", &without_adversarial),
        ("no-reconstruction", "without reconstruction and adversarial loss", &without_reconstruction),
        ("no-coordinates", "without coordinate channels", &without_coordinates),
        ("cutpaste", "CutPaste alone: none of these", &cutpaste_alone),
    ];
    let mut variants: Vec<Variant> = Vec::with_capacity(changes.len());
    for (name, description, change) in changes {
        let mut config = full.clone();
        change(&mut config);
        if variants.iter().all(|variant| variant.config != config) {
            variants.push(Variant { name, description, config });
        }
    }
    variants
}

/// A variant's outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Name of the variant.
    pub variant: String,
    /// The difference.
    pub description: String,
    /// Training steps.
    pub steps: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Image AUROC with the score of the map alone (its largest values), without the second GAN.
    /// None where the test images are all good or all not.
    pub image_auroc_by_map: Option<f64>,
    /// The figures.
    pub figures: Figures,
}

impl Outcome {
    /// The result of a trained variant in `run`.
    pub fn new(variant: &Variant, provenance: &Provenance, run: &TestRun) -> Self {
        Self {
            variant: variant.name.to_owned(),
            description: variant.description.to_owned(),
            steps: provenance.steps,
            seconds: provenance.seconds,
            image_auroc_by_map: run.image_auroc_by_map,
            figures: run.figures.clone(),
        }
    }
}

/// Outcomes of all variants; serialises as one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ablation {
    /// Version of this object's layout.
    pub schema: u32,
    /// Name of the dataset's folder.
    pub category: String,
    /// Seed of all trainings.
    pub seed: u64,
    /// One entry per variant, the full training first.
    pub variants: Vec<Outcome>,
}

/// Headings of [`Ablation::table`].
const COLUMNS: [&str; 9] = [
    "steps",
    "minutes",
    "image AUROC",
    "by map alone",
    "pixel AUROC",
    "pixel AP",
    "AUPRO 0.3",
    "IoU max",
    "IoU at threshold",
];

impl Ablation {
    /// The table: a row for each variant.
    pub fn table(&self) -> Table {
        let row = |outcome: &Outcome| {
            let all = &outcome.figures.all;
            let figures = [
                all.image_auroc,
                outcome.image_auroc_by_map,
                all.pixel_auroc,
                all.pixel_ap,
                all.aupro_30,
                all.iou_max,
                all.iou_at_threshold,
            ];
            let budget = [outcome.steps.to_string(), format!("{:.0}", outcome.seconds / 60.0)];
            (outcome.description.clone(), budget.into_iter().chain(figures.map(figure)).collect())
        };
        let columns = COLUMNS.map(str::to_owned).to_vec();
        Table { head: self.category.clone(), columns, rows: self.variants.iter().map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Preset;

    #[test]
    fn each_variant_lacks_the_technique_it_names() {
        let full = Config::of(Preset::Paper);
        let variants = variants(&full);
        let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
        let all = [
            "full",
            "no-hard-augmentation",
            "no-adversarial",
            "no-reconstruction",
            "no-coordinates",
            "cutpaste",
        ];
        assert_eq!(names, all);
        let config =
            |name: &str| variants.iter().find(|variant| variant.name == name).unwrap().config.clone();
        assert_eq!(config("full"), full);
        assert!(!config("no-hard-augmentation").synthesis.paper.hard_augmentation);
        assert_eq!(config("no-adversarial").loss.adversarial, 0.0);
        assert!(config("no-adversarial").architecture.reconstruction);
        assert!(!config("no-reconstruction").architecture.reconstruction);
        assert!(!config("no-coordinates").architecture.coordinates);
        let cutpaste = config("cutpaste");
        assert!(!cutpaste.architecture.coordinates && !cutpaste.architecture.reconstruction);
        assert!(!cutpaste.synthesis.paper.hard_augmentation);
        for variant in &variants {
            variant.config.validate().unwrap();
        }
    }

    #[test]
    fn variants_of_unused_techniques_are_left_out() {
        let names: Vec<&str> = variants(&Config::default()).iter().map(|variant| variant.name).collect();
        assert_eq!(names, ["full", "no-hard-augmentation", "no-coordinates", "cutpaste"]);
    }
}
