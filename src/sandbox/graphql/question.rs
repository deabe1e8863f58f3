//! Finds out which question a root field asks with its arguments, whatever names the schema gives the arguments, and
//! whether they are flat or inside input objects.

use serde_json::{Map, Value};

use crate::sandbox::graphql::directives::Ignored;
use crate::sandbox::graphql::root_fields::{FieldPurpose, PageAsked};
use crate::sandbox::graphql::synonyms;
use crate::sandbox::graphql::synonyms::fold;
use crate::streams::Stream;

/// A question that a client asks, with the arguments that matter for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxQuestion {
    /// Asks for a token with a client id and a client secret.
    Token {
        /// The client id that was given; empty if none was.
        client_id: String,
        /// The client secret that was given; empty if none was.
        client_secret: String,
    },
    /// Asks for a page of a stream's list.
    Page(Stream, PageRequest),
    /// Asks for a page of the messages of the conversation with this id.
    Messages(String, PageRequest),
    /// Asks for the record of a stream with this id.
    One(Stream, String),
    /// Asks about the schema: `__schema`, `__type` or `__typename`.
    Meta,
    /// Asks for a field whose purpose the sandbox does not know. The answer is null.
    Unknown,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PageStart {
    /// At the beginning of the page with this number, counted from 0.
    Page(u64),
    /// After this many rows.
    Offset(u64),
    /// After the row of this cursor.
    After(String),
}

/// Which page of a list a question asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Where the page begins.
    pub place: PageStart,
    /// The number of rows asked for, before the server's own limit is applied. `None` asks for all rows at once.
    pub limit: Option<u64>,
    /// The number that the API gives to the first page, such as 0 or 1.
    pub page_from: u64,
    /// Limits the list to records changed at or after this time, in milliseconds since 1970. `None` asks for all
    /// records.
    pub since: Option<u64>,
    /// `true` if the payload has a member that can report a failure, such as `success`.
    pub tells: bool,
}

/// The number of rows in a page if the request names no size.
const DEFAULT_LIMIT: u64 = 20;

impl PageRequest {
    fn of(asked: PageAsked, arguments: &Map<String, Value>) -> PageRequest {
        let number = |words: &[&str]| find(arguments, words, &Value::as_u64);
        let ignored = |what| asked.ignores == Some(what);
        let cursor = || {
            let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            find(arguments, synonyms::CURSOR, &text).map(PageStart::After)
        };
        let offset = || number(synonyms::OFFSET).map(PageStart::Offset);
        let first = PageStart::Page(0);
        let place = if ignored(Ignored::Page) {
            first
        } else {
            let page = number(synonyms::PAGE).map(|n| PageStart::Page(n.saturating_sub(asked.page_from)));
            page.or_else(cursor).or_else(offset).unwrap_or(first)
        };
        let size = number(synonyms::SIZE).filter(|n| *n > 0 && !ignored(Ignored::Size));
        let limit = size.unwrap_or(DEFAULT_LIMIT).min(asked.largest.unwrap_or(u64::MAX));
        let since = find(arguments, synonyms::SINCE, &moment).filter(|_| !ignored(Ignored::Since));
        PageRequest {
            place,
            limit: asked.paged.then_some(limit),
            page_from: asked.page_from,
            since,
            tells: asked.tells,
        }
    }
}

impl SandboxQuestion {
    /// Returns the question that a root field of this purpose asks with these arguments.
    pub fn of(asked: FieldPurpose, arguments: &Map<String, Value>) -> SandboxQuestion {
        let given = |words: &[&str]| find(arguments, words, &text);
        match asked {
            FieldPurpose::Token => SandboxQuestion::Token {
                client_id: given(synonyms::CLIENT_ID).unwrap_or_default(),
                client_secret: given(synonyms::CLIENT_SECRET).unwrap_or_default(),
            },
            FieldPurpose::Page(page) => {
                let paging = PageRequest::of(page, arguments);
                match given(synonyms::CONVERSATION).filter(|_| page.stream == Stream::Messages) {
                    Some(conversation) => SandboxQuestion::Messages(conversation, paging),
                    None => SandboxQuestion::Page(page.stream, paging),
                }
            }
            FieldPurpose::One(stream) => {
                let anything = || arguments.values().find_map(text);
                SandboxQuestion::One(stream, given(synonyms::ID).or_else(anything).unwrap_or_default())
            }
            FieldPurpose::Unknown => SandboxQuestion::Unknown,
        }
    }

    /// Returns the stream whose records are asked for, or `None` if the question is not about records.
    pub fn stream(&self) -> Option<Stream> {
        match self {
            SandboxQuestion::Page(stream, _) | SandboxQuestion::One(stream, _) => Some(*stream),
            SandboxQuestion::Messages(..) => Some(Stream::Messages),
            SandboxQuestion::Token { .. } | SandboxQuestion::Meta | SandboxQuestion::Unknown => None,
        }
    }

    /// Returns the scope that the question needs, or `None` if it needs none.
    pub fn scope(&self) -> Option<&'static str> {
        self.stream().map(|stream| stream.definition().scope)
    }

    /// Returns `true` if the question needs a valid token.
    pub fn needs_token(&self) -> bool {
        !matches!(self, SandboxQuestion::Token { .. } | SandboxQuestion::Meta)
    }

    /// Returns `true` if the question asks for a page of rows.
    pub fn is_list(&self) -> bool {
        matches!(self, SandboxQuestion::Page(..) | SandboxQuestion::Messages(..))
    }
}

