//! What a run says of itself: [`run_report`] is the value, with [`audit_report`] in it, [`terminal`] the summary people read in a mail, [`live`] the
//! screen while it runs.

pub mod audit_report;
pub mod live;
pub mod run_report;
pub mod terminal;
