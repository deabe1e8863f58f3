//! Serves lists of changes: the records that were created, edited or moved at or after a given time.
//!
//! Time here is the time of the simulated nights, not the machine's. A list of changes shows only those records, in
//! the order of the complete list.

use crate::sandbox::account::cursor;
use crate::sandbox::account::list::{List, ListedRecord};
use crate::sandbox::changes::account_lists::AccountLists;
use crate::sandbox::graphql::execute::ServedPage;
use crate::sandbox::graphql::question::{PageRequest, PageStart};

impl AccountLists {
    /// Returns a page of the records of a list that changed at or after `moment`, in milliseconds since 1970. The
    /// page has at most `limit` rows.
    pub(in crate::sandbox) fn changed_since(
        &self,
        list: List,
        moment: u64,
        paging: &PageRequest,
        limit: u64,
    ) -> ServedPage {
        let changed = |row: &ListedRecord| {
            let number = row.entry.number;
            let stamped = self.stamped.get(&(row.list, number)).copied();
            stamped.unwrap_or_else(|| self.world.created(row.list, number)) >= moment
        };
        let rows: Vec<ListedRecord> = self.rows(list, 0..u64::MAX).into_iter().filter(changed).collect();
        let total = rows.len() as u64;
        let start = match &paging.place {
            PageStart::Page(number) => number.saturating_mul(limit),
            PageStart::Offset(rows) => *rows,
            PageStart::After(text) => cursor::read(text).map_or(0, |(stood, id)| {
                let number = self.world.stream_ids(list.stream()).number(&id);
                let at = rows.iter().position(|row| Some(row.entry.number) == number);
                at.map_or(stood, |at| at as u64 + 1)
            }),
        };
        let from = usize::try_from(start).unwrap_or(usize::MAX);
        let rows: Vec<ListedRecord> =
            rows.into_iter().skip(from).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        let more = start.saturating_add(limit) < total;
        ServedPage { rows, total: Some(total), more, start, limit, counts_from: paging.page_from }
    }
}
