//! Finds out, from a server's answers, how a list is paged: which number the first page has, and whether a page
//! argument has any effect.
//!
//! A dialect that the server accepts may still be wrong. If the first page is 0 and a walk begins at 1, a page is
//! missing and no error reports it.

use crate::error::Result;
use crate::policy::{self, Action};
use crate::source::Source;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::{ColumnKind as Holds, DateForm, Stream};

/// The page size of a check: enough rows to distinguish two pages.
const SIZE: u32 = 2;
/// The page size for a list that changes meanwhile: enough rows that a few changes do not make one page look like
/// another.
const MANY: u32 = 20;
/// The most attempts for a question that the server may always refuse, and for a list that changes meanwhile.
const TRIES: u32 = 3;

/// What the first pages of a list showed about it.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The number of the first page (0 or 1). `None` if the list is not paged by number.
    pub page_from: Option<u32>,
    /// The form of the dates in the list's rows, or `None` if no row has shown a date.
    pub date: Option<DateForm>,
    /// The number of records in the list, as the server states it; `None` if it does not.
    pub total: Option<u64>,
    /// The ids of the rows. Conversations with a last message come first, because those certainly have messages.
    pub ids: Vec<String>,
    /// The number of rows that the server returned. 0 shows only that the server understands the question.
    pub rows: usize,
}

/// Asks for a few rows of a stream's list, to find out how it is paged. `parent` is the id of the record whose list
/// is asked for; `None` if the stream is one list. The source's dialect stays as it is, so other questions may be
/// asked meanwhile.
///
/// If a row cannot be read, only ids are asked for. If even the id of the first row cannot be read, the number of the
/// failing page shows where pages begin.
pub async fn list(source: &Source, stream: Stream, parent: Option<&str>) -> Result<Proof> {
    let mut outcome = list_by(source, stream, parent, Select::Whole).await;
    if outcome.as_ref().is_err_and(|error| policy::may_be_of_a_record(&error.kind)) {
        outcome = list_by(source, stream, parent, Select::Ids).await.or(outcome);
    }
    match outcome {
        Err(error) if policy::may_be_of_a_record(&error.kind) => by_failure(source, stream, parent).await?.ok_or(error),
        outcome => outcome,
    }
}

/// Asks once, without retries, for the list of the parent record `nobody`, which may not exist. `Ok` means that the
/// server understands the question. An error may only mean that there is no such record.
pub async fn is_understood(source: &Source, stream: Stream, nobody: &str) -> Result<()> {
    let answers = source.ask_all_briefly(vec![question(stream, Some(nobody), Start::Row(0))]).await;
    answers.into_iter().next().unwrap_or_else(|| Ok(Page::default())).map(drop)
}

/// Finds the first page's number although the first row cannot be read. With one row a page, the first page is the
/// one that fails while the next is answered. Returns `None` if the answers do not decide it.
async fn by_failure(source: &Source, stream: Stream, parent: Option<&str>) -> Result<Option<Proof>> {
    if !source.dialect().stream(stream)?.list.paging.is_numbered() {
        return Ok(None);
    }
    let one = |number| Question {
        size: 1,
        start: Start::Number(number),
        select: Select::Ids,
        ..question(stream, parent, Start::Row(0))
    };
    let mut pages = Vec::new();
    for number in 0..=2 {
        pages.push(patiently(source, one(number)).await?.filter(|page| !page.records.rows.is_empty()));
    }
    let page_from = match &pages[..] {
        [None, Some(_), _] => 0,
        [_, None, Some(_)] => 1,
        _ => return Ok(None),
    };
    let shown = pages.into_iter().flatten().next_back().unwrap_or_default();
    Ok(Some(Proof {
        page_from: Some(page_from),
        date: None,
        total: shown.total,
        ids: ids_busy_first(&shown),
        rows: shown.records.rows.len(),
    }))
}

