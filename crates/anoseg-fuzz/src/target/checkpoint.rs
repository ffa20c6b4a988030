//! Checkpoints of trainings.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anoseg_image::{Dataset, Image, write};
use anoseg_train::{Budget, Config, Error, Event, Preset, RunDir, StopToken, Trainer};
use tempfile::TempDir;

/// Images and a training of one step, with the smallest of networks.
struct Workshop {
    folder: TempDir,
}

static WORKSHOP: LazyLock<Workshop> = LazyLock::new(Workshop::new);

impl Workshop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let shop = Self { folder };
        std::fs::create_dir(shop.data()).expect("a folder can be made");
        for number in 0..16u8 {
            let image = Image::from_fn(32, 32, |x, y| {
                let noise = (x * 7 + y * 13 + usize::from(number) * 31) % 11;
                [0.4 + noise as f32 / 50.0, y as f32 / 32.0, x as f32 / 32.0]
            });
            write::write_png(&shop.data().join(format!("{number}.png")), &image)
                .expect("an image can be written");
        }
        shop.trainer().config(config()).run_dir(shop.run_dir()).run().expect("a step can be trained");
        shop
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run_dir(&self) -> RunDir {
        RunDir::open(self.folder.path().join("run"))
    }

    fn checkpoint(&self) -> PathBuf {
        self.run_dir().path().join("checkpoint/state.safetensors")
    }

    fn trainer(&self) -> Trainer {
        Trainer::new(Dataset::open(&self.data()).expect("the folder holds images"))
    }
}

fn config() -> Config {
    let mut config = Config::of(Preset::Fast);
    config.input.size = 32;
    config.architecture.widths = vec![4, 4];
    config.optimiser.batch = 2;
    config.budget = Budget::Steps(1);
    config.seed = 1;
    config
}

/// Resumes the training of which `bytes` are the checkpoint, and stops it before its next step.
pub(super) fn resume(bytes: &[u8]) -> bool {
    let shop = &*WORKSHOP;
    let backup = checkpoints(&shop.checkpoint());
    std::fs::write(shop.checkpoint(), bytes).expect("a file can be written");
    let stop = StopToken::new();
    let token = stop.clone();
    // A training that is stopped while it reads images does not come to its checkpoint.
    let at_checkpoint = move |event: Event| {
        if let Event::Loaded { .. } = event {
            token.stop();
        }
    };
    let trainer = shop.trainer().stop(stop).on_event(at_checkpoint).resume(shop.run_dir());
    // It fails, stops at once, or is over.
    let resumed =
        trainer.is_ok_and(|trainer| matches!(trainer.run(), Ok(_) | Err(Error::Interrupted { .. })));
    for path in backup {
        // An older checkpoint would hide what this one does.
        let _ = std::fs::remove_file(path);
    }
    resumed
}

/// The other files beside a checkpoint.
fn checkpoints(path: &Path) -> Vec<PathBuf> {
    let entries = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.filter(|other| other != path).collect()
}

pub(super) fn generated() -> Vec<Vec<u8>> {
    vec![std::fs::read(WORKSHOP.checkpoint()).expect("the training wrote a checkpoint")]
}
