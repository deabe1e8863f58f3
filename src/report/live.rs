//! Shows the progress of a run. On a terminal there is one line for each stream and one for the request budget. If
//! the output is no terminal, or if several accounts run side by side, it prints a plain line every 30 s.
//!
//! The remaining time is computed from the remaining pages and the request limit, because the estimate of a usual
//! progress bar knows nothing of request limits.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::clock::human;
use crate::logging;
use crate::progress::{Counters, Progress, get};
use crate::quantity::counted;
use crate::source::Source;
use crate::streams::Stream;
use crate::sync::estimate;

/// What the progress display needs to know about a run.
#[derive(Clone)]
pub struct Live {
    /// The name of the account. `None` if the job has only one.
    pub account: Option<String>,
    /// Whether other accounts run at the same time. If so, the display prints lines of text, not bars.
    pub beside_others: bool,
    /// The streams of the job.
    pub streams: Vec<Stream>,
    /// The counters of the streams, which the run updates.
    pub progress: Arc<Progress>,
    /// The source, which knows the state of the request budget and the token.
    pub source: Arc<Source>,
    /// The requests allowed a minute; 0 means no limit.
    pub per_minute: u32,
    /// The number of rows that the run asks for in a page.
    pub page_size: u32,
    /// Whether lists are read a second time, so that the estimate counts these pages too.
    pub double_collect: bool,
}

const PLAIN: Duration = Duration::from_secs(30);
/// The time, in seconds since the start, after which the observed pace predicts better than the request limit.
const SETTLED: f64 = 120.0;
const REFRESH: Duration = Duration::from_millis(250);

/// The progress display of a run. It disappears when it is dropped.
pub struct Screen {
    task: tokio::task::JoinHandle<()>,
    bars: Vec<ProgressBar>,
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.task.abort();
        for bar in &self.bars {
            bar.finish_and_clear();
        }
    }
}

/// Starts the progress display. With `quiet`, shows nothing.
pub fn show(live: Live, quiet: bool) -> Screen {
    if quiet {
        return Screen { task: tokio::spawn(async {}), bars: Vec::new() };
    }
    if live.beside_others || !std::io::stderr().is_terminal() {
        let task = tokio::spawn(async move {
            let start = Instant::now();
            loop {
                tokio::time::sleep(PLAIN).await;
                logging::progress(live.account.as_deref(), &live.plain(start));
            }
        });
        return Screen { task, bars: Vec::new() };
    }
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bars: Vec<ProgressBar> = (0..=live.streams.len())
        .map(|_| logging::bars().add(ProgressBar::new_spinner().with_style(style.clone())))
        .collect();
    let shown = bars.clone();
    let task = tokio::spawn(async move {
        let start = Instant::now();
        loop {
            for (stream, bar) in live.streams.iter().zip(&shown) {
                bar.set_message(live.stream_line(*stream, start));
            }
            if let Some(bar) = shown.last() {
                bar.set_message(live.budget_line(start));
            }
            tokio::time::sleep(REFRESH).await;
        }
    });
    Screen { task, bars }
}

impl Live {
    fn stream_line(&self, stream: Stream, start: Instant) -> String {
        let c = self.progress.of(stream);
        let seen = get(&c.seen);
        let state = if c.finished.load(Ordering::Relaxed) { "done" } else { "" };
        let lists = match stream.definition().parent {
            Some(_) => format!("  {}", lists(c)),
            None => String::new(),
        };
        let total = match get(&c.total) {
            0 => String::new(),
            total => format!(" of {total}"),
        };
        let rate = seen as f64 / start.elapsed().as_secs_f64().max(0.001);
        format!(
            "{:<17} {:>7} pages {seen:>9}{total} records  {rate:>6.0}/s{lists}  {state}",
            stream.name(),
            get(&c.windows)
        )
    }

    fn budget_line(&self, start: Instant) -> String {
        let stats = self.source.budget.stats();
        let left = stats.remaining.map(|n| format!("{n} left, ")).unwrap_or_default();
        let token = self.source.token_age().map(|a| format!(", token {} old", human(a))).unwrap_or_default();
        // During a wait its end decides when the run goes on, so the wait is shown in place of the estimate.
        let then = match self.source.waits().now() {
            Some(waiting) => format!(", {waiting}"),
            None => match self.left(start) {
                Some((requests, takes)) => format!(", about {requests:.0} and {} to go", human(takes)),
                None => String::new(),
            },
        };
        format!("budget: {left}{}{token}{then}", counted(stats.requests, "request"))
    }

    fn plain(&self, start: Instant) -> String {
        let parts: Vec<String> = self
            .streams
            .iter()
            .map(|s| {
                let c = self.progress.of(*s);
                match s.definition().parent {
                    Some(_) => format!("{s} {} ({})", get(&c.seen), lists(c)),
                    None => format!("{s} {}/{}", get(&c.seen), get(&c.total)),
                }
            })
            .collect();
        format!("{}: {}; {}", human(start.elapsed()), parts.join(", "), self.budget_line(start))
    }

    /// Estimates the number of remaining requests, and the time that they take. Returns `None` until the size of the
    /// account is known.
    ///
    /// The estimate of the time uses the request limit for the first 120 s, and then the observed pace. Without a
    /// limit, it always uses the observed pace.
    fn left(&self, start: Instant) -> Option<(f64, Duration)> {
        let source = &self.source;
        let requests = estimate::left(source, &self.progress, &self.streams, self.page_size, self.double_collect)?;
        let elapsed = start.elapsed().as_secs_f64();
        let observed = self.source.budget.stats().requests as f64 / elapsed.max(1.0);
        let allowed = f64::from(self.per_minute) / 60.0;
        let rate = if self.per_minute == 0 || elapsed > SETTLED { observed } else { allowed };
        let takes = Duration::try_from_secs_f64(requests / rate).ok()?;
        Some((requests, takes))
    }
}

/// Returns the progress over a stream's lists as text, for example `12/40 lists, 960 unchanged`.
fn lists(c: &Counters) -> String {
    let unchanged = match get(&c.skipped) {
        0 => String::new(),
        skipped => format!(", {skipped} unchanged"),
    };
    format!("{}/{} lists{unchanged}", get(&c.closed), get(&c.walks))
}
