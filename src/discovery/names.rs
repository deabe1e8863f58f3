//! How servers call things: the pools from which names are recognised and guessed, most likely first. What is
//! documented or seen of this API stands first in each; the rest are the usual words of GraphQL servers.

use crate::streams::Stream;

/// What an argument of a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The number of a page.
    Page,
    /// Rows a page.
    Size,
    /// Rows to leave out.
    Offset,
    /// An opaque place to go on from.
    Cursor,
    /// The conversation whose messages are asked for.
    Parent,
}

/// Arguments by role. A name stands in one pool only.
pub const ARGUMENTS: [(Role, &[&str]); 5] = [
    (Role::Page, &["page", "pageNumber", "pageNo", "pageIndex", "currentPage", "pageNum"]),
    (
        Role::Size,
        &["limit", "perPage", "pageSize", "size", "first", "take", "count", "itemsPerPage", "rows", "maxResults"],
    ),
    (Role::Offset, &["skip", "offset", "start", "startIndex", "from"]),
    (Role::Cursor, &["after", "cursor", "nextToken", "pageToken", "startAfter", "afterCursor"]),
    (
        Role::Parent,
        &["conversationId", "conversation", "conversationID", "conversationUid", "chatId", "threadId", "ticketId"],
    ),
];

/// Arguments that leave only records changed since a moment; in an object of its own (`updatedAt: { gte }`) the two names
/// are read as one. Never those of when a record was made.
pub const SINCE: &[&str] = &[
    "updatedAfter",
    "updatedSince",
    "modifiedAfter",
    "modifiedSince",
    "changedAfter",
    "changedSince",
    "updatedFrom",
    "modifiedFrom",
    "changedFrom",
    "updatedAtAfter",
    "updatedAtSince",
    "updatedAtFrom",
    "updatedAtGte",
    "updatedAtMin",
    "updatedAtStart",
    "lastUpdatedAfter",
    "lastUpdatedSince",
    "lastModifiedAfter",
    "lastModifiedSince",
    "modifiedAtGte",
    "modifiedAtAfter",
];

/// Objects that hold arguments.
pub const INPUTS: &[&str] = &[
    "input",
    "filter",
    "pagination",
    "paging",
    "params",
    "options",
    "where",
    "query",
    "data",
    "request",
    "args",
    "pageInfo",
];

/// Envelope members that say that it went well.
pub const SUCCESS: &[&str] = &["success", "ok", "isSuccess", "succeeded", "successful"];
/// ... with which code it did not.
pub const CODE: &[&str] = &["code", "errorCode", "statusCode"];
/// ... and in which words.
pub const MESSAGE: &[&str] = &["message", "msg", "error", "errorMessage"];
/// How many rows there are.
pub const TOTAL: &[&str] =
    &["totalDocs", "total", "totalCount", "count", "totalItems", "totalRecords", "totalResults", "recordCount"];
/// Whether another page follows.
pub const HAS_NEXT: &[&str] = &["hasNextPage", "hasMore", "hasNext", "has_more", "more"];
/// The cursor of the next page.
pub const NEXT_CURSOR: &[&str] = &["endCursor", "nextCursor", "nextToken", "nextPageToken", "next", "cursor"];
/// The cursor of one row, beside it.
pub const ROW_CURSOR: &[&str] = &["cursor"];
/// Objects beside the rows that hold totals and cursors.
pub const BESIDE: &[&str] = &["pageInfo", "pagination", "paging", "meta", "metadata", "info", "page"];
/// Members that hold the rows, or lead to them.
pub const ITEMS: &[&str] = &[
    "docs", "data", "items", "nodes", "edges", "node", "results", "records", "rows", "list", "result", "payload",
    "response", "entries", "content",
];

/// The access token.
pub const ACCESS_TOKEN: &[&str] = &["accessToken", "access_token", "token", "jwt", "bearerToken"];
/// Its life in seconds.
pub const EXPIRES_IN: &[&str] = &["expiresIn", "expires_in", "expires", "ttl", "lifetime"];
/// The client id's argument.
pub const CLIENT_ID: &[&str] = &["clientId", "client_id", "clientID", "id", "key", "apiKey"];
/// The secret's argument.
pub const CLIENT_SECRET: &[&str] = &["clientSecret", "client_secret", "secret", "apiSecret"];

/// The mutations that may generate a token.
pub const TOKEN_OPERATIONS: &[&str] = &[
    "generateOAuthToken",
    "externalGenerateOAuthToken",
    "generateOauthToken",
    "generateToken",
    "createToken",
    "createOAuthToken",
    "oauthToken",
    "getOAuthToken",
    "getToken",
    "authenticate",
    "login",
];

/// Members of a token's answer that hold it, or lead to it.
pub const TOKEN_HOLDERS: &[&str] =
    &["data", "result", "payload", "response", "auth", "credentials", "oauthToken", "tokens"];