async fn list_by(source: &Source, stream: Stream, parent: Option<&str>, select: Select) -> Result<Proof> {
    let question = |stream, parent, start| Question { select, ..question(stream, parent, start) };
    let (paging, believed) = {
        let dialect = source.dialect();
        let list = &dialect.stream(stream)?.list;
        (list.paging, list.page_from)
    };
    let mut page = source.ask(question(stream, parent, Start::Row(0))).await?;
    let mut page_from = None;
    if paging.is_numbered() {
        // The other page is the one before the page that the dialect states as the first. There is none before page
        // 0, so the page after it is asked for.
        let other = patiently(source, question(stream, parent, Start::Number(u32::from(believed == 0)))).await?;
        let (zero, one) = if believed == 0 { (Some(&page), other.as_ref()) } else { (other.as_ref(), Some(&page)) };
        let (zero, one) = (zero.map(ids).unwrap_or_default(), one.map(ids).unwrap_or_default());
        let first = match first_page(&zero, &one) {
            Some(first) => first,
            None => {
                first_page_of_moving_list(source, stream, parent).await?.unwrap_or_else(|| likely_first(&zero, &one))
            }
        };
        page_from = Some(first);
        if first != believed
            && let Some(other) = other
        {
            page = other;
        }
    }
    Ok(Proof {
        page_from,
        date: date_form(&page, stream),
        total: page.total,
        ids: ids_busy_first(&page),
        rows: page.records.rows.len(),
    })
}

/// Returns whether a list obeys its filter by the date of the last change. With the filter, the list must show no
/// record that changed after the year 2100, and some that changed after 1980. (1970 would not do, because a moment in
/// milliseconds that is read as seconds, or the other way round, would pass.) Returns `None` if the list may be
/// empty, or if the server gave no answer.
pub async fn since(source: &Source, stream: Stream) -> Result<Option<bool>> {
    const AHEAD: i64 = 4_102_444_800_000;
    const LONG_AGO: i64 = 315_532_800_000;
    let ask = |since| Question { size: 1, since, ..question(stream, None, Start::Row(0)) };
    let Some(all) = patiently(source, ask(None)).await? else { return Ok(None) };
    if all.records.rows.is_empty() {
        return Ok(None);
    }
    let mut shown = Vec::new();
    for moment in [AHEAD, LONG_AGO] {
        match patiently(source, ask(Some(moment))).await? {
            Some(page) => shown.push((page.records.rows.len() + usize::from(page.nameless > 0), page.total)),
            None => return Ok(None),
        }
    }
    let [ahead, (since, _)] = shown[..] else { return Ok(None) };
    Ok(Some(is_obeyed(ahead, since)))
}

/// Decides whether a filter is obeyed. `ahead` and `total` are the rows and the total of what changed after a future
/// moment; `since` is the number of rows that changed after a moment long ago.
fn is_obeyed((ahead, total): (usize, Option<u64>), since: usize) -> bool {
    ahead == 0 && total.unwrap_or(0) == 0 && since > 0
}

/// Describes what a second page showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondPage {
    /// The second page has other rows than the first.
    Differs,
    /// The second page has the rows of the first page again: the server ignores the argument.
    Same,
    /// The second page has no rows: the first page was the complete list, or all that can be asked for this way.
    Nothing,
}

/// Asks for the second page of a list, and compares it with `proof`, which the first page gave. `parent` is the id of
/// the record whose list is asked for; `None` if the stream is one list.
pub async fn second(source: &Source, stream: Stream, parent: Option<&str>, proof: &Proof) -> Result<SecondPage> {
    let paging = source.dialect().stream(stream)?.list.paging;
    if proof.rows < SIZE as usize || !paging.counts_rows() {
        return Ok(SecondPage::Nothing);
    }
    let page = source.ask(question(stream, parent, Start::Row(SIZE.into()))).await?;
    let (second, first) = (ids(&page), &proof.ids);
    Ok(if second.is_empty() {
        SecondPage::Nothing
    } else if second.iter().all(|id| first.iter().any(|known| known == id)) {
        SecondPage::Same
    } else {
        SecondPage::Differs
    })
}

