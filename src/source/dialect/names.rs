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
