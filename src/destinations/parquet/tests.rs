use std::io::Write;
use std::sync::{Arc, Mutex};

use ::parquet::basic::{CompressionCodec, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::file::properties::ReaderProperties;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::file::serialized_reader::ReadOptionsBuilder;
use ::parquet::file::statistics::Statistics;
use bytes::Bytes;

use super::*;
use crate::destinations::cells::{Cell, EXTRA};
use crate::destinations::contract_tests::nasty;
use crate::destinations::rows::{OF_A_CHANGE, RowBuilder};
use crate::destinations::store::Sink;
use crate::destinations::{Content, Offer};
use crate::streams::{ColumnKind, DateForm, Stream};
use crate::verdict::{Moved, Verdict};

const COLUMNS: [Column; 6] = [
    Column { name: "_id", kind: ColumnKind::Id },
    Column { name: "at", kind: ColumnKind::Timestamp },
    Column { name: "yes", kind: ColumnKind::Boolean },
    Column { name: "text", kind: ColumnKind::Text },
    Column { name: "conversation", kind: ColumnKind::Id },
    EXTRA,
];

/// The bytes that are written, kept in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Kept {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the file of these rows, in row groups of `most` bytes.
fn file(columns: &[Column], rows: &[Vec<Cell<'_>>], most: usize) -> Bytes {
    let kept = Kept::default();
    let sink = HashingSink::new(Box::new(kept.clone()));
    let options = ParquetOptions { is_compressed: true };
    let mut file = Box::new(rows::ParquetRows::begin(&options, sink, columns, most).expect("begin"));
    for row in rows {
        assert!(file.write(row, None).expect("written"));
    }
    let sum = file.end().and_then(HashingSink::finish).expect("the end");
    let bytes = std::mem::take(&mut *kept.0.lock().expect("lock"));
    assert_eq!(sum.bytes, bytes.len() as u64);
    bytes.into()
}

fn metadata(bytes: &Bytes) -> ParquetMetaData {
    let options = ReadOptionsBuilder::new().with_page_index().build();
    SerializedFileReader::new_with_options(bytes.clone(), options).expect("Parquet").metadata().clone()
}

fn read_back(bytes: &Bytes, columns: &[Column]) -> Vec<Vec<Cell<'static>>> {
    read::read(bytes.clone(), columns).expect("Parquet").collect::<io::Result<_>>().expect("rows")
}

/// Returns `count` rows with values that have broken exports before. In each column, some cells are null.
fn rows(count: usize) -> Vec<Vec<Cell<'static>>> {
    let texts = nasty();
    let row = |n: usize| {
        let (_, text) = &texts[n % texts.len()];
        let or_null = |every: usize, cell: Cell<'static>| if n.is_multiple_of(every) { Cell::Null } else { cell };
        let moments = [0, -1, 1_709_626_150_123_456, -62_135_596_800_000_000, 253_402_300_799_999_999];
        vec![
            Cell::Text(format!("{n:08}").into()),
            or_null(3, Cell::Moment(moments[n % moments.len()])),
            or_null(4, Cell::Plain(if n % 7 < 3 { "true" } else { "false" })),
            or_null(5, Cell::Text(text.clone().into())),
            or_null(6, Cell::Text(format!("c{}", n / 40).into())),
            or_null(2, Cell::Json(format!("{{\"x\":{}}}", serde_json::to_string(text).expect("JSON")))),
        ]
    };
    (0..count).map(row).collect()
}

#[test]
fn what_is_read_back_is_what_was_written_whatever_the_row_groups() {
    let rows = rows(9_000);
    for most in [1, 1_000_000, GROUP] {
        let few = if most == 1 { &rows[..20] } else { &rows[..] };
        assert!(read_back(&file(&COLUMNS, few, most), &COLUMNS) == few, "{most}");
    }
    let none = file(&COLUMNS, &[], GROUP);
    assert_eq!(read_back(&none, &COLUMNS), Vec::<Vec<Cell>>::new());
    assert_eq!(metadata(&none).num_row_groups(), 0);
    assert!(read::read(none, &COLUMNS[..3]).is_err(), "of other columns");
}

#[test]
fn in_a_group_of_many_rows_each_value_stands_in_its_own() {
    let row = |n: usize| {
        let text = |every: usize| if n.is_multiple_of(every) { Cell::Null } else { Cell::Text(format!("{n}").into()) };
        vec![Cell::Text(format!("{n:06}").into()), Cell::Null, Cell::Null, text(3), text(7), Cell::Null]
    };
    let rows: Vec<Vec<Cell>> = (0..10_000).map(row).collect();
    let bytes = file(&COLUMNS, &rows, GROUP);
    assert_eq!(metadata(&bytes).num_row_groups(), 1);
    assert!(read_back(&bytes, &COLUMNS) == rows);
}

