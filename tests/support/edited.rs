//! Jobs that are edited between two runs. They send one question a request, so that `--max-requests` can cut them
//! anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::qpien::{Account, Field, Qpien, page};
use super::{Outcome, Work};

/// Returns a job of this name that sends one question a request; `source` is added under `[source]`.
pub fn job(name: &str, mode: &str, source: &str) -> String {
    format!(
        "name = \"{name}\"\nmode = \"{mode}\"\n[source]\nclient_id = \"c\"\nclient_secret = \"s\"\nrequests_per_minute = 0\n\
         retry_for = \"20s\"\npage_size = 10\naliases_per_request = 1\nin_flight = 1\naudit = 0\n{source}\n\
         [[destination]]\nkind = \"csv\"\npath = \"{name}\"\n"
    )
}

/// Returns the rows of a file, by id; each maps column names to cells.
pub fn rows(work: &Work, out: &str, stream: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let bytes = std::fs::read(work.path(&format!("{out}/{stream}.csv"))).unwrap_or_else(|e| panic!("{stream}: {e}"));
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let header = reader.headers().expect("a header").clone();
    let row = |row: csv::StringRecord| header.iter().zip(&row).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    reader.records().map(|r| r.expect("a row")).map(|r| (r[0].to_owned(), row(r))).collect()
}

pub fn ids(work: &Work, out: &str, stream: &str) -> BTreeSet<String> {
    rows(work, out, stream).into_keys().collect()
}

/// Starts a server whose conversations have one of two statuses and can be asked for by status.
pub fn server() -> Qpien {
    let mut account = Account::new(60, 40, 13);
    let conversations = account.lists.get_mut("getConversationList").expect("the list");
    for (n, row) in conversations.iter_mut().enumerate() {
        row["status"] = json!(if n % 2 == 0 { "OPEN" } else { "SOLVED" });
    }
    Qpien::start(account, |account: &Account, field: &Field| {
        let status = field.arguments.get("status")?;
        let rows = account.lists.get(&field.operation)?;
        let of: Vec<Value> = rows.iter().filter(|row| row["status"] == status.as_str()).cloned().collect();
        Some(Ok(page(field, &of)))
    })
}

pub fn write(work: &Work, file: &str, text: &str) {
    std::fs::write(work.path(file), text).expect("the job file");
}

pub fn run(server: &Qpien, work: &Work, file: &str, more: &[&str]) -> Outcome {
    work.call(&[&["run", file, "--endpoint", server.endpoint()], more].concat())
}

/// Replaces the key of a job by the sandbox's.
pub fn with_sandbox_key(text: &str) -> String {
    text.replace("\"c\"", "\"sandbox-client\"").replace("\"s\"", "\"sandbox-secret\"")
}
