//! Describes a Parquet file: its schema, and how each column is written.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::ParquetOptions;
use crate::streams::{Column, ColumnKind};

/// The program's name and version in the file. Readers parse the form `parquet-mr version 1.2.3`, so the text must
/// have it.
const CREATED_BY: &str = concat!("qpien-sync version ", env!("CARGO_PKG_VERSION"));

/// The compression level of Zstandard, the same as for text files.
const LEVEL: i32 = 3;

/// The share of absent ids for which a bloom filter wrongly says that they may be present.
const FALSE_POSITIVES: f64 = 0.01;

/// Makes the Parquet schema of a file with these columns.
pub fn of(columns: &[Column]) -> Result<TypePtr> {
    let fields = columns.iter().map(|c| field(c).map(Arc::new)).collect::<Result<_>>()?;
    Type::group_type_builder("record").with_fields(fields).build().map(Arc::new)
}

/// Returns whether a column is never null in any row.
pub fn is_required(column: &Column) -> bool {
    matches!(column.name, "_id" | "_seq" | "_op")
}

fn field(column: &Column) -> Result<Type> {
    let (physical, logical) = match column.kind {
        ColumnKind::Id | ColumnKind::Text | ColumnKind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Boolean => (Physical::BOOLEAN, None),
        ColumnKind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        ColumnKind::Integer => (Physical::INT64, None),
    };
    let repetition = if is_required(column) { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    Type::primitive_type_builder(column.name, physical).with_logical_type(logical).with_repetition(repetition).build()
}

/// Returns the settings with which a file is written. `rows` is the largest possible number of rows in a row group,
/// from which the size of the bloom filters follows.
pub fn properties(options: &ParquetOptions, columns: &[Column], rows: usize) -> Result<WriterProperties> {
    let compression =
        if options.is_compressed { Compression::ZSTD(ZstdLevel::try_new(LEVEL)?) } else { Compression::UNCOMPRESSED };
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.into())
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(order(columns));
    for column in columns {
        let path = ColumnPath::from(column.name);
        if column.kind == ColumnKind::Id {
            builder = builder
                .set_column_bloom_filter_fpp(path.clone(), FALSE_POSITIVES)
                .set_column_bloom_filter_max_ndv(path.clone(), rows as u64);
        }
        // Each value occurs once, so a dictionary would hold all of them and an index besides.
        if matches!(column.name, "_id" | "_seq") {
            builder = builder.set_column_dictionary_enabled(path, false);
        }
    }
    Ok(builder.build())
}

/// Returns the column that the rows are sorted by: `_seq` for changes, `_id` for a snapshot.
fn order(columns: &[Column]) -> Option<Vec<SortingColumn>> {
    let at = |name| columns.iter().position(|c| c.name == name);
    let column_idx = i32::try_from(at("_seq").or(at("_id"))?).ok()?;
    Some(vec![SortingColumn { column_idx, descending: false, nulls_first: false }])
}
