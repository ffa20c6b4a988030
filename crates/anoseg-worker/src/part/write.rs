//! Verdicts to a part.

use std::sync::Arc;

use anoseg::Decision;
use anoseg::batch::{RegionRecord, Rle, WarningRecord};
use arrow_array::{ArrayRef, Float32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::Row;
use super::columns::{self, item};

/// The rows as a Parquet file.
pub(crate) fn write(rows: &[Row]) -> Result<Vec<u8>, ParquetError> {
    let batch = batch(rows)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.into_inner()
}

fn batch(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let verdicts = || rows.iter().map(|row| &row.verdict);
    let regions: Vec<&RegionRecord> = verdicts().flat_map(|verdict| &verdict.regions).collect();
    let warnings: Vec<&WarningRecord> = verdicts().flat_map(|verdict| &verdict.warnings).collect();
    let files = [
        texts(verdicts().map(|verdict| verdict.files.overlay.as_deref())),
        texts(verdicts().map(|verdict| verdict.files.mask.as_deref())),
        texts(verdicts().map(|verdict| verdict.files.map.as_deref())),
    ];
    let columns: Vec<ArrayRef> = vec![
        texts(verdicts().map(|verdict| Some(verdict.image.as_str()))),
        Arc::new(verdicts().map(|verdict| verdict.width.map(whole)).collect::<Int64Array>()),
        Arc::new(verdicts().map(|verdict| verdict.height.map(whole)).collect::<Int64Array>()),
        Arc::new(verdicts().map(|verdict| verdict.score).collect::<Float32Array>()),
        texts(verdicts().map(|verdict| verdict.decision.map(Decision::name))),
        lists(verdicts().map(|verdict| verdict.regions.len()), region_values(&regions)?)?,
        lists(verdicts().map(|verdict| verdict.warnings.len()), warning_values(&warnings)?)?,
        Arc::new(StructArray::try_new_with_length(columns::files(), files.to_vec(), None, rows.len())?),
        lists(
            verdicts().map(|verdict| verdict.errors.len()),
            texts(verdicts().flat_map(|verdict| &verdict.errors).map(|text| Some(text.as_str()))),
        )?,
        texts(verdicts().map(|verdict| verdict.error.as_deref())),
        texts(verdicts().map(|verdict| Some(verdict.model_digest.as_str()))),
        texts(rows.iter().map(|row| row.image_digest.as_deref())),
        Arc::new(verdicts().map(|verdict| Some(i64::from(verdict.schema))).collect::<Int64Array>()),
    ];
    RecordBatch::try_new(Arc::new(columns::schema()), columns)
}

fn region_values(regions: &[&RegionRecord]) -> Result<ArrayRef, ArrowError> {
    let pixels: Vec<Option<&Rle>> = regions.iter().map(|region| region.segmentation.as_ref()).collect();
    let of = |numbers: fn(&Rle) -> &[usize]| {
        numbers_of(pixels.iter().map(move |rle| rle.map_or(&[][..], numbers)))
    };
    let known: NullBuffer = pixels.iter().map(Option::is_some).collect();
    let segmentation = StructArray::try_new_with_length(
        columns::segmentation(),
        vec![of(|rle| &rle.size[..])?, of(|rle| &rle.counts[..])?],
        Some(known),
        regions.len(),
    )?;
    let values: Vec<ArrayRef> = vec![
        numbers_of(regions.iter().map(|region| &region.bounds[..]))?,
        Arc::new(Int64Array::from_iter_values(regions.iter().map(|region| whole(region.area)))),
        Arc::new(Float32Array::from_iter_values(regions.iter().map(|region| region.peak))),
        numbers_of(regions.iter().map(|region| &region.peak_at[..]))?,
        Arc::new(segmentation),
    ];
    Ok(Arc::new(StructArray::try_new_with_length(columns::region(), values, None, regions.len())?))
}

fn warning_values(warnings: &[&WarningRecord]) -> Result<ArrayRef, ArrowError> {
    let values = vec![
        texts(warnings.iter().map(|warning| Some(warning.code.as_str()))),
        texts(warnings.iter().map(|warning| Some(warning.message.as_str()))),
    ];
    Ok(Arc::new(StructArray::try_new_with_length(columns::warning(), values, None, warnings.len())?))
}

/// Lists of these lengths; the elements of all in turn are `values`.
fn lists(lengths: impl Iterator<Item = usize>, values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let field = item(values.data_type().clone());
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), values, None)?))
}

/// Lists of numbers.
fn numbers_of<'a>(rows: impl Iterator<Item = &'a [usize]> + Clone) -> Result<ArrayRef, ArrowError> {
    let values = Int64Array::from_iter_values(rows.clone().flatten().map(|&number| whole(number)));
    lists(rows.map(<[usize]>::len), Arc::new(values))
}

fn texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

/// A number of pixels, which is far below the limit.
fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
