//! Lists how servers call things. The lists serve to recognise names and to guess them, most likely first. A list
//! begins with the names that are documented or seen for this API; the rest are the usual words of GraphQL servers.

use crate::streams::Stream;

/// Describes what an argument of a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The number of a page.
    Page,
    /// The rows of a page.
    Size,
    /// The number of rows to leave out.
    Offset,
    /// The opaque place from which to go on.
    Cursor,
    /// The conversation whose messages are asked for.
    Parent,
}

/// Arguments by role. No name stands in two lists.
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

/// Arguments that select records changed since a moment. In an object of its own (`updatedAt: { gte }`) an argument
/// counts by both names together. No name here is about the moment when a record was made.
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

/// Input objects that hold arguments.
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

/// Envelope members that say whether a request succeeded.
pub const SUCCESS: &[&str] = &["success", "ok", "isSuccess", "succeeded", "successful"];
/// Envelope members that hold the code of a failure.
pub const CODE: &[&str] = &["code", "errorCode", "statusCode"];
/// Envelope members that hold the message of a failure.
pub const MESSAGE: &[&str] = &["message", "msg", "error", "errorMessage"];
/// Members that hold the number of rows in the list.
pub const TOTAL: &[&str] =
    &["totalDocs", "total", "totalCount", "count", "totalItems", "totalRecords", "totalResults", "recordCount"];
/// Members that say whether another page follows.
pub const HAS_NEXT: &[&str] = &["hasNextPage", "hasMore", "hasNext", "has_more", "more"];
/// Members that hold the cursor of the next page.
pub const NEXT_CURSOR: &[&str] = &["endCursor", "nextCursor", "nextToken", "nextPageToken", "next", "cursor"];
/// Members beside a row that hold its cursor.
pub const ROW_CURSOR: &[&str] = &["cursor"];
/// Objects beside the rows that hold totals and cursors.
pub const BESIDE: &[&str] = &["pageInfo", "pagination", "paging", "meta", "metadata", "info", "page"];
/// Members that hold the rows, or lead to them.
pub const ITEMS: &[&str] = &[
    "docs", "data", "items", "nodes", "edges", "node", "results", "records", "rows", "list", "result", "payload",
    "response", "entries", "content",
];

/// Members that hold the access token.
pub const ACCESS_TOKEN: &[&str] = &["accessToken", "access_token", "token", "jwt", "bearerToken"];
/// Members that hold its life in seconds.
pub const EXPIRES_IN: &[&str] = &["expiresIn", "expires_in", "expires", "ttl", "lifetime"];
/// Arguments that take the client id.
pub const CLIENT_ID: &[&str] = &["clientId", "client_id", "clientID", "id", "key", "apiKey"];
/// Arguments that take the client secret.
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

/// Members of the objects in a record's columns.
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

/// Members that hold a record's own id.
pub const ID: &[&str] = &["_id", "id", "uid", "uuid"];

/// Returns a name's letters and digits in lower case, so that `created_at`, `createdAt` and `CreatedAt` are one name.
pub fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the words of a name in lower case: `get`, `my`, `contacts` for `getMyContacts` and `get_my_contacts`.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for (at, c) in name.char_indices() {
        let next = name[at + c.len_utf8()..].chars().next();
        // A capital begins a word after a small letter, and as the last of several capitals: `HTMLPage`.
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

/// Words in a query's name which mean that it lists only some records.
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

/// Returns whether a query lists only some of a stream's records, as far as its name tells. The usual names list all.
pub fn is_qualified(stream: Stream, name: &str) -> bool {
    words(name).iter().any(|word| QUALIFIERS.contains(&word.as_str()))
        && !list_operations(stream).iter().any(|n| n == name)
}

/// Returns the nouns of a stream in the singular, most telling first.
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

/// Returns the queries that may list a stream, most likely first.
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
    fn the_first_guess_at_a_list_is_what_the_shipped_dialect_asks() {
        let shipped = crate::dialect::Dialect::shipped().expect("shipped");
        for stream in crate::streams::ALL {
            let operation = &shipped.stream(stream).expect("src/dialect/qpien.toml").operation;
            assert_eq!(list_operations(stream).first(), Some(operation), "src/discovery/names.rs: {stream}");
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
