//! Tests what the mirror stores about records that are gone. Pages are stored as a run stores them.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::checkpoint::{self, Advance};
use super::super::landing::{Landed, Landing, Moments};
use super::super::orphans;
use super::super::readings::ChangedSince;
use super::super::records;
use super::super::reread::Remembered;
use super::super::rounds::{self, Beginning, Begun, RoundEnding};
use super::super::settings::AskedWith;
use super::super::store::Mirror;
use super::super::stream_state::standing;
use super::super::suspects::{self, Parent, Suspect};
use super::super::walk_key::WalkKey;
use super::*;
use crate::mirror::list_state;
use crate::mirror::partitions::Partitions;
use crate::record::volatile::Volatile;
use crate::record::{Record, Records};
use crate::streams::{DateForm, PerStream};
use crate::verdict::Verdict;

const LANE: Lane = Lane::Incremental;

/// Runs `test` on a mirror's writer.
fn with_mirror(test: impl FnOnce(&mut Writer) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let dir = tempfile::tempdir().expect("a folder");
        let mirror = Mirror::open(&dir.path().join("m.db"), "a test", DateForm::Iso8601).expect("a mirror");
        let tested = mirror.call(move |w| {
            test(w);
            Ok(())
        });
        tested.await.expect("the test");
    });
}

fn begin(w: &mut Writer) -> Begun {
    let asked = |stream, one_list| (AskedWith { stream, settings: Vec::new() }, one_list);
    let streams = [asked(Stream::Conversations, true), asked(Stream::Messages, false)];
    let (tails, job) = (ChangedSince::default(), "job".into());
    let beginning = Beginning { job, lane: LANE, streams: streams.into(), tails, now: 9, boxed: false };
    rounds::begin(w, &beginning).expect("a round")
}

fn end(w: &mut Writer, begun: Begun) {
    rounds::end(w, begun, LANE, RoundEnding::Complete, 0, "").expect("its end");
}