/// Members of the objects below a record's columns.
pub const PARTS: &[&str] = &[
    "_id",
    "id",
    "name",
    "type",
    "value",
    "title",
    "url",
    "color",
    "content",
    "text",
    "email",
    "code",
    "message",
    "createdAt",
];

/// A record's own id.
pub const ID: &[&str] = &["_id", "id", "uid", "uuid"];

/// Letters and digits alone, in lower case: `created_at`, `createdAt` and `CreatedAt` are one name.
pub fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The words of a name, in lower case: `getMyContacts` and `get_my_contacts` are `get`, `my`, `contacts`.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for (at, c) in name.char_indices() {
        let next = name[at + c.len_utf8()..].chars().next();
        // A capital begins a word behind a small letter, and at the end of capitals: `HTMLPage`.
        let begins = c.is_ascii_uppercase()
            && (!before.is_ascii_uppercase() || next.is_some_and(|next| next.is_ascii_lowercase()));
        if c.is_ascii_alphanumeric() {
            if begins || !before.is_ascii_alphanumeric() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(c.to_ascii_lowercase());
            }
        }
        before = c;
    }
    words
}

/// Words that make a list one of some records, not of all.
const QUALIFIERS: &[&str] = &[
    "active",
    "archive",
    "archived",
    "assigned",
    "blocked",
    "by",
    "closed",
    "current",
    "deleted",
    "disabled",
    "enabled",
    "favorite",
    "favorites",
    "favourite",
    "favourites",
    "filtered",
    "for",
    "hidden",
    "important",
    "inactive",
    "last",
    "latest",
    "mine",
    "muted",
    "my",
    "new",
    "newest",
    "of",
    "offline",
    "online",
    "open",
    "own",
    "pending",
    "pinned",
    "recent",
    "related",
    "resolved",
    "search",
    "selected",
    "similar",
    "snoozed",
    "solved",
    "spam",
    "starred",
    "suggested",
    "today",
    "top",
    "trashed",
    "unanswered",
    "unassigned",
    "unread",
    "unresolved",
    "unsolved",
    "waiting",
];

/// A query of this name lists some of a stream's records, as far as its name tells. The usual names list all.
pub fn is_qualified(stream: Stream, name: &str) -> bool {
    words(name).iter().any(|word| QUALIFIERS.contains(&word.as_str()))
        && !list_operations(stream).iter().any(|n| n == name)
}

/// The nouns of a stream, singular, most telling first.
pub fn nouns(stream: Stream) -> &'static [&'static str] {
    match stream {
        Stream::Contacts => &["Contact"],
        Stream::CustomerPersons => &["CustomerPerson", "Person", "Agent", "TeamMember", "User"],
        Stream::Conversations => &["Conversation", "Chat", "Ticket"],
        Stream::Messages => &["Message"],
        Stream::Channels => &["ConnectedPlatform", "Channel", "Platform"],
        Stream::WhatsappBusinessTemplates => &["WhatsappBusinessTemplate", "WhatsappTemplate", "Template"],
    }
}

/// The queries that may list a stream, most likely first.
pub fn list_operations(stream: Stream) -> Vec<String> {
    let mut all = vec![match stream {
        Stream::Messages => "getMessages".to_owned(),
        Stream::Channels => "getAllConnectedPlatformList".to_owned(),
        _ => format!("get{}List", nouns(stream)[0]),
    }];
    if stream == Stream::Channels {
        all.push("externalGetAllConnectedPlatformList".to_owned());
    }
    for noun in nouns(stream) {
        let lower = noun[..1].to_ascii_lowercase() + &noun[1..];
        for name in [
            format!("externalGet{noun}List"),
            format!("get{noun}List"),
            format!("get{noun}s"),
            format!("{lower}s"),
            format!("{lower}List"),
            format!("list{noun}s"),
            format!("all{noun}s"),
            format!("getAll{noun}s"),
            format!("external{noun}s"),
            format!("{lower}sConnection"),
        ] {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        for (name, words_of) in [
            ("getMyContacts", "get my contacts"),
            ("get_my_contacts", "get my contacts"),
            ("company", "company"),
            ("HTMLPageList", "html page list"),
            ("contactsV2", "contacts v2"),
        ] {
            assert_eq!(words(name).join(" "), words_of);
        }
    }

    #[test]
    fn a_list_of_some_is_known_by_a_word_of_its_name() {
        for name in ["myContacts", "recentContacts", "contactsByTag", "archived_contacts", "searchContacts"] {
            assert!(is_qualified(Stream::Contacts, name), "{name}");
        }
        for name in ["contacts", "company", "getAllContacts", "allContacts", "renewals", "getContactList"] {
            assert!(!is_qualified(Stream::Contacts, name), "{name}");
        }
    }
}
