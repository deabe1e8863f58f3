//! Reports of a run: the report as a value ([`run_report`], with [`audit_report`] in it), the summary for people
//! ([`terminal`]), and the progress display while the run goes on ([`live`]).

pub mod audit_report;
pub mod live;
pub mod run_report;
pub mod terminal;
