//! Asks for single records by their ids, and reports for each whether it exists, is gone, or the answer does not show
//! it. The dialect records how the server answers for a missing record; that was learnt by asking for an id that does
//! not exist. Any other answer shows nothing.

use serde_json::{Value, json};

use crate::dialect::{NotFound, SingleRecordDialect};
use crate::error::Result;
use crate::source::Source;
use crate::source::document::Documents;
use crate::source::query;
use crate::source::server::{Reply, Server as _};
use crate::streams::Stream;

/// An id that no record has.
pub const MISSING_ID: &str = "000000000000000000000000";

/// Describes what an answer showed about a record that was asked for by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordLookup {
    /// The record exists.
    There,
    /// The record is gone.
    Gone,
    /// The answer shows neither.
    Unknown,
}

/// Describes what the server answered for one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Record,
    Nothing(NotFound),
    Odd,
}

/// Asks for records by their ids, all in one request, and returns one result for each id, in their order. All results
/// are [`RecordLookup::Unknown`] if the dialect has no query for single records, or does not record how the server
/// answers for a missing one.
pub async fn look_up(source: &Source, stream: Stream, ids: &[String]) -> Result<Vec<RecordLookup>> {
    let dialect = source.dialect();
    let one = dialect.stream(stream)?.one.clone();
    let Some((one, not_found)) = one.and_then(|one| one.not_found.map(|n| (one, n))) else {
        return Ok(vec![RecordLookup::Unknown; ids.len()]);
    };
    let found = |answered: Answered| match answered {
        Answered::Record => RecordLookup::There,
        Answered::Nothing(how) if how == not_found => RecordLookup::Gone,
        Answered::Nothing(_) | Answered::Odd => RecordLookup::Unknown,
    };
    Ok(ask(source, stream, &one, ids).await?.into_iter().map(found).collect())
}

/// Learns how the server answers for a missing record: asks for a record that exists (its id is `there`), then for an
/// id that no record has. Returns `None` if the answers do not distinguish the two.
pub async fn not_found(
    source: &Source,
    stream: Stream,
    one: &SingleRecordDialect,
    there: &str,
) -> Result<Option<NotFound>> {
    if ask(source, stream, one, &[there.to_owned()]).await? != [Answered::Record] {
        return Ok(None);
    }
    match ask(source, stream, one, &[MISSING_ID.to_owned()]).await?[..] {
        [Answered::Nothing(how)] => Ok(Some(how)),
        _ => Ok(None),
    }
}

async fn ask(source: &Source, stream: Stream, one: &SingleRecordDialect, ids: &[String]) -> Result<Vec<Answered>> {
    let dialect = source.dialect();
    let id_field = dialect.stream(stream)?.id_field(&dialect.id).to_owned();
    let names: Vec<String> = ids.iter().map(|_| source.response_name(&one.operation)).collect();
    let reply = Documents::new(source, true).ask(&query::one_document(&id_field, one, ids, &names), json!({})).await?;
    Ok(ids.iter().zip(&names).map(|(id, name)| answered(&reply, name, &dialect.id, one, id)).collect())
}

fn answered(reply: &Reply, name: &str, id_field: &str, one: &SingleRecordDialect, id: &str) -> Answered {
    let answer = &reply.data[name];
    let record = one.item.split('.').filter(|part| !part.is_empty()).fold(answer, |value, part| &value[part]);
    if !record.is_null() {
        let own = match &record[id_field] {
            Value::String(text) => text == id,
            Value::Number(number) => number.to_string() == id,
            _ => false,
        };
        return if own { Answered::Record } else { Answered::Odd };
    }
    if reply.errors.iter().any(|said| said.path.first().is_some_and(|at| at == name)) {
        return Answered::Nothing(NotFound::Error);
    }
    if !reply.errors.is_empty() {
        return Answered::Odd;
    }
    if !one.success.is_empty() && answer[&one.success] == Value::Bool(false) {
        return Answered::Nothing(NotFound::SuccessFalse);
    }
    // An answer that lacks the name shows nothing.
    if reply.data.get(name).is_some() { Answered::Nothing(NotFound::Null) } else { Answered::Odd }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_shown_to_mean_it_is_not_there() {
        let one = SingleRecordDialect {
            operation: "getContact".into(),
            id: "_id".into(),
            item: "data".into(),
            success: "success".into(),
            not_found: None,
        };
        let read = |text: &str| {
            let reply = Reply::read(text).expect("JSON");
            answered(&reply, "r0", "_id", &one, "a")
        };
        for (text, expected) in [
            (r#"{"data":{"r0":{"success":true,"data":{"_id":"a"}}}}"#, Answered::Record),
            (r#"{"data":{"r0":{"success":true,"data":{"_id":"b"}}}}"#, Answered::Odd),
            (r#"{"data":{"r0":{"success":true,"data":null}}}"#, Answered::Nothing(NotFound::Null)),
            (r#"{"data":{"r0":null}}"#, Answered::Nothing(NotFound::Null)),
            (r#"{"data":{"r0":{"success":false,"data":null}}}"#, Answered::Nothing(NotFound::SuccessFalse)),
            (r#"{"data":{"r0":null},"errors":[{"message":"x","path":["r0"]}]}"#, Answered::Nothing(NotFound::Error)),
            (r#"{"data":{"r0":null},"errors":[{"message":"x","path":["r1"]}]}"#, Answered::Odd),
            (r#"{"data":null,"errors":[{"message":"x"}]}"#, Answered::Odd),
            (r#"{"data":{}}"#, Answered::Odd),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
