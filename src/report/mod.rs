//! What a run reports: the report as a value ([`run_report`], with [`audit_report`] in it), the summary that people
//! read in a mail ([`terminal`]), and the screen while the run goes on ([`live`]).

pub mod audit_report;
pub mod live;
pub mod run_report;
pub mod terminal;