/// Returns the first argument with one of the names `words` whose value `read` accepts, as read. Searches the fields
/// of input objects last.
fn find<T>(arguments: &Map<String, Value>, words: &[&str], read: &dyn Fn(&Value) -> Option<T>) -> Option<T> {
    let own = words.iter().find_map(|word| {
        let mut named = arguments.iter().filter(|(name, _)| fold(name) == **word);
        named.find_map(|(_, value)| read(value))
    });
    own.or_else(|| {
        let mut inner = arguments.values().filter_map(Value::as_object);
        inner.find_map(|object| find(object, words, read))
    })
}

/// Reads a timestamp, a number or a string, as milliseconds since 1970.
fn moment(value: &Value) -> Option<u64> {
    let text = |text| crate::clock::parsed(text).and_then(|moment| u64::try_from(moment).ok());
    value.as_u64().or_else(|| value.as_str().and_then(text))
}

/// Reads a string, or a number as a string. From an object (such as `{ eq: "..." }`), reads its first such value.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) => object.values().find_map(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(stream: Stream) -> PageAsked {
        PageAsked { stream, page_from: 1, largest: None, ignores: None, paged: true, tells: false }
    }

    fn of(asked: PageAsked, arguments: &Value) -> SandboxQuestion {
        SandboxQuestion::of(FieldPurpose::Page(asked), arguments.as_object().unwrap())
    }

    fn paging(place: PageStart, limit: u64) -> PageRequest {
        PageRequest { place, limit: Some(limit), page_from: 1, since: None, tells: false }
    }

    #[test]
    fn dialects_ask_the_same_questions() {
        for arguments in [
            json!({"page": 3, "limit": 50}),
            json!({"input": {"page_number": 3, "perPage": 50}}),
            json!({"filter": {"paging": {"pageIndex": 3, "take": 50}}, "p": null}),
        ] {
            let expected = SandboxQuestion::Page(Stream::Contacts, paging(PageStart::Page(2), 50));
            assert_eq!(of(page(Stream::Contacts), &arguments), expected, "{arguments}");
        }
        for (arguments, place) in [
            (json!({"skip": 7, "take": 20}), PageStart::Offset(7)),
            (json!({"after": "x"}), PageStart::After("x".into())),
            (json!({"after": "", "first": 0}), PageStart::Page(0)),
            (json!({"page": 0}), PageStart::Page(0)),
            (json!({"from": "2024-01-01"}), PageStart::Page(0)),
        ] {
            let expected = SandboxQuestion::Page(Stream::Contacts, paging(place, 20));
            assert_eq!(of(page(Stream::Contacts), &arguments), expected, "{arguments}");
        }
    }

    #[test]
    fn messages_are_those_of_a_conversation_or_all() {
        let asked = page(Stream::Messages);
        let first = || paging(PageStart::Page(0), 20);
        for arguments in [
            json!({"conversationId": "c"}),
            json!({"input": {"chat_id": "c"}}),
            json!({"filter": {"conversation": {"eq": "c"}}}),
        ] {
            assert_eq!(of(asked, &arguments), SandboxQuestion::Messages("c".into(), first()), "{arguments}");
        }
        assert_eq!(of(asked, &json!({"conversation": null})), SandboxQuestion::Page(Stream::Messages, first()));
    }

    #[test]
    fn a_server_clamps_ignores_and_counts_as_it_was_told_to() {
        let asked = PageAsked { largest: Some(30), page_from: 0, ..page(Stream::Contacts) };
        let question = |asked| of(asked, &json!({"page": 2, "limit": 50}));
        let expected = |place, limit| {
            SandboxQuestion::Page(Stream::Contacts, PageRequest { page_from: 0, ..paging(place, limit) })
        };
        assert_eq!(question(asked), expected(PageStart::Page(2), 30));
        let ignores = |what| PageAsked { ignores: Some(what), ..asked };
        assert_eq!(question(ignores(Ignored::Page)), expected(PageStart::Page(0), 30));
        assert_eq!(question(ignores(Ignored::Size)), expected(PageStart::Page(2), 20));
        let dated = |asked| of(asked, &json!({"updatedAfter": "2025-02-01T00:00:00Z"}));
        let since = |question| if let SandboxQuestion::Page(_, paging) = question { paging.since } else { None };
        assert_eq!(since(dated(asked)), Some(1_738_368_000_000));
        assert_eq!(since(dated(ignores(Ignored::Since))), None);
        let SandboxQuestion::Page(_, all) = question(PageAsked { paged: false, ..asked }) else { panic!("a page") };
        assert_eq!(all.limit, None);
    }

    #[test]
    fn a_record_is_asked_for_by_any_id() {
        for arguments in [json!({"_id": "a"}), json!({"where": {"contactId": "a"}}), json!({"slug": "a"})] {
            let question = SandboxQuestion::of(FieldPurpose::One(Stream::Contacts), arguments.as_object().unwrap());
            assert_eq!(question, SandboxQuestion::One(Stream::Contacts, "a".into()), "{arguments}");
        }
    }

    #[test]
    fn scopes_are_the_documented_ones() {
        assert_eq!(of(page(Stream::Messages), &json!({})).scope(), Some("read_messages"));
        assert_eq!(of(page(Stream::Channels), &json!({})).scope(), Some("read_channels"));
        let arguments = json!({"input": {"client_id": "a", "clientSecret": "b"}});
        let token = SandboxQuestion::of(FieldPurpose::Token, arguments.as_object().unwrap());
        let (client_id, client_secret) = ("a".to_owned(), "b".to_owned());
        assert_eq!(token, SandboxQuestion::Token { client_id, client_secret });
        assert!(!token.needs_token() && !SandboxQuestion::Meta.needs_token() && SandboxQuestion::Unknown.needs_token());
    }
}
