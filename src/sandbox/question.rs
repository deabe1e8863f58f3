//! What a root field asks for, whatever the dialect calls it.

use serde_json::{Map, Value};

use crate::streams::Stream;

/// A question, with the arguments that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A token for a client id and a secret.
    Token {
        /// The id.
        client_id: String,
        /// The secret.
        client_secret: String,
    },
    /// A page of contacts, persons or conversations.
    Page(Stream, Paging),
    /// A page of the messages of a conversation.
    Messages(String, Paging),
    /// One record by its id.
    One(Stream, String),
    /// The connected channels.
    Channels,
    /// `__schema`, `__type` or `__typename`.
    Meta,
    /// A field the schema has and the sandbox knows nothing about: answered with null.
    Unknown,
}

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// From 1.
    pub page: u64,
    /// Rows, before the server's own limit.
    pub limit: u64,
}

/// How many rows a page has when nobody says.
const DEFAULT_LIMIT: u64 = 20;

impl Paging {
    /// Everything at once: what a list without arguments answers.
    pub const ALL: Paging = Paging {
        page: 1,
        limit: u64::MAX,
    };
}

impl Question {
    /// The question of a root field; `paged` says that the field has arguments at all.
    pub fn of(field: &str, arguments: &Map<String, Value>, paged: bool) -> Question {
        let text = |names: &[&str]| find(arguments, names).map(as_text).unwrap_or_default();
        let paging = || {
            if !paged {
                return Paging::ALL;
            }
            Paging {
                page: number(arguments, &["page", "pageNumber"]).unwrap_or(1),
                limit: number(arguments, &["limit", "pageSize", "perPage"]).unwrap_or(DEFAULT_LIMIT),
            }
        };
        let id = || text(&["_id", "id"]);
        match field
            .strip_prefix("external")
            .unwrap_or(field)
            .to_ascii_lowercase()
            .as_str()
        {
            "generateoauthtoken" => Question::Token {
                client_id: text(&["clientId"]),
                client_secret: text(&["clientSecret"]),
            },
            "getcontactlist" => Question::Page(Stream::Contacts, paging()),
            "getcustomerpersonlist" => Question::Page(Stream::CustomerPersons, paging()),
            "getconversationlist" => Question::Page(Stream::Conversations, paging()),
            "getmessages" | "getmessagelist" => Question::Messages(text(&["conversationId", "conversation"]), paging()),
            "getcontact" => Question::One(Stream::Contacts, id()),
            "getcustomerperson" => Question::One(Stream::CustomerPersons, id()),
            "getconversation" => Question::One(Stream::Conversations, id()),
            "getallconnectedplatformlist" => Question::Channels,
            name if name.starts_with("__") => Question::Meta,
            _ => Question::Unknown,
        }
    }

    /// The scope that asking needs.
    pub fn scope(&self) -> Option<&'static str> {
        match self {
            Question::Page(stream, _) | Question::One(stream, _) => Some(stream.definition().scope),
            Question::Messages(..) => Some(Stream::Messages.definition().scope),
            Question::Channels => Some("read_channels"),
            Question::Token { .. } | Question::Meta | Question::Unknown => None,
        }
    }

    /// True when asking needs a valid token.
    pub fn needs_token(&self) -> bool {
        !matches!(self, Question::Token { .. } | Question::Meta)
    }

    /// True when rows are asked for page by page.
    pub fn is_list(&self) -> bool {
        matches!(self, Question::Page(..) | Question::Messages(..))
    }
}

/// An argument by any of its names, on its own or inside an input object.
fn find<'a>(arguments: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| arguments.get(*name)).or_else(|| {
        let mut inner = arguments.values().filter_map(Value::as_object);
        inner.find_map(|object| find(object, names))
    })
}

fn number(arguments: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    find(arguments, names)?.as_u64().filter(|n| *n > 0)
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(field: &str, arguments: Value) -> Question {
        let Value::Object(arguments) = arguments else {
            panic!("an object")
        };
        Question::of(field, &arguments, true)
    }

    #[test]
    fn dialects_ask_the_same_questions() {
        let page = Question::Page(Stream::Contacts, Paging { page: 3, limit: 50 });
        assert_eq!(of("getContactList", json!({"page": 3, "limit": 50})), page);
        assert_eq!(
            of("externalGetContactList", json!({"input": {"page": 3, "limit": 50}})),
            page
        );
        let messages = Question::Messages("c".into(), Paging { page: 1, limit: 20 });
        assert_eq!(of("getMessages", json!({"conversationId": "c"})), messages);
        assert_eq!(
            of(
                "externalGetMessageList",
                json!({"conversation": "c", "page": null, "limit": 0})
            ),
            messages
        );
        assert_eq!(of("getNothing", json!({})), Question::Unknown);
        let all = Question::of("getCustomerPersonList", &Map::new(), false);
        assert_eq!(all, Question::Page(Stream::CustomerPersons, Paging::ALL));
    }

    #[test]
    fn scopes_are_the_documented_ones() {
        assert_eq!(of("getMessages", json!({})).scope(), Some("read_messages"));
        assert_eq!(of("getCustomerPerson", json!({})).scope(), Some("read_customerPersons"));
        assert!(!of("generateOAuthToken", json!({})).needs_token());
        assert!(!of("__schema", json!({})).needs_token());
    }
}
