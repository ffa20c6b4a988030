//! A part to verdicts.

use std::panic::AssertUnwindSafe;

use anoseg::Decision;
use anoseg::batch::{FileNames, RegionRecord, Rle, SCHEMA, Verdict, WarningRecord};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, List, Row as Record};

use super::Row;
use super::columns::schema;
use crate::error::Cause;

/// The so many rows of a Parquet file that [`write`](super::write()) made.
///
/// # Errors
/// It is damaged, has other columns, or holds what no part holds.
pub(crate) fn read(bytes: Bytes, count: usize) -> Result<Vec<Row>, Cause> {
    // The reader of Parquet fails so on some files that are damaged.
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| read_rows(bytes, count)));
    read.unwrap_or_else(|_| Err("it is damaged".into()))
}

fn read_rows(bytes: Bytes, count: usize) -> Result<Vec<Row>, Cause> {
    let reader = SerializedFileReader::new(bytes)?;
    let file = reader.metadata().file_metadata();
    let expected = ArrowSchemaConverter::new().convert(&schema())?;
    if file.schema_descr().root_schema() != expected.root_schema() {
        return Err("it has other columns than a part".into());
    }
    let there = file.num_rows();
    if usize::try_from(there) != Ok(count) {
        return Err(format!("it has {there} verdicts on {count} images").into());
    }
    let mut rows = Vec::new();
    for record in reader.get_row_iter(None)? {
        let row = row(&record?)?;
        require_sound(&row.verdict)?;
        rows.push(row);
    }
    Ok(rows)
}

/// Fails for what no worker writes.
fn require_sound(verdict: &Verdict) -> Result<(), Cause> {
    let Verdict { image, width, height, score, regions, schema, .. } = verdict;
    let is_share = |value: &f32| (0.0..=1.0).contains(value);
    let (width, height) = (width.unwrap_or(0), height.unwrap_or(0));
    let covers = |pixels: &Rle| {
        let sum = pixels.counts.iter().try_fold(0usize, |sum, &count| sum.checked_add(count));
        pixels.size == [height, width] && sum == height.checked_mul(width)
    };
    let is_sound =
        |region: &RegionRecord| is_share(&region.peak) && region.segmentation.as_ref().is_none_or(covers);
    if *schema == SCHEMA && score.iter().all(is_share) && regions.iter().all(is_sound) {
        return Ok(());
    }
    Err(format!("its verdict on {image} is none that a worker writes").into())
}

fn row(record: &Record) -> Result<Row, Cause> {
    let column = |name| field(record, name);
    let files = group(column("files")?)?;
    let verdict = Verdict {
        width: known(column("width")?, number)?,
        height: known(column("height")?, number)?,
        score: known(column("score")?, share)?,
        decision: known(column("decision")?, text)?.map(|name| decision(&name)).transpose()?,
        regions: list(column("regions")?)?.iter().map(region).collect::<Result<_, _>>()?,
        warnings: list(column("warnings")?)?.iter().map(warning).collect::<Result<_, _>>()?,
        files: FileNames {
            overlay: known(field(files, "overlay")?, text)?,
            mask: known(field(files, "mask")?, text)?,
            map: known(field(files, "map")?, text)?,
        },
        errors: list(column("errors")?)?.iter().map(text).collect::<Result<_, _>>()?,
        error: known(column("error")?, text)?,
        model_digest: text(column("model_digest")?)?,
        schema: u32::try_from(number(column("schema")?)?)?,
        ..Verdict::unjudged(text(column("image")?)?)
    };
    Ok(Row { verdict, image_digest: known(column("image_digest")?, text)? })
}

fn region(of: &Field) -> Result<RegionRecord, Cause> {
    let region = group(of)?;
    Ok(RegionRecord {
        bounds: exactly(&numbers(field(region, "box")?)?)?,
        area: number(field(region, "area")?)?,
        peak: share(field(region, "peak")?)?,
        peak_at: exactly(&numbers(field(region, "peak_at")?)?)?,
        segmentation: known(field(region, "segmentation")?, pixels)?,
    })
}

fn pixels(of: &Field) -> Result<Rle, Cause> {
    let pixels = group(of)?;
    let size = exactly(&numbers(field(pixels, "size")?)?)?;
    Ok(Rle { size, counts: numbers(field(pixels, "counts")?)? })
}

fn warning(of: &Field) -> Result<WarningRecord, Cause> {
    let warning = group(of)?;
    Ok(WarningRecord { code: text(field(warning, "code")?)?, message: text(field(warning, "message")?)? })
}

/// The field of this name.
fn field<'a>(record: &'a Record, name: &str) -> Result<&'a Field, Cause> {
    let mut fields = record.get_column_iter();
    let found = fields.find_map(|(field, value)| (field == name).then_some(value));
    found.ok_or_else(|| format!("it has no {name}").into())
}

fn group(of: &Field) -> Result<&Record, Cause> {
    match of {
        Field::Group(group) => Ok(group),
        other => Err(unexpected(other)),
    }
}

fn list(of: &Field) -> Result<&[Field], Cause> {
    match of {
        Field::ListInternal(list) => Ok(List::elements(list)),
        other => Err(unexpected(other)),
    }
}

/// A value that may be missing.
fn known<T>(of: &Field, value: impl Fn(&Field) -> Result<T, Cause>) -> Result<Option<T>, Cause> {
    match of {
        Field::Null => Ok(None),
        known => value(known).map(Some),
    }
}

fn text(of: &Field) -> Result<String, Cause> {
    match of {
        Field::Str(text) => Ok(text.clone()),
        other => Err(unexpected(other)),
    }
}

fn number(of: &Field) -> Result<usize, Cause> {
    match of {
        Field::Long(number) => Ok(usize::try_from(*number)?),
        other => Err(unexpected(other)),
    }
}

fn numbers(of: &Field) -> Result<Vec<usize>, Cause> {
    list(of)?.iter().map(number).collect()
}

fn share(of: &Field) -> Result<f32, Cause> {
    match of {
        Field::Float(share) => Ok(*share),
        other => Err(unexpected(other)),
    }
}

/// The schema was compared before: only a damaged file holds another kind of value.
fn unexpected(value: &Field) -> Cause {
    format!("{value} is no value of its column").into()
}

/// So many numbers and no others.
fn exactly<const N: usize>(numbers: &[usize]) -> Result<[usize; N], Cause> {
    numbers.try_into().map_err(|_| format!("{} numbers in place of {N}", numbers.len()).into())
}

fn decision(name: &str) -> Result<Decision, Cause> {
    Decision::named(name).ok_or_else(|| format!("no such decision: {name}").into())
}
