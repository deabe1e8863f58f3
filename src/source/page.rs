//! One page as the source hands it on.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::record::Records;
use crate::set_aside::SetAside;

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its rows. A row of no bytes was set aside.
    pub records: Records,
    /// What was set aside on it.
    pub set_aside: Vec<SetAside>,
    /// How many rows have no id that can be read.
    pub nameless: u32,
    /// Where those stood in the answer, counted from 0, ascending.
    pub gaps: Vec<usize>,
    /// How many rows the list has, as the server says.
    pub total: Option<u64>,
    /// Whether another page follows, as the server says.
    pub has_next: Option<bool>,
    /// The cursor of each row; empty where rows have none.
    pub cursors: Vec<Box<str>>,
    /// The cursor of the next page, where the answer names one.
    pub next_cursor: Option<String>,
    /// Its share of the bytes in flight, given back when the page is dropped.
    pub hold: Option<Arc<OwnedSemaphorePermit>>,
}
