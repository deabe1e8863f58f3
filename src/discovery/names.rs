//! Lists the names that servers give to fields, arguments and queries. The lists serve to recognise names and to
//! guess them, most likely first. A list begins with the names that are documented or were seen for this API; the
//! rest are usual in GraphQL servers.

use crate::streams::Stream;

/// Describes what an argument of a list query is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The number of the page to return.
    Page,
    /// The number of rows of a page.
    Size,
    /// The number of rows to skip before the page.
    Offset,
    /// The opaque cursor from which to go on.
    Cursor,
    /// The id of the conversation whose messages are asked for.
    Parent,
}

/// The usual names of arguments, by role. No name is in two lists.
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

/// The usual names of arguments that select records changed since a moment. If the argument is nested (`updatedAt: {
/// gte }`), both names together count as one. No name here is about the moment at which a record was created.
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

/// The usual names of arguments that are input objects and hold other arguments.
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

/// The usual names of envelope members that state whether a request succeeded.
pub const SUCCESS: &[&str] = &["success", "ok", "isSuccess", "succeeded", "successful"];
/// The usual names of envelope members that hold an error code.
pub const CODE: &[&str] = &["code", "errorCode", "statusCode"];
/// The usual names of envelope members that hold an error message.
pub const MESSAGE: &[&str] = &["message", "msg", "error", "errorMessage"];
/// The usual names of members that hold the number of records in the list.
pub const TOTAL: &[&str] =
    &["totalDocs", "total", "totalCount", "count", "totalItems", "totalRecords", "totalResults", "recordCount"];
/// The usual names of members that state whether another page follows.
pub const HAS_NEXT: &[&str] = &["hasNextPage", "hasMore", "hasNext", "has_more", "more"];
/// The usual names of members that hold the cursor of the next page.
pub const NEXT_CURSOR: &[&str] = &["endCursor", "nextCursor", "nextToken", "nextPageToken", "next", "cursor"];
/// The usual names of members beside a row that hold the row's cursor.
pub const ROW_CURSOR: &[&str] = &["cursor"];
/// The usual names of objects beside the rows that hold totals and cursors.
pub const BESIDE: &[&str] = &["pageInfo", "pagination", "paging", "meta", "metadata", "info", "page"];
/// The usual names of members that hold the rows, or an object with the rows.
pub const ITEMS: &[&str] = &[
    "docs", "data", "items", "nodes", "edges", "node", "results", "records", "rows", "list", "result", "payload",
    "response", "entries", "content",
];

/// The usual names of members that hold the access token.
pub const ACCESS_TOKEN: &[&str] = &["accessToken", "access_token", "token", "jwt", "bearerToken"];
/// The usual names of members that hold the lifetime of a token in seconds.
pub const EXPIRES_IN: &[&str] = &["expiresIn", "expires_in", "expires", "ttl", "lifetime"];
/// The usual names of arguments that take the client id.
pub const CLIENT_ID: &[&str] = &["clientId", "client_id", "clientID", "id", "key", "apiKey"];
/// The usual names of arguments that take the client secret.
pub const CLIENT_SECRET: &[&str] = &["clientSecret", "client_secret", "secret", "apiSecret"];

/// The names of mutations that may generate a token.
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

/// The usual names of members of the token mutation's answer that are objects and hold the token.
pub const TOKEN_HOLDERS: &[&str] =
    &["data", "result", "payload", "response", "auth", "credentials", "oauthToken", "tokens"];

/// The usual names of fields of an object inside a record, such as a tag.
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

/// The usual names of fields that hold a record's own id.
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

/// Words in a query's name which suggest that the query lists only some records.
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

/// Returns whether a query's name suggests that it lists only some of the stream's records. The usual names of
/// queries that list all never do.
pub fn is_qualified(stream: Stream, name: &str) -> bool {
    words(name).iter().any(|word| QUALIFIERS.contains(&word.as_str()))
        && !list_operations(stream).iter().any(|n| n == name)
}

/// Returns the nouns for a stream's records in the singular, the most specific first.
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

/// Returns the names of queries that may list a stream, most likely first.
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
