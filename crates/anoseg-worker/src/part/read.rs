//! A part to verdicts.

use std::panic::AssertUnwindSafe;

use anoseg::Decision;
use anoseg::batch::{FileNames, RegionRecord, Rle, SCHEMA, Verdict, WarningRecord};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Row;
use super::columns::{COLUMNS, schema};
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
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    if builder.schema().fields() != schema().fields() {
        return Err("it has other columns than a part".into());
    }
    let there = builder.metadata().file_metadata().num_rows();
    if usize::try_from(there) != Ok(count) {
        return Err(format!("it has {there} verdicts on {count} images").into());
    }
    let mut rows = Vec::new();
    for batch in builder.build()? {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let verdict = verdict(&batch, row)?;
            require_sound(&verdict)?;
            rows.push(Row { verdict, image_digest: text(column(&batch, "image_digest"), row) });
        }
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

/// The column of this name.
fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    let number = COLUMNS.iter().position(|column| *column == name).unwrap_or_default();
    batch.column(number)
}

fn verdict(batch: &RecordBatch, row: usize) -> Result<Verdict, Cause> {
    let column = |name| column(batch, name);
    let files = column("files").as_struct();
    let errors = column("errors").as_list::<i32>().value(row);
    Ok(Verdict {
        width: number(column("width"), row)?,
        height: number(column("height"), row)?,
        score: column("score")
            .is_valid(row)
            .then(|| column("score").as_primitive::<Float32Type>().value(row)),
        decision: text(column("decision"), row).map(|name| decision(&name)).transpose()?,
        regions: regions(&column("regions").as_list::<i32>().value(row))?,
        warnings: warnings(&column("warnings").as_list::<i32>().value(row)),
        files: FileNames {
            overlay: text(files.column(0), row),
            mask: text(files.column(1), row),
            map: text(files.column(2), row),
        },
        errors: (0..errors.len()).filter_map(|at| text(&errors, at)).collect(),
        error: text(column("error"), row),
        model_digest: text(column("model_digest"), row).unwrap_or_default(),
        schema: u32::try_from(number(column("schema"), row)?.unwrap_or_default())?,
        ..Verdict::unjudged(text(column("image"), row).unwrap_or_default())
    })
}

fn regions(values: &ArrayRef) -> Result<Vec<RegionRecord>, Cause> {
    let values = values.as_struct();
    let region = |at: usize| -> Result<RegionRecord, Cause> {
        Ok(RegionRecord {
            bounds: exactly(&numbers(values.column(0), at)?)?,
            area: number(values.column(1), at)?.unwrap_or_default(),
            peak: values.column(2).as_primitive::<Float32Type>().value(at),
            peak_at: exactly(&numbers(values.column(3), at)?)?,
            segmentation: pixels(values.column(4).as_struct(), at)?,
        })
    };
    (0..values.len()).map(region).collect()
}

fn pixels(values: &StructArray, at: usize) -> Result<Option<Rle>, Cause> {
    if values.is_null(at) {
        return Ok(None);
    }
    Ok(Some(Rle { size: exactly(&numbers(values.column(0), at)?)?, counts: numbers(values.column(1), at)? }))
}

fn warnings(values: &ArrayRef) -> Vec<WarningRecord> {
    let values = values.as_struct();
    let text = |column: usize, at: usize| text(values.column(column), at).unwrap_or_default();
    (0..values.len()).map(|at| WarningRecord { code: text(0, at), message: text(1, at) }).collect()
}

fn text(values: &ArrayRef, at: usize) -> Option<String> {
    values.is_valid(at).then(|| values.as_string::<i32>().value(at).to_owned())
}

fn number(values: &ArrayRef, at: usize) -> Result<Option<usize>, Cause> {
    let known = values.is_valid(at).then(|| values.as_primitive::<Int64Type>().value(at));
    Ok(known.map(usize::try_from).transpose()?)
}

fn numbers(values: &ArrayRef, at: usize) -> Result<Vec<usize>, Cause> {
    let values = values.as_list::<i32>().value(at);
    let numbers = values.as_primitive::<Int64Type>().values().iter();
    Ok(numbers.map(|&number| usize::try_from(number)).collect::<Result<_, _>>()?)
}

/// So many numbers and no others.
fn exactly<const N: usize>(numbers: &[usize]) -> Result<[usize; N], Cause> {
    numbers.try_into().map_err(|_| format!("{} numbers in place of {N}", numbers.len()).into())
}

fn decision(name: &str) -> Result<Decision, Cause> {
    Decision::named(name).ok_or_else(|| format!("no such decision: {name}").into())
}