impl Proof {
    /// Returns whether the server sent no more rows than were asked for.
    pub fn keeps_size(&self) -> bool {
        self.rows <= SIZE as usize
    }
}

/// Returns the number of the first page, from the ids on page 0 (`zero`) and page 1 (`one`), if these decide it. A
/// server that counts from 1 refuses page 0, shows nothing there, or treats it as page 1. If the pages differ, they
/// may be two pages, or one page that changed meanwhile, so the result is `None`.
fn first_page(zero: &[&str], one: &[&str]) -> Option<u32> {
    (zero.is_empty() || zero == one).then_some(1)
}

/// Returns the number of the first page, from the ids on two long pages, most of whose rows do not move. If page 0
/// (`zero`) is empty, or has at least half of the rows of page 1 (`one`), the first page is 1; otherwise it is 0.
fn likely_first(zero: &[&str], one: &[&str]) -> u32 {
    let again = one.iter().filter(|id| zero.contains(id)).count();
    u32::from(zero.is_empty() || (again > 0 && 2 * again >= one.len()))
}

/// Finds the first page's number of a list that changes meanwhile. Asks for the long pages 0, 1 and 0 in one request,
/// until both readings of page 0 agree, but at most [`TRIES`] times. Returns `None` if the server refuses.
async fn first_page_of_moving_list(source: &Source, stream: Stream, parent: Option<&str>) -> Result<Option<u32>> {
    let mut first = None;
    for _ in 0..TRIES {
        let asked = [0, 1, 0].map(|number| Question { size: MANY, ..question(stream, parent, Start::Number(number)) });
        let pages: Vec<Page> = match source.ask_all(asked.into()).await.into_iter().collect() {
            Ok(pages) => pages,
            Err(error) if policy::was_not_asked(&error.kind) => return Err(error),
            Err(_) => return Ok(None),
        };
        if let [zero, one, again] = &pages[..] {
            first = Some(likely_first(&ids(zero), &ids(one)));
            if ids(zero) == ids(again) {
                break;
            }
        }
    }
    Ok(first)
}

/// Returns the ids of a page. The conversations that have a `lastMessage` come first, because they have messages.
fn ids_busy_first(page: &Page) -> Vec<String> {
    let spoken_in = |row: &&crate::record::Record| {
        let record: Option<serde_json::Value> = serde_json::from_slice(page.records.payload(row)).ok();
        record.is_some_and(|r| r.get("lastMessage").is_some_and(|m| !m.is_null()))
    };
    let (first, then): (Vec<_>, Vec<_>) = page.records.rows.iter().partition(spoken_in);
    first.into_iter().chain(then).map(|r| r.id.to_string()).collect()
}

