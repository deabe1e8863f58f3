//! Tests of deliveries from a mirror to folders: which payloads a delivery drops, and which destinations it refuses.

use std::path::Path;

use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::delivery::handover::drop_delivered;
use crate::delivery::job_destinations::{self, Destinations};
use crate::delivery::{log, preflight, recovery};
use crate::destinations::Destination;
use crate::destinations::contract_tests::{self, FakeMirror, STREAM};
use crate::error::{Kind, Result};
use crate::mirror::pending_deliveries::{self, Pin};
use crate::mirror::store::{Mirror, Writer};
use crate::record::{Reader as _, SeqRange};
use crate::streams::DateForm;
use crate::verdict::Verdict;

const CHANGES: &str = "[[destination]]\nkind = \"jsonl\"\ncontent = \"changes\"\n";

/// Runs `test` on the writer of a mirror that holds these records of the contract's stream, beside an empty folder.
fn with_mirror(held: FakeMirror, test: impl FnOnce(&mut Writer, &FakeMirror, &Path) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let dir = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&dir.path().join("m.db"), "a test", DateForm::Iso8601).expect("a mirror");
        let folder = dir.path().to_owned();
        let tested = mirror.call(move |w| {
            w.transaction(|t| {
                held.changes(STREAM, SeqRange { first: 1, last: i64::MAX }, 0, &mut |change| {
                    let put = format!("INSERT INTO body_{STREAM} (seq, id, payload) VALUES (?, ?, ?)");
                    t.execute(&put, rusqlite::params![change.seq, change.id, change.payload]).expect("a body");
                    Ok(())
                })
                .expect("its records");
                t.execute("UPDATE sequence SET last = ?", [held.last()])
            })?;
            test(w, &held, &folder);
            Ok(())
        });
        tested.await.expect("the test");
    });
}

fn some(count: usize) -> FakeMirror {
    let mut held = FakeMirror::default();
    for n in 0..count {
        held.put(&format!("id {n}"), Some(&format!(r#"{{"_id":"id {n}"}}"#)));
    }
    held
}

/// Returns the settings of a job with these destinations.
fn settings(retain: &str, destinations: &str) -> Settings {
    let key = "streams = [\"contacts\"]\n[source]\nclient_id = \"i\"\nclient_secret = \"s\"\n";
    let text = format!("{key}[mirror]\nretain = \"{retain}\"\n{destinations}");
    Settings::of_text(&text, "j.toml", &Flags::default()).expect("settings")
}

fn changes_in(folder: &Path, name: &str) -> String {
    format!("{CHANGES}path = \"{}\"\n", folder.join(name).display())
}

/// Delivers everything up to a seq that is new to a destination, and notes it in the mirror, as a run does.
fn hand(writer: &mut Writer, destination: &mut dyn Destination, held: &FakeMirror, last: i64) {
    let mirror = pending_deliveries::identity(writer).expect("an identity");
    let first = destination.delivered(&mirror, STREAM).expect("a seq") + 1;
    let delivery = contract_tests::delivery(Some(SeqRange { first, last }), Verdict::Continuous, &mirror);
    let receipts = destination.deliver(&delivery, held).expect("delivered");
    pending_deliveries::delivered(
        writer,
        &destination.place(),
        1,
        &log::entries(destination.terms().content, &receipts, |_| Some(delivery.id.clone())),
    )
    .expect("logged");
}

fn refused(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    destinations.iter_mut().try_for_each(|one| preflight::refuse(writer, settings, one.destination.as_mut()))
}

fn kept(writer: &mut Writer) -> i64 {
    let count = format!("SELECT count(*) FROM body_{STREAM}");
    writer.transaction(|t| t.query_row(&count, [], |r| r.get(0))).expect("a count")
}

#[test]
fn a_payload_is_dropped_only_when_the_last_destination_has_it() {
    with_mirror(some(5), |writer, held, folder| {
        let both = format!("{}{}", changes_in(folder, "a"), changes_in(folder, "b"));
        let settings = settings("until-delivered", &both);
        let mut all = job_destinations::open(&settings).expect("destinations");
        hand(writer, all[0].destination.as_mut(), held, 5);
        drop_delivered(writer, &settings, &mut all).expect("nothing to drop");
        assert_eq!(kept(writer), 5, "the second has none of it");
        hand(writer, all[1].destination.as_mut(), held, 2);
        drop_delivered(writer, &settings, &mut all).expect("dropped");
        assert_eq!(kept(writer), 3, "the second has two of five");
        hand(writer, all[1].destination.as_mut(), held, 5);
        drop_delivered(writer, &settings, &mut all).expect("dropped");
        assert_eq!(kept(writer), 0);
        refused(writer, &settings, &mut all).expect("both have all of it");
    });
}

#[test]
fn a_snapshot_is_refused_once_payloads_are_dropped_also_where_one_was_delivered_before() {
    with_mirror(some(3), |writer, held, folder| {
        let snapshot = format!("[[destination]]\nkind = \"csv\"\npath = \"{}\"\n", folder.join("out").display());
        let full = settings("all", &snapshot);
        hand(writer, job_destinations::open(&full).expect("one")[0].destination.as_mut(), held, 3);
        let feed = settings("until-delivered", &changes_in(folder, "feed"));
        let mut one = job_destinations::open(&feed).expect("one");
        hand(writer, one[0].destination.as_mut(), held, 3);
        refused(writer, &full, &mut job_destinations::open(&full).expect("one")).expect("all of it is there");
        drop_delivered(writer, &feed, &mut one).expect("dropped");
        let refused = refused(writer, &full, &mut job_destinations::open(&full).expect("one")).expect_err("refused");
        assert_eq!(refused.kind, Kind::DestinationOfAnother);
        assert!(refused.detail.contains("lacks contacts that the mirror"), "{refused}");
    });
}

#[test]
fn what_is_pinned_for_a_place_that_the_job_does_not_deliver_to_is_let_go_and_goes_out_later() {
    with_mirror(some(3), |writer, held, folder| {
        let (here, there) =
            (settings("all", &changes_in(folder, "here")), settings("all", &changes_in(folder, "there")));
        let mut moved = job_destinations::open(&there).expect("one");
        let pin = Pin {
            destination: moved[0].destination.place(),
            job: "j".into(),
            stream: STREAM,
            range: SeqRange { first: 1, last: 2 },
            delivery_id: Some("an id".into()),
        };
        pending_deliveries::pin(writer, &[pin]).expect("pinned");
        recovery::finish_pending(writer, &here, &mut job_destinations::open(&here).expect("one")).expect("let go");
        assert_eq!(pending_deliveries::all(writer).expect("pins"), []);
        hand(writer, moved[0].destination.as_mut(), held, 3);
        let mirror = pending_deliveries::identity(writer).expect("an identity");
        assert_eq!(moved[0].destination.delivered(&mirror, STREAM).expect("a seq"), 3);
    });
}
