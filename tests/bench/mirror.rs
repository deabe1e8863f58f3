//! Measures a large mirror: inserts a second at its end, and records a second of an ordered export. Ids are random,
//! and each page of a hundred records is stored with its checkpoint in one transaction, as a run stores it. The
//! layout of the mirror was chosen at `ROWS=10000000`.

use std::sync::Arc;
use std::time::Instant;

use qpien_sync::mirror::changes::MirrorView;
use qpien_sync::mirror::checkpoint::{self, Advance};
use qpien_sync::mirror::landing::{Landing, Moments};
use qpien_sync::mirror::records;
use qpien_sync::mirror::reread::Remembered;
use qpien_sync::mirror::store::Mirror;
use qpien_sync::mirror::walk_key::{Lane, WalkKey};
use qpien_sync::record::volatile::Volatile;
use qpien_sync::record::{Reader as _, Record, Records};
use qpien_sync::streams::{DateForm, PerStream, Stream};

const PAGE: u64 = 100;

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn page(from: u64) -> Records {
    let (mut body, mut rows) = (String::new(), Vec::new());
    for i in from..from + PAGE {
        let id = format!("{:016x}{:08x}", mix(i), i);
        let text = "lorem ipsum ".repeat(usize::try_from(15 + mix(i) % 50).expect("small"));
        let payload = format!(
            r#"{{"_id":"{id}","conversation":"{:024x}","messageType":"TEXT","content":"{text}","createdAt":"2024-03-05T08:09:10.123Z","autoCreate":false}}"#,
            mix(i / 40)
        );
        let start = body.len();
        body.push_str(&payload);
        rows.push(Record::read("_id", &payload, start, &Volatile::default()).expect("an id"));
    }
    Records { body: body.into(), rows }
}

pub fn measure() {
    let rows: u64 = std::env::var("ROWS").ok().and_then(|r| r.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("m.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut last_rate = 0.0;
    runtime.block_on(async {
        let mirror = Mirror::open(&path, "bench", DateForm::Iso8601).expect("open");
        let place = WalkKey { lane: Lane::Backfill, stream: Stream::Messages, partition: "p".into() };
        let start = place.clone();
        mirror.call(move |w| w.transaction(|t| checkpoint::start(t, &start, 1, 1))).await.expect("start");
        let rules = Arc::new(PerStream::new(Volatile::default));
        let tail = rows.saturating_sub(rows / 10);
        let mut begun = Instant::now();
        for n in 0..rows / PAGE {
            if n == tail / PAGE {
                begun = Instant::now();
            }
            let advance = Advance {
                pass: 1,
                from: i64::try_from(n).expect("small"),
                position: Some("{}".into()),
                seen: PAGE,
                total: Some(rows),
                ..Advance::default()
            };
            let landing = Landing {
                collected: Volatile::default(),
                remembered: Remembered::default(),
                place: place.clone(),
                run: 1,
                now: 0,
                since_run: 1,
                query: None,
                records: page(n * PAGE),
                set_aside: Vec::new(),
                volatile: rules.clone(),
                masked: false,
                nested: Vec::new(),
                advance,
                partitions: None,
                moments: Moments::default(),
                believe_empty: false,
                claims: std::collections::HashSet::new(),
                closes: false,
            };
            mirror.call(move |w| records::land(w, &mut { landing })).await.expect("landed");
        }
        last_rate = (rows - tail) as f64 / begun.elapsed().as_secs_f64();
    });
    let reading = MirrorView::begin(&path).expect("reading");
    let begun = Instant::now();
    let (mut count, mut last) = (0u64, String::new());
    reading
        .snapshot(Stream::Messages, &mut |id, _| {
            assert!(id > last.as_str(), "ordered by id");
            id.clone_into(&mut last);
            count += 1;
            Ok(())
        })
        .expect("export");
    let export = count as f64 / begun.elapsed().as_secs_f64();
    println!(
        "mirror at {rows} records: {last_rate:.0} inserts/s over the last tenth (promised: 10,000), ordered export {export:.0} records/s (promised: 100,000)"
    );
}
