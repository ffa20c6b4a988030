//! Feedback as dataset folders.
//!
//! ```text
//! FOLDER/MODEL/train/good/verdict-12.png      images that an operator found good
//! FOLDER/MODEL/test/defect/verdict-15.jpg     images of defects
//! FOLDER/export.json                          what became of each verdict with feedback
//! ```
//!
//! `FOLDER/MODEL` has the layout of MVTec AD. `anoseg calibrate` takes its good images, `anoseg train` learns from
//! them, and `anoseg eval` measures on its defects.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anoseg_image::decode::{Kind, sniff_file};
use anoseg_image::{Limits, decode, read, write};
use serde::Serialize;

use crate::originals::Originals;
use crate::rows::{COLUMNS, TABLES};
use crate::{Error, Reader, Result, Truth, VerdictRow};

/// The version of `export.json`. Fields are added without a new version.
pub const SCHEMA: u32 = 1;

/// What became of the verdicts with feedback: `export.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Export {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Version of this library.
    pub version: String,
    /// Images that were written, the newest feedback first.
    pub exported: Vec<Exported>,
    /// Verdicts that were left out.
    pub left_out: Vec<LeftOut>,
}

/// An image that was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exported {
    /// The file, relative to the folder.
    pub file: String,
    /// Number of the verdict.
    pub verdict: i64,
    /// Name of the image.
    pub image: String,
    /// The model.
    pub model: String,
    /// What the part is.
    pub truth: Truth,
    /// Who states it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// The operator's note.
    pub note: String,
}

/// A verdict whose image was not written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// Number of the verdict.
    pub verdict: i64,
    /// Name of the image.
    pub image: String,
    /// The model.
    pub model: String,
    /// What the part is.
    pub truth: Truth,
    /// Why.
    pub why: String,
}

/// A verdict with the statement that counts.
struct Stated {
    row: VerdictRow,
    truth: Truth,
    author: String,
    time: i64,
    note: String,
}

/// Writes the images that feedback in force was given on into a new folder; only those of one model, if `model`
/// names one. The folder is there as a whole or not at all.
///
/// Left out are images whose file was not kept, is damaged or cannot be decoded within `limits`, and all but the
/// newest feedback on the same file.
///
/// # Errors
/// The folder is not empty or cannot be written, there is no feedback, or the history cannot be read.
pub fn export(reader: &Reader, folder: &Path, model: Option<&str>, limits: &Limits) -> Result<Export> {
    let taken = fs::symlink_metadata(folder).is_ok();
    let empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if taken && !empty() {
        return Err(Error::NotEmpty { path: folder.to_owned() });
    }
    let stated = stated(reader, model)?;
    if stated.is_empty() {
        let of = model.map_or_else(String::new, |model| format!(" on model {model}"));
        return Err(Error::NoFeedback { path: reader.folder().to_owned(), of });
    }
    let parent = write::folder_of(folder);
    fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = write::first_free(|number| parent.join(format!(".{name}.unfinished-{number}")));
    let export = write_all(reader, &unfinished, stated, limits).and_then(|export| {
        // On some systems a folder does not replace an empty one.
        _ = fs::remove_dir(folder);
        fs::rename(&unfinished, folder).map_err(|error| Error::io(folder, error))?;
        Ok(export)
    });
    if export.is_err() {
        _ = fs::remove_dir_all(&unfinished);
    }
    export
}

fn stated(reader: &Reader, model: Option<&str>) -> Result<Vec<Stated>> {
    reader.with(|connection| {
        let sql = format!(
            "SELECT {COLUMNS}, s.author AS author, s.time AS stated, s.note AS note FROM {TABLES} \
             JOIN statements s ON s.id = (SELECT max(id) FROM statements WHERE verdict = v.id) \
             WHERE v.feedback IS NOT NULL AND (?1 IS NULL OR m.name = ?1) ORDER BY s.id DESC"
        );
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([model], |row| {
            let (author, time, note) = (row.get("author")?, row.get("stated")?, row.get("note")?);
            let row = VerdictRow::read(row)?;
            Ok(row.feedback.map(|truth| Stated { row, truth, author, time, note }))
        })?;
        rows.filter_map(Result::transpose).collect()
    })
}

fn write_all(reader: &Reader, folder: &Path, stated: Vec<Stated>, limits: &Limits) -> Result<Export> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut export = Export { schema: SCHEMA, version, exported: Vec::new(), left_out: Vec::new() };
    // The verdict of the newest feedback on a file of a model.
    let mut newest: HashMap<(String, String), (i64, Truth)> = HashMap::new();
    for Stated { row, truth, author, time, note } in stated {
        let VerdictRow { id: verdict, name: image, model, original, .. } = row;
        let model = model.name;
        let key = original.map(|digest| (model.clone(), digest));
        let file = match &key {
            None => Err("the image was not kept: it was not given with the feedback".to_owned()),
            Some(key) => match newest.get(key) {
                Some((other, same)) if *same == truth => Err(format!("verdict {other} has the same image")),
                Some((other, _)) => {
                    Err(format!("newer feedback on the same image, of verdict {other}, says otherwise"))
                }
                None => copy(reader, folder, (verdict, &model, truth), (&key.1, limits))?,
            },
        };
        match file {
            Ok(file) => {
                newest.extend(key.map(|key| (key, (verdict, truth))));
                export.exported.push(Exported { file, verdict, image, model, truth, author, time, note });
            }
            Err(why) => export.left_out.push(LeftOut { verdict, image, model, truth, why }),
        }
    }
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    let text = serde_json::to_string_pretty(&export).map_err(|error| Error::value(error.to_string()))?;
    write::atomic(&folder.join("export.json"), |file| writeln!(file, "{text}"))?;
    Ok(export)
}

/// Copies an image and gives its name relative to the folder, or why it is left out.
fn copy(
    reader: &Reader,
    folder: &Path,
    (verdict, model, truth): (i64, &str, Truth),
    (digest, limits): (&str, &Limits),
) -> Result<Result<String, String>> {
    let source = reader.original(digest);
    let content = match read::regular(&source, limits.max_file_bytes) {
        Ok(content) => content,
        Err(error) => return Ok(Err(format!("its kept file cannot be read: {}: {error}", source.display()))),
    };
    if Originals::digest(&content) != digest {
        return Ok(Err(format!("its kept file is damaged: {}", source.display())));
    }
    if let Err(error) = decode::load_bytes(&content, &source, limits) {
        return Ok(Err(format!("it cannot be decoded: {error}")));
    }
    let part = match truth {
        Truth::Good => "train/good",
        Truth::Defect => "test/defect",
    };
    // Names are given by number: words in that of the image could be taken for those of masks or defects.
    let file = format!("{}/{part}/verdict-{verdict}.{}", folder_name(model), ending(&source));
    let target: PathBuf = folder.join(&file);
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| Error::io(parent, error))?;
    write::atomic(&target, |file| file.write_all(&content))?;
    Ok(Ok(file))
}

/// A model's name as that of a folder.
fn folder_name(model: &str) -> String {
    let name = write::usable_name(model);
    if name.trim_matches('.').is_empty() { "model".to_owned() } else { name }
}

/// The usual ending of the file's format.
fn ending(file: &Path) -> String {
    match sniff_file(file) {
        Ok(Kind::Readable(format)) => match format.to_ascii_lowercase().as_str() {
            "jpeg" => "jpg".to_owned(),
            "tiff" => "tif".to_owned(),
            name if name.chars().all(|c| c.is_ascii_alphanumeric()) => name.to_owned(),
            _ => "img".to_owned(),
        },
        _ => "img".to_owned(),
    }
}
