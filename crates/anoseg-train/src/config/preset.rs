//! Ready-made settings, and files that refine them.

use std::path::Path;

use anoseg_infer::network::Architecture;
use anoseg_infer::{Postprocess, SettingError};
use anoseg_synth::{Recipe, SynthError, Variation};
use serde::{Deserialize, Serialize};

use super::{Config, Input, LossWeights, Optimiser, View};
use crate::run_dir::MOST_CONFIG_BYTES;
use crate::{Error, Result};

/// Ready-made settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// AnoSeg with skip connections and the newer synthesis, from scratch, sized for a 2-core CPU.
    #[default]
    Fast,
    /// AnoSeg's head on a frozen pretrained encoder ([`crate::PretrainedEncoder`]), and the newer
    /// synthesis.
    Accurate,
    /// AnoSeg as published, at a quarter of its channels so that a CPU can train it. The paper
    /// gives no learning rates, loss weights or batch size; those used here are our choice.
    Paper,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Accurate, Self::Paper];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Accurate => "accurate",
            Self::Paper => "paper",
        }
    }
}

/// These settings are enums: a file's value replaces the preset's as a whole.
const ENUMS: [&str; 2] = ["budget", "view"];

impl Config {
    /// The settings of a preset.
    pub fn of(preset: Preset) -> Self {
        match preset {
            Preset::Fast => Self::default(),
            Preset::Accurate => Self {
                preset,
                architecture: Architecture::pretrained(),
                // A head overfits few images, and sooner than a network that starts from random
                // weights.
                optimiser: Optimiser { most_views: 100, feature_dropout: 0.4, ..Optimiser::default() },
                // A network that starts from random weights needs the focal loss to find the few
                // anomalous pixels. A head on pretrained features does not.
                loss: LossWeights { focal_steps: 0, ..LossWeights::default() },
                output: Postprocess { distance_weight: 0.75, ..Postprocess::default() },
                // Features of good images under one light do not tell what they are under another.
                synthesis: lit_anew(Recipe::natural()),
                ..Self::default()
            },
            Preset::Paper => Self {
                preset,
                architecture: Architecture { width: 0.25, ..Architecture::published() },
                optimiser: Optimiser {
                    learning_rate: 5e-4,
                    weight_decay: 0.0,
                    discriminator_rate: 0.2,
                    ..Optimiser::default()
                },
                loss: LossWeights {
                    focal: 0.0,
                    cross_entropy: 0.0,
                    dice: 0.0,
                    segmentation: 10.0,
                    reconstruction: 1.0,
                    adversarial: 0.1,
                    ..LossWeights::default()
                },
                input: Input { view: View::Square, ..Input::default() },
                output: Postprocess { smoothing_px: 8.0, ..Postprocess::default() },
                synthesis: Recipe::paper(),
                ..Self::default()
            },
        }
    }

    /// Reads settings from a TOML file; what the file leaves out is as in its preset, or in
    /// `preset` if given.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, names a setting that does not exist, or gives one a value
    /// out of its range.
    pub fn read(path: &Path, preset: Option<Preset>) -> Result<Self> {
        Self::read_by(path, |text| Self::from_toml(text, preset))
    }

    /// Reads the settings that a training wrote. Those of an earlier version lack what it did not have: it is off,
    /// whatever the preset says now.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub(crate) fn read_run(path: &Path) -> Result<Self> {
        Self::read_by(path, Self::from_run)
    }

    fn read_by(path: &Path, parse: impl Fn(&str) -> Result<Self, toml::de::Error>) -> Result<Self> {
        let text = anoseg_image::read::regular_text(path, MOST_CONFIG_BYTES)
            .map_err(|error| Error::io(path, error))?;
        let config =
            parse(&text).map_err(|source| Error::Toml { path: path.to_owned(), source: Box::new(source) })?;
        let setting = match config.validate() {
            Err(Error::Setting(setting)) => setting,
            Err(Error::Synthesis(SynthError::Recipe { field, value, expected })) => {
                let (name, allowed) = (format!("synthesis.{field}"), format!("must be {expected}"));
                SettingError { name, value, allowed }
            }
            _ => return Ok(config),
        };
        let line = line_of(&text, &setting.name);
        Err(Error::InFile { path: path.to_owned(), line, setting })
    }

    /// Settings from TOML text; see [`Config::read`].
    ///
    /// # Errors
    /// The text is not TOML, or names a setting that does not exist.
    pub fn from_toml(text: &str, preset: Option<Preset>) -> Result<Self, toml::de::Error> {
        // Parsed without the preset first, so that an error shows its place in the file.
        let written: Self = toml::from_str(text)?;
        let preset = preset.unwrap_or(written.preset);
        let mut settings = toml::Table::try_from(Self::of(preset)).expect("our settings are TOML");
        refine(&mut settings, toml::from_str(text)?);
        settings.insert("preset".to_owned(), toml::Value::try_from(preset).expect("a name"));
        settings.try_into()
    }

    /// The settings as TOML, all of them.
    ///
    /// # Errors
    /// Never, unless a setting has no form in TOML: a fault of this library.
    pub fn to_toml(&self) -> Result<String> {
        let fault = |error: &dyn std::fmt::Display| Error::Bug(format!("settings do not serialise: {error}"));
        let mut settings = toml::Table::try_from(self).map_err(|error| fault(&error))?;
        say_what_is_off(&mut settings);
        toml::to_string_pretty(&settings).map_err(|error| fault(&error))
    }

    /// As [`Config::read_run`], of text.
    pub(crate) fn from_run(text: &str) -> Result<Self, toml::de::Error> {
        // Parsed as it is first, so that an error shows its place in the file.
        Self::from_toml(text, None)?;
        let mut settings: toml::Table = toml::from_str(text)?;
        say_what_is_off(&mut settings);
        Self::from_toml(&settings.to_string(), None)
    }
}

