//! What a server's answers show of how a list is paged. A dialect that is accepted is not yet right: where the first page
//! is 0 and 1 is asked for, a page is missing and nothing says so.

use crate::dialect::Paging;
use crate::error::Result;
use crate::policy::{self, Action};
use crate::source::Source;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::{DateForm, Kind as Holds, Stream};

/// Rows a page in a proof: enough to tell two pages apart.
const SIZE: u32 = 2;
/// Rows a page where the list moves: enough that a few changes do not make one page look like another.
const MANY: u32 = 20;
/// How often a question is asked that the server may refuse for good.
const TRIES: u32 = 3;

/// What the answers showed.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The number of the first page.
    pub page_from: Option<u32>,
    /// The form of dates.
    pub date: Option<DateForm>,
    /// How many records there are, as the server says.
    pub total: Option<u64>,
    /// Ids of this stream, those first that something is said to belong to (conversations with a last message).
    pub ids: Vec<String>,
    /// Rows that came. Without any, nothing was shown but that the question is understood.
    pub rows: usize,
}

/// Asks the list of a stream for as little as settles how it is paged. What is spoken is not changed by it, so that
/// others may ask meanwhile. Where one of the rows cannot be read, ids alone settle it, and where the first row cannot be
/// read at all, the number of the page that fails.
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

/// Whether the list of a record that nobody has is understood: asked for once, without patience, for a server may well answer
/// with an error that it has no such record.
pub async fn is_understood(source: &Source, stream: Stream, nobody: &str) -> Result<()> {
    let answers = source.ask_all_briefly(vec![question(stream, Some(nobody), Start::Row(0))]).await;
    answers.into_iter().next().unwrap_or_else(|| Ok(Page::default())).map(drop)
}

/// Where the first row fails whatever is asked of it: pages of one row are counted from the number that fails while the
/// next one is answered. Returns `None` where that settles nothing.
async fn by_failure(source: &Source, stream: Stream, parent: Option<&str>) -> Result<Option<Proof>> {
    if source.dialect().stream(stream)?.list.paging != Paging::Page {
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
        ids: likely(&shown),
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
    if paging == Paging::Page {
        // The page before the one that is believed to be the first; for 0 there is none, and the page behind it is asked.
        let other = patiently(source, question(stream, parent, Start::Number(u32::from(believed == 0)))).await?;
        let (zero, one) = if believed == 0 { (Some(&page), other.as_ref()) } else { (other.as_ref(), Some(&page)) };
        let (zero, one) = (zero.map(ids).unwrap_or_default(), one.map(ids).unwrap_or_default());
        let first = match first_page(&zero, &one) {
            Some(first) => first,
            None => counted_from(source, stream, parent).await?.unwrap_or_else(|| likely_first(&zero, &one)),
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
        ids: likely(&page),
        rows: page.records.rows.len(),
    })
}

/// Whether a list obeys its filter by the last change: of what changed in the year 2100 there is nothing, of what changed
/// since 1980 something. (Not since 1970: a moment in milliseconds that is read as seconds, or the other way round, would
/// pass.) None where the list may be empty, or nobody answered.
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

/// From the rows and the total of what changed in a time to come, and the rows of what changed since long ago.
fn is_obeyed((ahead, total): (usize, Option<u64>), since: usize) -> bool {
    ahead == 0 && total.unwrap_or(0) == 0 && since > 0
}

/// What a second page showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// Other rows.
    Differs,
    /// The rows of the first page again: the argument is ignored.
    Same,
    /// Nothing: the first page was all there is, or is all that can be asked for so.
    Nothing,
}

/// Asks for the second page of a list whose first one was `proof`'s.
pub async fn second(source: &Source, stream: Stream, parent: Option<&str>, proof: &Proof) -> Result<Second> {
    let paging = source.dialect().stream(stream)?.list.paging;
    if proof.rows < SIZE as usize || !matches!(paging, Paging::Page | Paging::Offset) {
        return Ok(Second::Nothing);
    }
    let page = source.ask(question(stream, parent, Start::Row(SIZE.into()))).await?;
    let (second, first) = (ids(&page), &proof.ids);
    Ok(if second.is_empty() {
        Second::Nothing
    } else if second.iter().all(|id| first.iter().any(|known| known == id)) {
        Second::Same
    } else {
        Second::Differs
    })
}

impl Proof {
    /// Whether no more rows came than were asked for.
    pub fn keeps_size(&self) -> bool {
        self.rows <= SIZE as usize
    }
}

/// The number of the first page, from what page 0 and page 1 showed one after the other. Whoever counts from 1 refuses 0,
/// has nothing there, or takes it for 1. Pages that differ are two pages, or one that changed meanwhile: none.
fn first_page(zero: &[&str], one: &[&str]) -> Option<u32> {
    (zero.is_empty() || zero == one).then_some(1)
}

/// The same of pages so long that most of their rows stay: the same page shows most of them again.
fn likely_first(zero: &[&str], one: &[&str]) -> u32 {
    let again = one.iter().filter(|id| zero.contains(id)).count();
    u32::from(zero.is_empty() || (again > 0 && 2 * again >= one.len()))
}

/// Asks for the pages 0, 1 and 0 together, long ones, until page 0 reads the same before and after, or often enough; none
/// where that is not answered.
async fn counted_from(source: &Source, stream: Stream, parent: Option<&str>) -> Result<Option<u32>> {
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

/// The ids of a page, those of rows with something in `lastMessage` first: a conversation that has one has messages.
fn likely(page: &Page) -> Vec<String> {
    let spoken_in = |row: &&crate::record::Record| {
        let record: Option<serde_json::Value> = serde_json::from_slice(page.records.payload(row)).ok();
        record.is_some_and(|r| r.get("lastMessage").is_some_and(|m| !m.is_null()))
    };
    let (first, then): (Vec<_>, Vec<_>) = page.records.rows.iter().partition(spoken_in);
    first.into_iter().chain(then).map(|r| r.id.to_string()).collect()
}

/// The answer to a question that may be no question here: a refusal that stays is none.
async fn patiently(source: &Source, question: Question) -> Result<Option<Page>> {
    for _ in 0..TRIES {
        let (generation, mut outcomes) = source.attempt(std::slice::from_ref(&question)).await;
        match outcomes.pop().transpose() {
            Ok(page) => return Ok(page),
            // Not asked is not refused.
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

/// How the first date in a page is written: of a column, or in the last message that a conversation tells.
fn date_form(page: &Page, stream: Stream) -> Option<DateForm> {
    let columns = stream.columns().iter().filter(|c| c.kind == Holds::Timestamp);
    page.records.rows.iter().find_map(|row| {
        let record: serde_json::Value = serde_json::from_slice(page.records.body.get(row.range.clone())?).ok()?;
        let of_column = columns.clone().find_map(|c| form_of(&record[c.name]));
        of_column.or_else(|| form_of(LAST_MESSAGE.iter().fold(&record, |inside, name| &inside[name])))
    })
}

/// Where a conversation tells when its last message was made.
const LAST_MESSAGE: [&str; 2] = ["lastMessage", "createdAt"];

/// The form of one date; none for null.
pub fn form_of(value: &serde_json::Value) -> Option<DateForm> {
    let number = match value {
        serde_json::Value::Number(n) => n.as_f64(),
        serde_json::Value::String(text) if !text.trim().is_empty() => match text.trim().parse::<f64>() {
            // `NaN` shows no form, though it is parsed.
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
