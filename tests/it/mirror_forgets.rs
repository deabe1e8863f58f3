//! Data that is deleted, changed, or dropped after its delivery can no longer be read in the bytes of the mirror.

use serde_json::json;

use crate::support::Work;
use crate::support::edited::ids;
use crate::support::qpien::{Account, Qpien, job};

/// Returns a name that occurs nowhere else. Lengths vary, so that each page holds cells of all sizes and some cells
/// need pages of their own.
fn name(n: usize) -> String {
    let long = if n.is_multiple_of(97) { 9000 } else { n % 311 };
    format!("Person-{n:05}-{}", "y".repeat(long))
}

fn account() -> Account {
    let mut account = Account::new(3000, 3, 3);
    for (n, row) in account.lists.get_mut("getContactList").expect("contacts").iter_mut().enumerate() {
        row["firstName"] = json!(name(n));
    }
    account
}

/// Returns the numbers of the persons whose names can be found in the mirror's file.
#[track_caller]
fn readable(work: &Work) -> Vec<usize> {
    let log = std::fs::metadata(work.path("state/qpien.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the log is folded in");
    let bytes = std::fs::read(work.path("state/qpien.db")).expect("the mirror");
    let found = memchr::memmem::find_iter(&bytes, b"Person-").filter_map(|at| {
        let number = bytes.get(at + 7..at + 12)?;
        std::str::from_utf8(number).ok()?.parse().ok()
    });
    let mut all: Vec<usize> = found.collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn a_person_who_is_deleted_or_renamed_is_in_no_byte_of_the_mirror() {
    let (server, work) = (Qpien::start(account(), |_, _| None), job("backfill", "page_size = 100"));
    server.run(&work).expect(0);
    assert_eq!(readable(&work).len(), 3000);
    let stays = |n: usize| n % 7 != 3 && n % 11 != 5 && !(1000..1200).contains(&n);
    {
        let mut account = server.account();
        let contacts = account.lists.get_mut("getContactList").expect("contacts");
        for (n, row) in contacts.iter_mut().enumerate().filter(|(n, _)| n % 11 == 5) {
            row["firstName"] = json!(format!("{n} is somebody else"));
        }
        let mut n = 0..;
        contacts.retain(|_| n.next().is_some_and(|n: usize| n % 11 == 5 || stays(n)));
    }
    for _ in 0..3 {
        let run = work.call(&["run", "job.toml", "--endpoint", server.endpoint(), "--allow-deletes"]);
        assert!(run.code == 0, "{run:?}");
    }
    assert_eq!(ids(&work, "out", "contacts"), server.account().ids("contacts"));
    let expected: Vec<usize> = (0..3000).filter(|n| stays(*n)).collect();
    let found = readable(&work);
    let surplus: Vec<&usize> = found.iter().filter(|n| !stays(**n)).collect();
    assert!(surplus.is_empty(), "still readable: {surplus:?}");
    assert_eq!(found, expected);
}

#[test]
fn a_payload_that_is_dropped_once_it_is_delivered_is_in_no_byte_of_the_mirror() {
    let work = Work::with_job(
        "name = \"test\"\nmode = \"incremental\"\n[mirror]\nretain = \"until-delivered\"\n[source]\nclient_id = \"c\"\n\
         client_secret = \"s\"\nrequests_per_minute = 0\npage_size = 100\n\
         [[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n",
    );
    let server = Qpien::start(account(), |_, _| None);
    server.run(&work).expect(0);
    assert!(std::fs::read_dir(work.path("feed")).expect("a folder").count() > 1, "something was delivered");
    assert_eq!(readable(&work), Vec::<usize>::new());
}
