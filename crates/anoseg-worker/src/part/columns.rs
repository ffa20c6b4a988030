//! The columns of a part: the fields of a verdict, with the same names.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema};

/// The names of the columns, in order.
pub const COLUMNS: [&str; 13] = [
    "image",
    "width",
    "height",
    "score",
    "decision",
    "regions",
    "warnings",
    "files",
    "errors",
    "error",
    "model_digest",
    "image_digest",
    "schema",
];

/// The schema of every part.
pub(super) fn schema() -> Schema {
    let fields = [
        text(COLUMNS[0], false),
        number(COLUMNS[1], true),
        number(COLUMNS[2], true),
        Field::new(COLUMNS[3], DataType::Float32, true),
        text(COLUMNS[4], true),
        list(COLUMNS[5], DataType::Struct(region())),
        list(COLUMNS[6], DataType::Struct(warning())),
        Field::new(COLUMNS[7], DataType::Struct(files()), false),
        list(COLUMNS[8], DataType::Utf8),
        text(COLUMNS[9], true),
        text(COLUMNS[10], false),
        text(COLUMNS[11], true),
        number(COLUMNS[12], false),
    ];
    Schema::new(fields.to_vec())
}

/// The fields of a region. Numbers of pixels are signed, because few readers know unsigned ones.
pub(super) fn region() -> Fields {
    vec![
        list("box", DataType::Int64),
        number("area", false),
        Field::new("peak", DataType::Float32, false),
        list("peak_at", DataType::Int64),
        Field::new("segmentation", DataType::Struct(segmentation()), true),
    ]
    .into()
}

/// The fields of a region's pixels in run lengths.
pub(super) fn segmentation() -> Fields {
    vec![list("size", DataType::Int64), list("counts", DataType::Int64)].into()
}

/// The fields of the names of files.
pub(super) fn files() -> Fields {
    ["overlay", "mask", "map"].map(|name| text(name, true)).to_vec().into()
}

/// The fields of a warning.
pub(super) fn warning() -> Fields {
    vec![text("code", false), text("message", false)].into()
}

/// The elements of a list.
pub(super) fn item(of: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", of, false))
}

fn list(name: &str, of: DataType) -> Field {
    Field::new(name, DataType::List(item(of)), false)
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}

fn number(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Int64, nullable)
}