/// Asks a question that the server may refuse because it does not know its spelling. Returns `None` if the server
/// still refuses after [`TRIES`] attempts.
async fn patiently(source: &Source, question: Question) -> Result<Option<Page>> {
    for _ in 0..TRIES {
        let (generation, mut outcomes) = source.attempt(std::slice::from_ref(&question)).await;
        match outcomes.pop().transpose() {
            Ok(page) => return Ok(page),
            // A question that was never asked was not refused.
            Err(error) if policy::was_not_asked(&error.kind) => return Err(error),
            Err(error) => match policy::decide(&error.kind).action {
                Action::Renew | Action::RenewOnce => {
                    if let Some(generation) = generation {
                        source.token_was_refused(generation);
                    }
                }
                Action::Retry(_) | Action::Pause => {}
                Action::FailStream | Action::FailRun => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn question(stream: Stream, parent: Option<&str>, start: Start) -> Question {
    Question { stream, parent: parent.map(str::to_owned), size: SIZE, start, select: Select::Whole, since: None }
}

fn ids(page: &Page) -> Vec<&str> {
    page.records.rows.iter().map(|r| &*r.id).collect()
}

/// Returns the form of the first date on a page: that of a date column, or of a conversation's last message. Returns
/// `None` if the page shows no date.
fn date_form(page: &Page, stream: Stream) -> Option<DateForm> {
    let columns = stream.columns().iter().filter(|c| c.kind == Holds::Timestamp);
    page.records.rows.iter().find_map(|row| {
        let record: serde_json::Value = serde_json::from_slice(page.records.body.get(row.range.clone())?).ok()?;
        let of_column = columns.clone().find_map(|c| form_of(&record[c.name]));
        of_column.or_else(|| form_of(LAST_MESSAGE.iter().fold(&record, |inside, name| &inside[name])))
    })
}

/// The path to the date of a conversation's last message.
const LAST_MESSAGE: [&str; 2] = ["lastMessage", "createdAt"];

/// Returns the form of one date, or `None` if the value is not a date, such as null.
pub fn form_of(value: &serde_json::Value) -> Option<DateForm> {
    let number = match value {
        serde_json::Value::Number(n) => n.as_f64(),
        serde_json::Value::String(text) if !text.trim().is_empty() => match text.trim().parse::<f64>() {
            // `parse` accepts `NaN`, which shows no form.
            Ok(n) => Some(n).filter(|n| n.is_finite()),
            Err(_) => return Some(DateForm::Iso8601),
        },
        _ => None,
    };
    // 1e11 s is the year 5138; 1e11 ms is 1973.
    number.map(|n| if n.abs() >= 1e11 { DateForm::EpochMs } else { DateForm::EpochS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_page_is_the_one_before_which_there_is_nothing_new() {
        for (zero, one, first) in [
            (vec!["a"], vec![], None),
            (vec!["a", "b"], vec!["a", "b"], Some(1)),
            (vec![], vec!["a"], Some(1)),
            (vec![], vec![], Some(1)),
            (vec!["a", "b"], vec!["c", "d"], None),
            (vec!["new", "a"], vec!["a", "b"], None),
        ] {
            assert_eq!(first_page(&zero, &one), first, "{zero:?} {one:?}");
        }
    }

    #[test]
    fn where_the_list_moves_meanwhile_most_rows_tell() {
        let rows: Vec<String> = (0..60).map(|n| n.to_string()).collect();
        let page = |from: usize| rows[from..from + 20].iter().map(String::as_str).collect::<Vec<_>>();
        for moved in 0..9 {
            assert_eq!(likely_first(&page(9), &page(9 + moved)), 1, "counted from 1, {moved} rows in or out");
            assert_eq!(likely_first(&page(9 + moved), &page(9)), 1);
            assert_eq!(likely_first(&page(9), &page(29 - moved)), 0, "counted from 0, {moved} rows in or out");
            assert_eq!(likely_first(&page(9 - moved), &page(29)), 0);
        }
        assert_eq!((likely_first(&["a"], &[]), likely_first(&[], &["a"])), (0, 1));
        assert_eq!((likely_first(&["new", "a"], &["a", "b"]), likely_first(&["a", "b"], &["c", "d"])), (1, 0));
    }

    #[test]
    fn a_filter_is_obeyed_that_shows_nothing_of_what_is_to_come_and_something_of_what_was() {
        assert!(is_obeyed((0, None), 1) && is_obeyed((0, Some(0)), 1));
        for (ahead, since) in [((1, None), 1), ((0, Some(7)), 1), ((0, Some(0)), 0), ((1, Some(1)), 0)] {
            assert!(!is_obeyed(ahead, since), "{ahead:?} {since}");
        }
    }

    #[test]
    fn dates_show_their_form() {
        assert_eq!(form_of(&json!("2024-03-05T08:09:10.123Z")), Some(DateForm::Iso8601));
        assert_eq!(form_of(&json!(1_709_626_150_123_i64)), Some(DateForm::EpochMs));
        assert_eq!(form_of(&json!("1709626150123")), Some(DateForm::EpochMs));
        assert_eq!(form_of(&json!(1_709_626_150)), Some(DateForm::EpochS));
        for nothing in [json!(null), json!(""), json!(" "), json!("NaN"), json!("-inf"), json!("1e400")] {
            assert_eq!(form_of(&nothing), None, "{nothing}");
        }
    }
}