fn rows(ids: &[&str], text: &str) -> Records {
    let (mut body, mut rows) = (String::new(), Vec::new());
    for id in ids {
        let payload = format!(r#"{{"_id":"{id}","x":"{text}"}}"#);
        rows.push(Record::read("_id", &payload, body.len(), &Volatile::default()).expect("an id"));
        body.push_str(&payload);
    }
    Records { body: body.into(), rows }
}

/// Returns a whole list as one page.
fn landing(w: &mut Writer, begun: Begun, (stream, partition): (Stream, &str), ids: &[&str]) -> Landing {
    let place = WalkKey { lane: LANE, stream, partition: partition.into() };
    let at = place.clone();
    let from = w.transaction(|t| checkpoint::find(t, &at)).expect("found").expect("a checkpoint");
    Landing {
        collected: Volatile::default(),
        place,
        run: begun.run,
        now: 9,
        since_run: from.since_run,
        query: None,
        records: rows(ids, "same"),
        set_aside: Vec::new(),
        volatile: Arc::new(PerStream::new(Volatile::default)),
        masked: false,
        nested: Vec::new(),
        advance: Advance { pass: from.pass, from: from.windows, ..Advance::default() },
        partitions: (stream == Stream::Conversations).then(|| Partitions {
            stream: Stream::Messages,
            round: begun.since_run,
            selection: 1,
            now: 9,
            // Every entry may have new messages, so each list is read in each round.
            lookback: 1,
            newest: vec![Some(list_state::UNTOLD); ids.len()],
            signs: vec![true; ids.len()],
            silence_is_empty: false,
        }),
        moments: Moments::default(),
        believe_empty: false,
        claims: HashSet::new(),
        closes: false,
        remembered: Remembered::default(),
    }
}

fn land_as(
    w: &mut Writer,
    begun: Begun,
    list: (Stream, &str),
    ids: &[&str],
    verdict: Verdict,
    believe_empty: bool,
) -> Landed {
    let mut landing = landing(w, begun, list, ids);
    landing.advance.verdict = Some(verdict);
    landing.believe_empty = believe_empty;
    records::land(w, &mut landing).expect("landed")
}

/// Stores the conversations of a night that skips a list if its entry is unchanged.
fn land_settled(w: &mut Writer, begun: Begun, ids: &[&str], text: &str) -> Landed {
    let mut landing = landing(w, begun, CONVERSATIONS, ids);
    landing.records = rows(ids, text);
    landing.advance.verdict = Some(Verdict::Continuous);
    landing.partitions.as_mut().expect("lists").lookback = 0;
    records::land(w, &mut landing).expect("landed")
}

/// Stores the newest messages of a conversation. The walk may end there if they are known.
fn land_newest(w: &mut Writer, begun: Begun, conversation: &str, ids: &[&str]) -> Landed {
    let mut landing = landing(w, begun, messages(conversation), ids);
    landing.moments.may_end = true;
    landing.advance.position = Some("{}".into());
    records::land(w, &mut landing).expect("landed")
}

fn land(w: &mut Writer, begun: Begun, list: (Stream, &str), ids: &[&str], verdict: Verdict) -> Landed {
    land_as(w, begun, list, ids, verdict, false)
}

const CONVERSATIONS: (Stream, &str) = (Stream::Conversations, "");

fn messages(conversation: &str) -> (Stream, &str) {
    (Stream::Messages, conversation)
}

fn judged(begun: Begun, stream: Stream) -> JudgedStream {
    JudgedStream {
        lane: LANE,
        stream,
        partitioned: stream == Stream::Messages,
        since: begun.since_run,
        run: begun.run,
        shown: 0,
    }
}

fn suspected(w: &mut Writer, begun: Begun, stream: Stream) -> Vec<String> {
    suspects::mark(w, judged(begun, stream)).expect("suspected");
    suspects::list(w, judged(begun, stream), None, 100).expect("suspects").into_iter().map(|s| s.id).collect()
}

/// Returns the ids that have a body, and the tombstones with their seqs.
fn holds(w: &mut Writer, stream: Stream) -> (Vec<String>, Vec<(String, i64)>) {
    w.transaction(|t| {
        let live = t
            .prepare(&format!("SELECT id FROM body_{stream} ORDER BY id"))?
            .query_map([], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let dead = t
            .prepare("SELECT id, seq FROM record WHERE stream = ? AND deleted = 1 ORDER BY id")?
            .query_map([stream.number()], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok((live, dead))
    })
    .expect("read")
}

fn incomplete() -> Verdict {
    Verdict::Incomplete("why".into())
}

#[test]
fn only_what_a_complete_walk_of_this_round_did_not_show_is_a_suspect() {
    with_mirror(|w| {
        let first = begin(w);
        land(w, first, CONVERSATIONS, &["a", "b", "c"], Verdict::Continuous);
        for (conversation, ids) in [("a", ["a1", "a2"]), ("b", ["b1", "b2"]), ("c", ["c1", "c2"])] {
            land(w, first, messages(conversation), &ids, Verdict::Continuous);
        }
        assert!(suspected(w, first, Stream::Conversations).is_empty());
        end(w, first);
        let second = begin(w);
        land(w, second, CONVERSATIONS, &["a", "b"], incomplete());
        land(w, second, messages("a"), &["a1"], Verdict::Continuous);
        land(w, second, messages("b"), &["b1"], incomplete());
        // The list of conversations and b's walk were incomplete, and c was not walked.
        assert!(suspected(w, second, Stream::Conversations).is_empty());
        assert_eq!(suspected(w, second, Stream::Messages), ["a2"]);
        end(w, second);
        let third = begin(w);
        land(w, third, CONVERSATIONS, &["a", "b"], Verdict::Proven);
        land(w, third, messages("a"), &["a1", "a2"], Verdict::Continuous);
        // A record that is seen again, unchanged, is no suspect any more.
        assert!(suspected(w, third, Stream::Messages).is_empty());
        suspects::mark(w, judged(third, Stream::Conversations)).expect("suspected");
        let all = suspects::list(w, judged(third, Stream::Conversations), None, 9).expect("suspects");
        assert_eq!(
            all,
            [Suspect { id: "c".into(), suspect_run: third.run, proven: true, empty: false, parent: Parent::There }]
        );
        suspects::clear(w, Stream::Conversations, &["c".into()]).expect("acquitted");
        assert_eq!(w.transaction(|t| counts(t, Stream::Conversations)).expect("counts"), (0, 0));
    });
}

#[test]
fn a_run_that_goes_on_with_a_round_has_seen_what_the_round_has_seen() {
    with_mirror(|w| {
        let first = begin(w);
        land(w, first, CONVERSATIONS, &["a", "b"], Verdict::Continuous);
        let resumed = begin(w);
        assert!(resumed.resumed && resumed.run > first.run);
        assert!(suspected(w, resumed, Stream::Conversations).is_empty());
    });
}

fn orphans_of(w: &mut Writer, begun: Begun) -> Vec<(String, bool)> {
    let all = orphans::orphans(w, judged(begun, Stream::Messages), Stream::Conversations, None, 9999).expect("orphans");
    let is_searched = |suspect: &Suspect| suspect.parent == Parent::Gone { is_searched: true };
    all.into_iter().map(|suspect| (suspect.id.clone(), is_searched(&suspect))).collect()
}

fn bury_conversation(w: &mut Writer, begun: Begun, id: &str) {
    let buried = make_tombstones(w, begun.run, Stream::Conversations, Some(Stream::Messages), &[id.into()], i64::MAX);
    assert_eq!(buried.expect("buried"), 1);
}

/// Begins lists of a search that take `questions` pages together. Returns their partitions.
fn search(w: &mut Writer, begun: Begun, questions: u64) -> Vec<String> {
    let search = orphans::Search {
        lane: LANE,
        child: Stream::Messages,
        parent: Stream::Conversations,
        round: begun.since_run,
        run: begun.run,
        questions,
        page_size: 100,
        now: 9,
    };
    w.transaction(|t| {
        orphans::begin_search(t, &search)?;
        let open = checkpoint::open_walks(t, LANE, Stream::Messages, begun.since_run, 99)?;
        Ok(open.into_iter().map(|walk| walk.partition).collect())
    })
    .expect("begun")
}

#[test]
fn a_tombstone_leaves_its_messages_as_orphans_and_its_walk_counts_no_more() {
    with_mirror(|w| {
        let first = begin(w);
        land(w, first, CONVERSATIONS, &["a", "b"], Verdict::Continuous);
        land(w, first, messages("a"), &["a1", "a2", "a3"], Verdict::Continuous);
        land(w, first, messages("b"), &["b1"], Verdict::Continuous);
        end(w, first);
        let second = begin(w);
        land(w, second, CONVERSATIONS, &["b"], Verdict::Continuous);
        land(w, second, messages("b"), &["b1"], Verdict::Continuous);
        // An older walk is still open. To read it would be in vain.
        w.transaction(|t| {
            checkpoint::start(t, &WalkKey { lane: LANE, stream: Stream::Messages, partition: "a".into() }, 2, 2)
        })
        .expect("started");
        let open = |w: &mut Writer| {
            w.transaction(|t| {
                let walks = checkpoint::open_walks(t, LANE, Stream::Messages, second.since_run, 9)?;
                Ok((walks.len(), standing(t, LANE, Stream::Messages, second.since_run)?.verdict().is_complete()))
            })
            .expect("walks")
        };
        assert_eq!(open(w), (1, false));
        assert_eq!(suspected(w, second, Stream::Conversations), ["a"]);
        let ids = ["a".to_owned(), "b".to_owned()];
        let buried =
            make_tombstones(w, second.run, Stream::Conversations, Some(Stream::Messages), &ids, second.since_run);
        assert_eq!(buried.expect("buried"), 1, "b was seen in this round");
        assert_eq!(open(w), (0, true));
        // The messages count as present until every list was read that they may have moved to. b was read before
        // their own conversation was gone, so it must be read again.
        assert_eq!(orphans_of(w, second), ["a1", "a2", "a3"].map(|id| (id.to_owned(), false)));
        assert_eq!(search(w, second, 9), ["b"]);
        let mut shown = landing(w, second, messages("b"), &["b1", "a2"]);
        shown.claims.insert("a2".into());
        shown.advance.verdict = Some(Verdict::Continuous);
        records::land(w, &mut shown).expect("landed");
        assert_eq!(orphans_of(w, second), ["a1", "a3"].map(|id| (id.to_owned(), true)));
        assert_eq!(search(w, second, 9), Vec::<String>::new());
        assert_eq!(
            make_tombstones(w, second.run, Stream::Messages, None, &["a1".into(), "a3".into()], i64::MAX)
                .expect("buried"),
            2
        );
        assert_eq!(holds(w, Stream::Messages).0, ["a2", "b1"]);
        end(w, second);
        // The conversation is back with the same bytes: it is alive again, and its list is walked again.
        let third = begin(w);
        let landed = land(w, third, CONVERSATIONS, &["a", "b"], Verdict::Continuous);
        assert_eq!((landed.new, landed.changed), (1, 0));
        assert_eq!(holds(w, Stream::Conversations), (vec!["a".into(), "b".into()], vec![]));
        land(w, third, messages("a"), &["a1"], Verdict::Continuous);
        assert_eq!(holds(w, Stream::Messages).0, ["a1", "a2", "b1"]);
    });
}

#[test]
fn a_search_waits_with_the_list_of_a_conversation_that_is_a_suspect_itself() {
    with_mirror(|w| {
        let first = begin(w);
        land(w, first, CONVERSATIONS, &["a", "b", "c"], Verdict::Continuous);
        for list in ["a", "b", "c"] {
            land(w, first, messages(list), &[&format!("{list}1")], Verdict::Continuous);
        }
        end(w, first);
        let second = begin(w);
        assert_eq!(land_settled(w, second, &["c"], "same").skipped, 1);
        assert_eq!(suspected(w, second, Stream::Conversations), ["a", "b"]);
        bury_conversation(w, second, "a");
        assert_eq!(search(w, second, 9), ["c"]);
        let left =
            |w: &mut Writer| w.transaction(|t| orphans::count_remaining(t, Stream::Messages, Stream::Conversations));
        assert_eq!(left(w).expect("left"), (1, 2), "b is still to be read, if it is there");
    });
}

#[test]
fn few_that_went_unread_are_searched_for_until_they_are_found_and_many_are_told_once() {
    for (count, is_few) in [(3, true), (4, false)] {
        with_mirror(move |w| {
            let unread = |w: &mut Writer| w.transaction(|t| orphans::unread(t, Stream::Messages)).expect("unread");
            let settle = |w: &mut Writer, run| {
                let settle =
                    |t: &Transaction<'_>| orphans::settle_unread(t, Stream::Messages, Stream::Conversations, run);
                w.transaction(settle).expect("settled")
            };
            let first = begin(w);
            land(w, first, CONVERSATIONS, &["a"], Verdict::Continuous);
            let gone = (0..count).map(|n| format!("('{n}')")).collect::<Vec<_>>().join(", ");
            w.transaction(|t| {
                t.execute(&format!("INSERT INTO unread SELECT 4, column1, {} FROM (VALUES {gone})", first.run), [])
            })
            .expect("noted");
            assert_eq!(settle(w, first.run), is_few);
            assert_eq!(unread(w), Some((count, 1)), "their own run tells them");
            settle(w, first.run + 1);
            assert_eq!(unread(w).is_some(), is_few);
        });
    }
}

#[test]
fn an_older_versions_kill_left_messages_without_a_conversation() {
    with_mirror(|w| {
        let first = begin(w);
        land(w, first, CONVERSATIONS, &["a", "b"], Verdict::Continuous);
        land(w, first, messages("a"), &["a1", "a2"], Verdict::Continuous);
        land(w, first, messages("b"), &["b1"], Verdict::Continuous);
        make_tombstones(w, 9, Stream::Conversations, None, &["a".into()], first.since_run + 1).expect("buried");
        assert_eq!(orphans_of(w, first), []);
        orphans::leave_the_rest(w, first.run, Stream::Conversations, Stream::Messages).expect("left");
        assert_eq!(orphans_of(w, first).len(), 2);
        let left =
            |w: &mut Writer| w.transaction(|t| orphans::count_remaining(t, Stream::Messages, Stream::Conversations));
        assert_eq!(left(w).expect("left"), (2, 1));
    });
}

/// If a night reads a list to its end, this counts as a search for the orphans of earlier nights. A reading that
/// ended at known messages does not count, nor does an incomplete one.
#[test]
fn an_ordinary_reading_searches_for_the_orphans_of_earlier_runs() {
    with_mirror(|w| {
        first_night(w);
        let second = begin(w);
        land_settled(w, second, &["d"], "same");
        bury_conversation(w, second, "c");
        assert!(orphans_of(w, second).iter().all(|(_, searched)| !searched));
        end(w, second);
        let third = begin(w);
        land_settled(w, third, &["d"], "new");
        assert!(land_newest(w, third, "d", &["n1"]).closed.is_some());
        assert!(orphans_of(w, third).iter().all(|(_, searched)| !searched), "it ended at n1");
        end(w, third);
        for (verdict, searched) in [(incomplete(), false), (Verdict::Continuous, true)] {
            let night = begin(w);
            land(w, night, CONVERSATIONS, &["d"], Verdict::Continuous);
            land(w, night, messages("d"), &["n1", "n2"], verdict);
            assert_eq!(orphans_of(w, night).len(), 4);
            assert!(orphans_of(w, night).iter().all(|(_, is)| *is == searched), "{searched}");
            end(w, night);
        }
    });
}

#[test]
fn a_search_begins_with_the_same_contact_and_goes_on_in_the_next_run() {
    with_mirror(|w| {
        let first = begin(w);
        let mut page = landing(w, first, CONVERSATIONS, &["a", "b", "c", "d", "e"]);
        let contact = |id: &str| if id == "a" || id == "d" { "k1" } else { "k2" };
        let (mut body, mut rows) = (String::new(), Vec::new());
        for id in ["a", "b", "c", "d", "e"] {
            let payload = format!(r#"{{"_id":"{id}","joinedPerson":{{"_id":"{}"}}}}"#, contact(id));
            rows.push(Record::read("_id", &payload, body.len(), &Volatile::default()).expect("an id"));
            body.push_str(&payload);
        }
        page.records = Records { body: body.into(), rows };
        page.advance.verdict = Some(Verdict::Continuous);
        records::land(w, &mut page).expect("landed");
        for list in ["a", "b", "c", "d", "e"] {
            land(w, first, messages(list), &[&format!("{list}1")], Verdict::Continuous);
        }
        orphans::mark_related_lists(w, first.run, Stream::Conversations, Stream::Messages, &["a".into()])
            .expect("related");
        bury_conversation(w, first, "a");
        assert_eq!(search(w, first, 1), ["d"]);
        land(w, first, messages("d"), &["d1"], Verdict::Continuous);
        assert_eq!(search(w, first, 2), ["b", "c"]);
        land(w, first, messages("b"), &["b1"], incomplete());
        land(w, first, messages("c"), &["c1"], Verdict::Continuous);
        assert_eq!(search(w, first, 9), ["e"], "b cannot be read in this run");
        land(w, first, messages("e"), &["e1"], Verdict::Continuous);
        assert_eq!(orphans_of(w, first), [("a1".to_owned(), false)]);
        let next = begin(w);
        assert_eq!(search(w, next, 9), ["b"]);
        land(w, next, messages("b"), &["b1"], Verdict::Continuous);
        assert_eq!(orphans_of(w, next), [("a1".to_owned(), true)]);
    });
}

#[test]
fn an_empty_list_is_not_believed_unless_it_is_to_be_or_the_mirror_is_empty_too() {
    with_mirror(|w| {
        let first = begin(w);
        land(w, first, CONVERSATIONS, &[], Verdict::Continuous);
        let verdict = |w: &mut Writer, begun: Begun| {
            w.transaction(|t| standing(t, LANE, Stream::Conversations, begun.since_run)).expect("standing").verdict()
        };
        assert_eq!(verdict(w, first), Verdict::Continuous);
        end(w, first);
        let second = begin(w);
        land(w, second, CONVERSATIONS, &["a"], Verdict::Continuous);
        end(w, second);
        let third = begin(w);
        land(w, third, CONVERSATIONS, &[], Verdict::Proven);
        assert_eq!(verdict(w, third), Verdict::Incomplete(EMPTY.into()));
        assert!(came_out_empty(w, judged(third, Stream::Conversations)).expect("asked"));
        assert!(suspected(w, third, Stream::Conversations).is_empty());
        end(w, third);
        let fourth = begin(w);
        land_as(w, fourth, CONVERSATIONS, &[], Verdict::Proven, true);
        assert_eq!(verdict(w, fourth), Verdict::Proven);
        assert!(!came_out_empty(w, judged(fourth, Stream::Conversations)).expect("asked"));
        suspects::mark(w, judged(fourth, Stream::Conversations)).expect("suspected");
        let all = suspects::list(w, judged(fourth, Stream::Conversations), None, 9).expect("suspects");
        assert!(all[0].empty && all[0].proven, "{all:?}");
    });
}

/// Stores a first night: conversations c and d, with their messages.
fn first_night(w: &mut Writer) {
    let first = begin(w);
    land(w, first, CONVERSATIONS, &["c", "d"], Verdict::Continuous);
    land(w, first, messages("c"), &["m1", "m2", "m3", "m4"], Verdict::Continuous);
    land(w, first, messages("d"), &["n1", "n2"], Verdict::Continuous);
    end(w, first);
}

#[test]
fn a_list_that_was_not_asked_for_concludes_nothing() {
    with_mirror(|w| {
        first_night(w);
        let second = begin(w);
        assert_eq!(land_settled(w, second, &["c", "d"], "same").skipped, 2);
        assert_eq!(suspects::mark(w, judged(second, Stream::Messages)).expect("judged"), 0);
        assert_eq!(suspects::list(w, judged(second, Stream::Messages), None, 9).expect("judged"), []);
    });
}

#[test]
fn a_walk_that_ended_where_the_list_is_known_concludes_nothing() {
    with_mirror(|w| {
        first_night(w);
        let second = begin(w);
        assert_eq!(land_settled(w, second, &["c", "d"], "new").skipped, 0);
        assert!(land_newest(w, second, "c", &["m1", "m2"]).closed.is_some());
        land(w, second, messages("d"), &["n1"], Verdict::Continuous);
        let all = w.transaction(|t| standing(t, LANE, Stream::Messages, second.since_run)).expect("standing");
        assert_eq!((all.walks, all.open, all.verdict()), (2, 0, Verdict::Continuous));
        // d was read to its end, and c was not.
        assert_eq!(suspects::mark(w, judged(second, Stream::Messages)).expect("judged"), 1);
        let left = suspects::list(w, judged(second, Stream::Messages), None, 9).expect("judged");
        assert_eq!(left.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["n2"]);
        end(w, second);

        // A list with a suspect is read to its end, changed or not. The other list is not asked for.
        let third = begin(w);
        assert_eq!(land_settled(w, third, &["c", "d"], "new").skipped, 1);
        let place = |c: &str| WalkKey { lane: LANE, stream: Stream::Messages, partition: c.into() };
        let d = w.transaction(|t| checkpoint::find(t, &place("d"))).expect("found").expect("a checkpoint");
        assert_eq!((d.since_run, d.known_since), (third.run, None));
        land(w, third, messages("d"), &["n1"], Verdict::Continuous);
        assert_eq!(suspects::mark(w, judged(third, Stream::Messages)).expect("judged"), 0, "none but n2, as before");
        let left = suspects::list(w, judged(third, Stream::Messages), None, 9).expect("judged");
        assert_eq!(left.iter().map(|s| (s.id.as_str(), s.suspect_run)).collect::<Vec<_>>(), [("n2", second.run)]);
        end(w, third);

        // A later walk that ends at known messages neither raises nor judges a suspicion.
        let fourth = begin(w);
        w.transaction(|t| t.execute("UPDATE record SET suspect_run = 1 WHERE id = 'm4'", [])).expect("a suspect");
        let mut landing = landing(w, fourth, CONVERSATIONS, &["c", "d"]);
        landing.advance.verdict = Some(Verdict::Continuous);
        records::land(w, &mut landing).expect("landed");
        assert!(land_newest(w, fourth, "c", &["m1", "m2"]).closed.is_some());
        assert_eq!(suspects::list(w, judged(fourth, Stream::Messages), None, 9).expect("judged"), []);
    });
}

#[test]
fn a_conversation_that_is_back_has_its_messages_read_to_the_end() {
    with_mirror(|w| {
        first_night(w);
        let second = begin(w);
        land_settled(w, second, &["d"], "same");
        suspects::mark(w, judged(second, Stream::Conversations)).expect("judged");
        bury_conversation(w, second, "c");
        let ids: Vec<String> = orphans_of(w, second).into_iter().map(|(id, _)| id).filter(|id| id != "m1").collect();
        // All but one of these messages are deleted, too, so the one that is left is no place to stop at.
        assert_eq!(make_tombstones(w, 9, Stream::Messages, None, &ids, i64::MAX).expect("buried"), 3);
        let all = w.transaction(|t| standing(t, LANE, Stream::Messages, second.since_run)).expect("standing");
        assert_eq!((all.walks, all.skipped, all.verdict()), (0, 1, Verdict::Continuous));
        end(w, second);

        let third = begin(w);
        assert_eq!(land_settled(w, third, &["c", "d"], "same").skipped, 1);
        let place = WalkKey { lane: LANE, stream: Stream::Messages, partition: "c".into() };
        let c = w.transaction(|t| checkpoint::find(t, &place)).expect("found").expect("a checkpoint");
        assert_eq!((c.since_run, c.known_since), (third.run, None));
        let landed = land(w, third, messages("c"), &["m1", "m2", "m3", "m4"], Verdict::Continuous);
        assert_eq!(landed.new, 3);
        end(w, third);
        let fourth = begin(w);
        assert_eq!(land_settled(w, fourth, &["c", "d"], "same").skipped, 2);
    });
}