/// Adds the settings that are not written where they are off, so that earlier versions can read model files.
fn say_what_is_off(settings: &mut toml::Table) {
    let off: [(&[&str], &str, toml::Value); 3] = [
        (&["architecture"], "averaging", "joined".into()),
        (&["synthesis", "base"], "light", 0.0.into()),
        (&["synthesis", "base"], "white_balance", 0.0.into()),
    ];
    for (path, name, value) in off {
        let mut table = Some(&mut *settings);
        for part in path {
            table = table.and_then(|table| table.get_mut(*part)).and_then(toml::Value::as_table_mut);
        }
        if let Some(table) = table {
            table.entry(name).or_insert(value);
        }
    }
}

/// With the light of the training images varied, where they were taken under one.
fn lit_anew(mut recipe: Recipe) -> Recipe {
    (recipe.base.light, recipe.base.white_balance) = (Variation::Auto, Variation::Auto);
    recipe
}

/// The line, counted from 1, on which a settings file gives the setting of this dotted path; None if
/// it does not.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut parts = name.split('.').peekable();
    loop {
        let part = parts.next()?;
        let (key, value) = table.iter().find(|(key, _)| key.get_ref() == part)?;
        if parts.peek().is_none() {
            return Some(1 + text[..key.span().start].matches('\n').count());
        }
        table = value.get_ref().as_table()?;
    }
}

/// Replaces values of `settings` by those in `by`, table by table.
fn refine(settings: &mut toml::Table, by: toml::Table) {
    for (name, value) in by {
        match (settings.get_mut(&name), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) if !ENUMS.contains(&&name[..]) => {
                refine(inner, value)
            }
            (_, value) => _ = settings.insert(name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use anoseg_infer::network::{Averaging, Kind};

    use super::*;
    use crate::config::Budget;

    #[test]
    fn presets_are_valid_and_survive_toml() {
        for preset in Preset::ALL {
            let config = Config::of(preset);
            config.validate().unwrap();
            assert_eq!(config.preset, preset);
            assert_eq!(Config::from_toml(&config.to_toml().unwrap(), None).unwrap(), config);
        }
    }

    /// Preset `accurate` once put back what was switched off, as files do not say so.
    #[test]
    fn what_is_off_stays_so_in_a_run_directory() {
        let mut config = Config::of(Preset::Accurate);
        config.architecture.averaging = Averaging::Joined;
        (config.synthesis.base.light, config.synthesis.base.white_balance) = (Variation::OFF, Variation::OFF);
        let text = config.to_toml().unwrap();
        assert_eq!(Config::from_run(&text).unwrap(), config);
        assert_eq!(Config::from_toml(&text, None).unwrap(), config);
        let is_new =
            |line: &&str| ["averaging", "light", "white_balance"].iter().any(|name| line.starts_with(name));
        let earlier: Vec<&str> = text.lines().filter(|line| !is_new(line)).collect();
        assert_eq!(earlier.len() + 3, text.lines().count());
        assert_eq!(Config::from_run(&earlier.join("\n")).unwrap(), config, "that of an earlier version");
    }

    #[test]
    fn a_file_refines_its_preset() {
        let text = "preset = \"paper\"\nbudget = { steps = 7 }\n[loss]\nadversarial = 0.0\n";
        let config = Config::from_toml(text, None).unwrap();
        let paper = Config::of(Preset::Paper);
        assert_eq!(config.budget, Budget::Steps(7));
        assert_eq!(config.loss, LossWeights { adversarial: 0.0, ..paper.loss });
        assert_eq!(config.architecture.network, Kind::Published);
        assert_eq!(config.synthesis, paper.synthesis);
        let fast = Config::from_toml(text, Some(Preset::Fast)).unwrap();
        assert_eq!((fast.preset, fast.architecture), (Preset::Fast, Architecture::default()));
    }

    #[test]
    fn the_line_of_a_setting_is_found_in_every_way_to_write_it() {
        for (text, line) in [
            ("seed = 1\n[input]\n\nsize = 250\n", Some(4)),
            ("\ninput.size = 250", Some(2)),
            ("input = { filter = \"area\", size = 250 }", Some(1)),
            ("[input]\nfilter = \"area\"", None),
            ("size = 250", None),
        ] {
            assert_eq!(line_of(text, "input.size"), line, "{text}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_named_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "[calibration]\nfalse_reject = 1.5\n").unwrap();
        let told = Config::read(&path, None).unwrap_err().to_string();
        assert!(told.contains("c.toml, line 2: calibration.false_reject = 1.5"), "{told}");
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = Config::from_toml("[optimiser]\nlearning_rat = 1.0", None).unwrap_err();
        assert!(error.to_string().contains("learning_rat"), "{error}");
    }
}