#[test]
fn a_bloom_filter_knows_every_id_and_few_others() {
    let row = |n: usize| {
        let mut cells = cells_of(0, 1);
        cells[0] = Cell::Text(format!("{n:024}").into());
        cells
    };
    let bytes = file(&COLUMNS, &(0..5_000).map(row).collect::<Vec<_>>(), GROUP);
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let reader = SerializedFileReader::new_with_options(bytes, options).expect("Parquet");
    let group = reader.get_row_group(0).expect("a row group");
    let filter = group.get_column_bloom_filter(0).expect("a filter");
    let known = |ids: std::ops::Range<usize>| ids.filter(|n| filter.check(format!("{n:024}").as_str())).count();
    assert_eq!(known(0..5_000), 5_000);
    let others = known(100_000..110_000);
    assert!(others < 300, "{others} of 10000");
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let (first, second) = (file(&COLUMNS, &rows(5_000), 500_000), file(&COLUMNS, &rows(5_000), 500_000));
    assert!(metadata(&first).num_row_groups() > 5);
    assert!(first == second);
}

#[test]
fn row_groups_are_cut_by_the_bytes_in_them() {
    let wide: Vec<Vec<Cell>> = (0..100u8).map(|n| cells_of(n, 10_000)).collect();
    let narrow: Vec<Vec<Cell>> = (0..100u8).map(|n| cells_of(n, 10)).collect();
    let groups = |rows: &[Vec<Cell<'_>>]| -> Vec<i64> {
        metadata(&file(&COLUMNS, rows, 100_000))
            .row_groups()
            .iter()
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect()
    };
    assert_eq!(groups(&wide), [10; 10]);
    assert_eq!(groups(&narrow), [100]);
    assert_eq!(groups(&[narrow, wide].concat()), [&[110][..], &[10; 9][..]].concat());
}

fn cells_of(n: u8, length: usize) -> Vec<Cell<'static>> {
    let text = char::from(b'a' + n % 26).to_string().repeat(length);
    let mut cells = vec![Cell::Null; COLUMNS.len()];
    (cells[0], cells[3]) = (Cell::Text(format!("{n:03}").into()), Cell::Text(text.into()));
    cells
}

#[test]
fn a_file_is_not_larger_than_it_may_be_by_what_is_written_and_what_waits() {
    let options = ParquetOptions { is_compressed: false };
    let sink = HashingSink::new(Box::new(Kept::default()));
    let (group, most) = (50_000, 500_000);
    let mut file = rows::ParquetRows::begin(&options, sink, &COLUMNS, group).expect("begin");
    let row = |n: usize| {
        let mut cells = cells_of(1, 0);
        cells[3] = Cell::Text(format!("{n:04}").repeat(250).into());
        cells
    };
    let size = group::size(&row(0)) as u64;
    // The first row is accepted, however large it is.
    assert!(file.write(&row(0), Some(1)).expect("written"));
    assert!(!file.write(&row(1), Some(size)).expect("too large"));
    let mut count = 1;
    while file.write(&row(count), Some(most)).expect("written or not") {
        count += 1;
    }
    let sum = Box::new(file).end().and_then(HashingSink::finish).expect("the end");
    assert!(count > 400, "{count}");
    assert!(sum.bytes.abs_diff(most) < group as u64, "{}", sum.bytes);
}

#[test]
fn columns_have_their_types_their_order_and_their_indexes() {
    let columns = [&COLUMNS[..], &OF_A_CHANGE].concat();
    let rows: Vec<Vec<Cell>> = rows(500)
        .into_iter()
        .zip(1..)
        .map(|(mut row, seq)| {
            row.extend([Cell::Integer(seq), Cell::Text("insert".into()), Cell::Moment(seq), Cell::Integer(7)]);
            row
        })
        .collect();
    let bytes = file(&columns, &rows, GROUP);
    assert!(read_back(&bytes, &columns) == rows);
    let metadata = metadata(&bytes);
    assert_eq!(metadata.file_metadata().created_by(), Some(concat!("qpien-sync version ", env!("CARGO_PKG_VERSION"))));
    let told: Vec<_> = (metadata.file_metadata().schema_descr().columns().iter())
        .map(|c| (c.name(), c.physical_type(), c.logical_type_ref(), c.self_type().get_basic_info().repetition()))
        .collect();
    let utc = LogicalType::timestamp(true, TimeUnit::MICROS);
    let (text, utc) = (Some(&LogicalType::String), Some(&utc));
    let (always, maybe) = (Repetition::REQUIRED, Repetition::OPTIONAL);
    let all = [
        ("_id", Physical::BYTE_ARRAY, text, always),
        ("at", Physical::INT64, utc, maybe),
        ("yes", Physical::BOOLEAN, None, maybe),
        ("text", Physical::BYTE_ARRAY, text, maybe),
        ("conversation", Physical::BYTE_ARRAY, text, maybe),
        ("_extra", Physical::BYTE_ARRAY, text, maybe),
        ("_seq", Physical::INT64, None, always),
        ("_op", Physical::BYTE_ARRAY, text, always),
        ("_synced_at", Physical::INT64, utc, maybe),
        ("_run_id", Physical::INT64, None, maybe),
    ];
    assert_eq!(told, all);
    let group = metadata.row_group(0);
    for chunk in group.columns() {
        let name = chunk.column_descr().name();
        assert!(matches!(chunk.compression_codec(), CompressionCodec::ZSTD), "{name}");
        assert!(chunk.statistics().is_some_and(|s| s.null_count_opt().is_some()), "{name}");
        assert!(chunk.column_index_offset().is_some() && chunk.offset_index_offset().is_some(), "{name}");
        let is_id = matches!(name, "_id" | "conversation");
        assert_eq!(chunk.bloom_filter_offset().is_some(), is_id, "{name}");
    }
    let Some(Statistics::Int64(seqs)) = group.column(6).statistics() else { panic!("of numbers") };
    assert_eq!((seqs.min_opt(), seqs.max_opt()), (Some(&1), Some(&500)));
    let order = |metadata: &ParquetMetaData| metadata.row_group(0).sorting_columns().map(|s| s[0].column_idx);
    assert_eq!(order(&metadata), Some(6));
    assert_eq!(order(&self::metadata(&file(&COLUMNS, &self::rows(3), GROUP))), Some(0));
}

