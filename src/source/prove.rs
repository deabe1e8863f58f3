//! What a server's answers show of how a list is paged. A dialect that is accepted is not yet right: where the first page
//! is 0 and 1 is asked for, a page is missing and nothing says so.

use super::Source;
use super::dialect::{Dialect, Paging};
use super::page::Page;
use super::query::{Question, Start};
use crate::error::{Error, Kind, Result};
use crate::policy::{self, Action};
use crate::streams::{DateForm, Kind as Holds, Stream};

/// Rows a page in a proof: enough to tell two pages apart.
const SIZE: u32 = 2;
/// How often a question is asked that the server may refuse for good.
const TRIES: u32 = 3;

/// What the answers showed.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The number of the first page.
    pub page_from: Option<u32>,
    /// Offsets count rows.
    pub offset: Option<bool>,
    /// The form of dates.
    pub date: Option<DateForm>,
    /// How many records there are, as the server says.
    pub total: Option<u64>,
    /// An id of this stream.
    pub id: Option<String>,
    /// Rows came.
    pub rows: usize,
}

/// Asks the list of a stream for as little as settles how it is paged.
pub async fn list(source: &Source, stream: Stream, parent: Option<&str>) -> Result<Proof> {
    let paging = source.dialect().stream(stream)?.list.paging;
    let page = source.ask(question(stream, parent, 0)).await?;
    let mut proof = Proof {
        date: date_form(&page, stream),
        total: page.total,
        id: page.records.rows.first().map(|r| r.id.to_string()),
        rows: page.records.rows.len(),
        ..Proof::default()
    };
    match paging {
        Paging::Page => proof.page_from = Some(page_from(source, stream, parent, &page).await?),
        Paging::Offset if page.records.rows.len() == SIZE as usize => {
            let second = source.ask(question(stream, parent, 1)).await?;
            let (first, second) = (ids(&page), ids(&second));
            proof.offset = Some(first != second && (second.is_empty() || second.iter().any(|id| first.contains(id))));
        }
        Paging::Offset | Paging::Cursor | Paging::None => {}
    }
    if proof.id.is_none() && proof.page_from == Some(0) {
        // Page 0 is the only one with rows.
        let page = source.ask(question(stream, parent, 0)).await;
        if let Ok(page) = page {
            proof.date = proof.date.or_else(|| date_form(&page, stream));
            proof.id = page.records.rows.first().map(|r| r.id.to_string());
            proof.rows = page.records.rows.len();
        }
    }
    Ok(proof)
}

/// 0 or 1. `one` is the page that the dialect calls the first. Leaves the source speaking what was found.
async fn page_from(source: &Source, stream: Stream, parent: Option<&str>, first: &Page) -> Result<u32> {
    let dialect = source.dialect();
    let believed = dialect.stream(stream)?.list.page_from;
    // The page before the one that is believed to be the first; for 0 there is none, and the page behind it is asked.
    let other = u32::from(believed == 0);
    source.speak(from(&dialect, stream, other)?);
    let asked = patiently(source, question(stream, parent, 0)).await?;
    let (zero, one) = match (&asked, believed) {
        (Some(page), 0) => (ids(first), Some(ids(page))),
        (Some(page), _) => (ids(page), Some(ids(first))),
        (None, 0) => (ids(first), None),
        (None, _) => (Vec::new(), Some(ids(first))),
    };
    let same = one.as_ref().is_some_and(|one| one.iter().any(|id| zero.contains(id)));
    let found = u32::from(zero.is_empty() || same);
    source.speak(from(&dialect, stream, found)?);
    Ok(found)
}

fn from(dialect: &Dialect, stream: Stream, page_from: u32) -> Result<Dialect> {
    let mut dialect = dialect.clone();
    let part = dialect.streams.get_mut(stream.name());
    part.ok_or_else(|| Error::new(Kind::Internal, format!("no dialect of {stream}")))?.list.page_from = page_from;
    Ok(dialect)
}

/// The answer to a question that may be no question here: a refusal that stays is none.
async fn patiently(source: &Source, question: Question) -> Result<Option<Page>> {
    for _ in 0..TRIES {
        let (generation, _, mut outcomes) = source.attempt(std::slice::from_ref(&question)).await;
        match outcomes.pop().transpose() {
            Ok(page) => return Ok(page),
            // Not asked is not refused.
            Err(error) if error.kind == Kind::Spent => return Err(error),
            Err(error) => match policy::decide(&error.kind).action {
                Action::Renew | Action::RenewOnce => {
                    if let Some(generation) = generation {
                        source.tokens.refused(generation);
                    }
                }
                Action::Retry(_) | Action::Pause => {}
                Action::FailStream | Action::FailRun => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn question(stream: Stream, parent: Option<&str>, row: u64) -> Question {
    Question { stream, parent: parent.map(str::to_owned), size: SIZE, start: Start::Row(row) }
}

fn ids(page: &Page) -> Vec<&str> {
    page.records.rows.iter().map(|r| &*r.id).collect()
}

/// How the first date in a page is written.
fn date_form(page: &Page, stream: Stream) -> Option<DateForm> {
    let columns = stream.columns().iter().filter(|c| c.kind == Holds::Timestamp);
    page.records.rows.iter().find_map(|row| {
        let record: serde_json::Value = serde_json::from_slice(page.records.body.get(row.range.clone())?).ok()?;
        columns.clone().find_map(|c| form_of(&record[c.name]))
    })
}

/// The form of one date; none for null.
pub fn form_of(value: &serde_json::Value) -> Option<DateForm> {
    let number = match value {
        serde_json::Value::Number(n) => n.as_f64(),
        serde_json::Value::String(text) if !text.is_empty() => match text.trim().parse::<f64>() {
            Ok(n) => Some(n),
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
    fn dates_show_their_form() {
        assert_eq!(form_of(&json!("2024-03-05T08:09:10.123Z")), Some(DateForm::Iso8601));
        assert_eq!(form_of(&json!(1_709_626_150_123_i64)), Some(DateForm::EpochMs));
        assert_eq!(form_of(&json!("1709626150123")), Some(DateForm::EpochMs));
        assert_eq!(form_of(&json!(1_709_626_150)), Some(DateForm::EpochS));
        assert_eq!(form_of(&json!(null)), None);
    }
}
