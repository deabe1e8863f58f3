//! `_op` in a change feed is told from the view of the destination that receives it. A destination that was off for
//! some nights may hold a record that was deleted and has come back since, and lacks records that were added since.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::fed::Fed;
use crate::support::qpien::{Account, Qpien};
use crate::support::{Outcome, Work};

const CONTACTS: &str = "getContactList";

struct Feeds {
    server: Qpien,
    work: Work,
}

impl Feeds {
    fn new() -> Feeds {
        Feeds { server: Qpien::start(Account::new(30, 0, 0), |_, _| None), work: Work::with_job("") }
    }

    /// Runs a night that feeds these destinations.
    fn night(&self, places: &[&str]) -> Outcome {
        let mut job = "name = \"j\"\nmode = \"backfill\"\nstreams = [\"contacts\"]\n[source]\nclient_id = \"c\"\n\
                       client_secret = \"s\"\nrequests_per_minute = 0\n[mirror]\nmax_deletes = \"100%\"\n"
            .to_owned();
        for place in places {
            job.extend(["[[destination]]\nkind = \"jsonl\"\ncontent = \"changes\"\npath = \"", *place, "\"\n"]);
        }
        std::fs::write(self.work.path("job.toml"), job).expect("the job");
        self.server.run(&self.work).expect(0)
    }

    fn put(&self, id: &str, name: &str) {
        self.remove(id);
        let row = json!({"_id": id, "firstName": name, "owner": "o"});
        self.server.account().lists.get_mut(CONTACTS).expect("contacts").push(row);
    }

    fn remove(&self, id: &str) {
        self.server.account().lists.get_mut(CONTACTS).expect("contacts").retain(|row| row["_id"] != id);
    }

    /// Returns the `_op` of each row in a destination's last file.
    fn last(&self, place: &str) -> BTreeMap<String, String> {
        Fed::read(&self.work.path(place), "contacts");
        let folder = self.work.path(place).join("contacts");
        let mut files: Vec<_> = std::fs::read_dir(folder).expect("files").flatten().map(|f| f.path()).collect();
        files.sort();
        let text = std::fs::read_to_string(files.last().expect("a file")).expect("text");
        let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        rows.map(|row| (text(&row["_id"]), text(&row["_op"]))).collect()
    }
}

fn ops(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(id, op)| ((*id).to_owned(), (*op).to_owned())).collect()
}

#[test]
fn a_place_that_was_off_is_told_of_each_record_as_it_knows_it() {
    let feeds = Feeds::new();
    let both = ["always", "sometimes"];
    feeds.put("goes and comes", "1");
    feeds.put("changes", "1");
    feeds.put("goes", "1");
    feeds.night(&both);
    let first = feeds.last("sometimes");
    assert!(first.len() == 33 && first.values().all(|op| op == "insert"), "{first:?}");

    feeds.remove("goes and comes");
    feeds.remove("goes");
    feeds.put("changes", "2");
    feeds.put("comes", "1");
    feeds.put("comes and goes and comes", "1");
    feeds.night(&both[..1]);
    let gone = [("goes and comes", "delete"), ("goes", "delete"), ("changes", "update")];
    assert_eq!(
        feeds.last("always"),
        ops(&[&gone[..], &[("comes", "insert"), ("comes and goes and comes", "insert")]].concat())
    );

    feeds.put("goes and comes", "2");
    feeds.put("comes", "2");
    feeds.remove("comes and goes and comes");
    feeds.night(&both[..1]);
    assert_eq!(
        feeds.last("always"),
        ops(&[("goes and comes", "insert"), ("comes", "update"), ("comes and goes and comes", "delete")])
    );

    feeds.put("goes and comes", "3");
    feeds.put("comes and goes and comes", "2");
    feeds.night(&both);
    assert_eq!(feeds.last("always"), ops(&[("goes and comes", "update"), ("comes and goes and comes", "insert")]));
    assert_eq!(
        feeds.last("sometimes"),
        ops(&[
            ("goes", "delete"),
            ("changes", "update"),
            ("comes", "insert"),
            ("goes and comes", "update"),
            ("comes and goes and comes", "insert"),
        ])
    );
}
