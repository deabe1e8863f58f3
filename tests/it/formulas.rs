//! With `formula_safe`, no cell is left that a spreadsheet would run as a formula, whatever precedes its sign. No
//! other cell changes.

use crate::support::Work;
use crate::support::foreign::{Answer, Foreign, Server};

/// Texts that a spreadsheet runs after it drops the characters it ignores.
const RUN: [&str; 19] = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\u{0}=1+1",
    "\u{1}\u{1f}=1+1",
    "\n=1+1",
    "\r\n\t=1+1",
    "  =1+1",
    "\u{feff}=1+1",
    "\u{200b}\u{200d}=1+1",
    "\u{a0}\u{3000}=1+1",
    "\u{2800}\u{3164}=1+1",
    "\u{202e}=1+1",
    "\u{85}\u{9f}=1+1",
    "\u{fffe}=1+1",
    "＝1+1",
    "\u{feff} －1",
    "﹫SUM(1)",
];

/// Texts that no spreadsheet runs.
const KEPT: [&str; 7] = ["a=1+1", "  text", "\u{200b}text", "'=1+1", "山田＝", "(-1)", "\"=1+1\""];

#[test]
fn no_cell_is_left_that_a_spreadsheet_would_run() {
    let foreign = Foreign::default();
    // The server sends the names of contacts 1000, 1001, ... as `text 1000`, `text 1001`, ...; the texts under test
    // replace them.
    let server = Server::start(move |asked| {
        let answer = foreign.answer(asked);
        let mut body = String::from_utf8(answer.body).expect("UTF-8");
        for (n, name) in RUN.iter().chain(&KEPT).enumerate() {
            let name = serde_json::to_string(name).expect("JSON");
            body = body.replace(&format!("\"text {}\"", 1000 + n), &name);
        }
        Answer { body: body.into_bytes(), ..answer }
    });
    let work = Work::with_job(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\nrequests_per_minute = 0\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\nformula_safe = true\n",
    );
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    let bytes = work.csv("contacts");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let column = reader.headers().expect("a header").iter().position(|name| name == "firstName").expect("a column");
    let names: Vec<String> = reader.records().map(|row| row.expect("a row")[column].to_owned()).collect();
    assert_eq!(names.len(), 53);
    for (name, found) in RUN.iter().zip(&names) {
        assert_eq!(found, &format!("'{name}"), "guarded, and otherwise as it was sent");
    }
    for (name, found) in KEPT.iter().zip(&names[RUN.len()..]) {
        assert_eq!(found, name, "as it was sent");
    }
    work.call(&["verify", "job.toml"]).expect(0);
}
