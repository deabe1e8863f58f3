//! Prints the checklist: as text, each line as soon as it is made, or as one JSON object at the end and nothing else.

use serde::Serialize;

use super::line::{CheckLine, Status};
use crate::cli::CheckFormat;
use crate::config::settings::Settings;
use crate::policy::Exit;
use crate::quantity::counted;
use crate::report::terminal::word;
use crate::{logging, say};

/// The checklist, while its lines are being added.
pub struct Checklist {
    format: CheckFormat,
    lines: Vec<CheckLine>,
}

#[derive(Serialize)]
struct Report<'l> {
    job: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'l str>,
    exit: Exit,
    requests: u64,
    checks: &'l [CheckLine],
}

impl Checklist {
    /// Begins a list without lines, to be printed in this format.
    pub fn new(format: CheckFormat) -> Checklist {
        Checklist { format, lines: Vec::new() }
    }

    /// Adds a line. In text format, prints it at once.
    pub fn add(&mut self, line: CheckLine) {
        if self.format == CheckFormat::Text {
            say!("{}", text(&line));
        }
        self.lines.push(line);
    }

    /// Prints the end of the list: in text format, the number of requests and the exit code; in JSON format, the
    /// whole report. Returns the exit code, and explains it on standard error if it is not 0.
    pub fn end(self, settings: &Settings, requests: u64) -> Exit {
        let exit = Exit::first(self.lines.iter().filter_map(|line| line.exit));
        match self.format {
            CheckFormat::Text => {
                say!("\n{} made; exit code {} ({})", counted(requests, "request"), exit.code(), word(exit));
            }
            CheckFormat::Json => {
                let (job, account) = (&settings.name, settings.account.as_deref());
                let report = Report { job, account, exit, requests, checks: &self.lines };
                // One of many accounts is a single line. The object holds only strings and numbers, so serializing it
                // cannot fail.
                let pretty = if account.is_some() { serde_json::to_string } else { serde_json::to_string_pretty };
                say!("{}", pretty(&report).unwrap_or_default());
            }
        }
        if let Some(line) = self.lines.iter().find(|line| line.exit == Some(exit) && exit != Exit::Complete) {
            let account = settings.account.as_ref().map(|name| format!("account {name}: ")).unwrap_or_default();
            logging::failed(&format!("{account}{}: {}", line.name, line.detail), &line.hint);
        }
        exit
    }
}

fn text(line: &CheckLine) -> String {
    let status = match line.status {
        Status::Ok => "ok  ",
        Status::Note => "note",
        Status::Fail => "FAIL",
    };
    format!("{status}  {}: {}\n      hint: {}", line.name, line.detail, line.hint)
}
