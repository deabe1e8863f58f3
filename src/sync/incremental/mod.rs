//! Saves a nightly run from asking for what has not changed. [`skip`] collects what is needed to skip conversations
//! that are unchanged, and [`without_sign`] says what those cost that never look unchanged. [`audit`] measures what
//! skipping misses, and has it read after all. [`early_stop`] lets a walk read only the newest end of a list, and
//! [`changed_since`] asks only for what has changed.

pub mod audit;
pub mod changed_since;
pub mod early_stop;
pub mod skip;
pub mod without_sign;
