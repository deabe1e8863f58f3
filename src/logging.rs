//! Writes log lines to standard error, and the program's output to standard output. No log contains a secret, a token
//! or a message body. Libraries do not promise that, so only this program's own log lines can be made verbose.
//!
//! Everything that is printed passes a filter. Even if a line quotes a server or a file, no character in it steers a
//! terminal, turns the direction of writing or is invisible ([`crate::error::is_plain`]), and a log line stays one
//! line.
//!
//! While progress bars are on the screen, lines are printed above them.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::MultiProgress;
use tracing::field::display;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::{BELOW, Error, Kind, Result, escape, is_plain};

/// The environment variable that sets how much this program logs: error, warn, info, debug, trace.
pub const VARIABLE: &str = "QPIEN_LOG";

/// The format of log lines: text for people, JSON for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object a line.
    Json,
}

static BARS: OnceLock<MultiProgress> = OnceLock::new();
static FORMAT: OnceLock<LogFormat> = OnceLock::new();
/// The error that kept standard output from being written completely.
static CUT: OnceLock<String> = OnceLock::new();
/// Whether log lines are coloured.
static COLOR: AtomicBool = AtomicBool::new(false);

/// Returns the progress bars of the screen. Log lines are printed above them.
pub fn bars() -> &'static MultiProgress {
    BARS.get_or_init(MultiProgress::new)
}

/// Prints why a command failed, and what the operator should do next (`hint`). In text format that is two lines, in
/// JSON one object.
pub fn failed(detail: &str, hint: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => tracing::error!(hint, "{detail}"),
        _ => drop(writeln!(std::io::stderr(), "error: {}\n hint: {}", listed(detail), escape(hint))),
    }
}

/// Prints the error with which a command ended, as [`failed`] does. What caused it stands in the JSON object as
/// `cause`, and in text format in a line of its own with `-v`.
pub fn failed_with(error: &Error, hint: &str) {
    let cause = error.source().map(display);
    if let Some(LogFormat::Json) = FORMAT.get() {
        tracing::error!(hint, cause, "{}", error.detail);
    } else {
        tracing::debug!(cause, "the command failed");
        failed(&error.detail, hint);
    }
}

/// Returns `detail` with its line breaks escaped, except those before the lines that [`crate::error::Error::above`]
/// added.
fn listed(detail: &str) -> String {
    detail.split(BELOW).map(escape).collect::<Vec<_>>().join(BELOW)
}

/// Returns the tracing span for one account of a run over several accounts. Every line that is logged in the span
/// names the account, at every level and with `--quiet`, too.
pub fn of_account(account: &str) -> tracing::Span {
    tracing::error_span!("run", %account)
}

/// Prints the progress of a run as a line, if no progress bars are shown. With JSON logs the line is an object.
/// `account` is the account that the line is about, or `None` if it is about no particular one.
pub fn progress(account: Option<&str>, line: &str) {
    let text = match (FORMAT.get(), account) {
        (Some(LogFormat::Json), _) => {
            let mut object = serde_json::json!({ "timestamp": crate::clock::now(), "level": "INFO", "message": line });
            if let Some(account) = account {
                object["span"] = serde_json::json!({ "account": account, "name": "run" });
            }
            object.to_string()
        }
        (_, Some(account)) => format!("{} run{{account={account}}}: {line}", crate::clock::now()),
        (_, None) => format!("{} {line}", crate::clock::now()),
    };
    let _ = writeln!(std::io::stderr(), "{}", guarded(&text, |_| false));
}

/// Returns `text` with a JSON escape for every character that is neither plain nor accepted by `let_through`. Inside
/// a JSON object, such an escape means the same character.
fn guarded(text: &str, let_through: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(|c| is_plain(c) || let_through(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) || let_through(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(out)
}

/// Formats a line as `println!` does, and prints it to standard output through the filter of `logging::print`.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::logging::print(&format!("{}\n", format_args!($($text)*))) };
}

/// Prints text to standard output. A closed pipe is not an error, because its reader wanted no more. Any other
/// failure is remembered, and [`printed`] reports it.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let text = guarded(text, |c| matches!(c, '\n' | '\t'));
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => drop(CUT.set(e.to_string())),
        _ => {}
    }
}

/// Returns an error if some text that this process printed could not be written. A reader would otherwise take the
/// incomplete output for the complete one.
pub fn printed() -> Result<()> {
    match CUT.get() {
        None => Ok(()),
        Some(why) => {
            Err(Error::new(Kind::OutputCut, format!("standard output could not be written to its end: {why}")))
        }
    }
}

/// Starts logging in this format. `quiet` allows only errors. `verbose` is the number of `-v` flags. With neither,
/// the variable [`VARIABLE`] sets the level, or else it is warnings.
pub fn start(format: LogFormat, quiet: bool, verbose: u8) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => from_environment().unwrap_or(LevelFilter::WARN),
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target("qpien_sync", level).with_default(LevelFilter::ERROR);
    let color = std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(Above).with_target(false).with_ansi(color);
    let _ = FORMAT.set(format);
    COLOR.store(color && format == LogFormat::Text, Ordering::Relaxed);
    let registry = tracing_subscriber::registry().with(ours);
    // If logging was already started (by a test in the same process), the first start stays.
    let _ = match format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
    };
}

fn from_environment() -> Option<LevelFilter> {
    std::env::var(VARIABLE).ok()?.parse().ok()
}

/// Writes each log line to standard error, above the progress bars.
struct Above;

impl<'w> MakeWriter<'w> for Above {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        Line(Vec::new())
    }
}

struct Line(Vec<u8>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        // The formatter writes colours as escape sequences, and itself escapes those in a value.
        let colors = COLOR.load(Ordering::Relaxed);
        let line = guarded(text.strip_suffix('\n').unwrap_or(&text), |c| colors && c == '\u{1b}');
        let write = || {
            let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
        };
        match BARS.get() {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}