#[test]
fn a_value_of_another_type_goes_into_extra_and_is_counted() {
    let offer = Offer {
        stream: Stream::Messages,
        columns: Stream::Messages.columns().to_vec(),
        collects: false,
        unasked: Vec::new(),
        verdict: Verdict::Continuous,
        is_damaged: false,
        set_aside: Vec::new(),
        moved: Moved::default(),
        suspects: 0,
        ignored: Vec::new(),
        masks: String::new(),
        as_of: None,
        range: None,
    };
    let mut shape = RowBuilder::new(offer.columns.clone(), true, DateForm::Iso8601, Content::Snapshot);
    let columns = shape.columns();
    let sent = [
        r#"{"_id":"a","content":"fits","autoCreate":true,"createdAt":"2024-03-05T08:09:10.123Z"}"#,
        r#"{"_id":"b","content":{"no":"text"},"autoCreate":"yes","createdAt":"soon","sender":{"x":1}}"#,
        r#"{"_id":17,"content":5,"autoCreate":null,"createdAt":"2024-03-05T08:09:10.1234567Z"}"#,
    ];
    let rows: Vec<_> = sent.iter().map(|payload| shape.of_record(payload).expect("a row")).collect();
    assert_eq!(shape.misfits(), 5);
    let rows = read_back(&file(&columns, &rows, GROUP), &columns);
    let of = |row: usize, name: &str| {
        let at = columns.iter().position(|c| c.name == name).expect("a column");
        rows[row][at].clone()
    };
    assert_eq!((of(0, "content"), of(0, "_extra")), (Cell::Text("fits".into()), Cell::Null));
    assert_eq!((of(0, "autoCreate"), of(0, "createdAt")), (Cell::Plain("true"), Cell::Moment(1_709_626_150_123_000)));
    for name in ["content", "autoCreate", "createdAt"] {
        assert_eq!(of(1, name), Cell::Null, "{name}");
    }
    let extra = r#"{"content":{"no":"text"},"createdAt":"soon","autoCreate":"yes"}"#;
    assert_eq!((of(1, "sender"), of(1, "_extra")), (Cell::Json(r#"{"x":1}"#.into()), Cell::Json(extra.into())));
    assert_eq!((of(2, "_id"), of(2, "createdAt")), (Cell::Text("17".into()), Cell::Moment(1_709_626_150_123_456)));
    let extra = r#"{"content":5,"createdAt":"2024-03-05T08:09:10.1234567Z"}"#;
    assert_eq!(of(2, "_extra"), Cell::Json(extra.into()));
}

#[test]
fn a_cell_that_cannot_stand_in_its_column_is_an_error_that_does_not_quote_it() {
    let write = |row: &[Cell<'_>]| {
        let sink = HashingSink::new(Box::new(Kept::default()));
        let options = ParquetOptions { is_compressed: true };
        let mut file = rows::ParquetRows::begin(&options, sink, &COLUMNS, GROUP).expect("begin");
        file.write(row, None).expect_err("refused").to_string()
    };
    let mut row = rows(1).remove(0);
    row[2] = Cell::Text("secret".into());
    assert_eq!(write(&row), "a cell of the column yes has another type");
    row[0] = Cell::Null;
    assert_eq!(write(&row), "a cell of the column _id is never null");
}

#[test]
fn what_the_sink_says_is_passed_on() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "no room"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Sink for Full {
        fn finish(self: Box<Self>) -> io::Result<()> {
            Ok(())
        }
    }
    let rows = rows(5_000);
    let options = ParquetOptions { is_compressed: false };
    let sink = HashingSink::new(Box::new(Full));
    let mut file = Box::new(rows::ParquetRows::begin(&options, sink, &COLUMNS, 10_000).expect("begin"));
    let written = rows.iter().try_for_each(|row| file.write(row, None).map(drop));
    let error = written.and_then(|()| file.end().and_then(HashingSink::finish)).expect_err("no room");
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::StorageFull, "no room"));
}
