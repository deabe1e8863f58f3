//! The usual names for the parts of a list API: arguments, and the members of envelopes.
//!
//! Names are compared in lower case and without underscores, which is called *folded* here. So `page_size`,
//! `pageSize` and `PageSize` are the same name.

/// Returns a name in lower case and without underscores.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// Usual names of the argument for the page number.
pub const PAGE: &[&str] = &["page", "pagenumber", "pageindex", "pageno", "pagenum", "currentpage", "p"];
/// Usual names of the argument for the page size in rows.
pub const SIZE: &[&str] = &["limit", "size", "pagesize", "perpage", "first", "take", "count", "itemsperpage", "rows"];
/// Usual names of the argument for the number of rows to skip.
pub const OFFSET: &[&str] = &["skip", "offset", "start", "from"];
/// Usual names of the argument for the cursor after which the page begins.
pub const CURSOR: &[&str] = &["after", "cursor", "nexttoken", "pagetoken", "startafter", "startingafter"];
/// Usual names of the argument that limits a list to records changed since a given time.
pub const SINCE: &[&str] = &["updatedafter", "updatedsince", "modifiedafter", "modifiedsince", "changedsince"];
/// Usual names of the argument for the conversation whose messages are asked for.
pub const CONVERSATION: &[&str] =
    &["conversationid", "conversation", "chatid", "chat", "threadid", "thread", "dialogid", "dialog", "ticketid"];
/// Usual names of the argument for the id of a single record.
pub const ID: &[&str] =
    &["id", "contactid", "customerpersonid", "personid", "conversationid", "messageid", "channelid", "templateid"];
/// Usual names of the argument for the client id in a token request.
pub const CLIENT_ID: &[&str] = &["clientid", "id", "apikey", "key", "appid", "client"];
/// Usual names of the argument for the client secret in a token request.
pub const CLIENT_SECRET: &[&str] = &["clientsecret", "secret", "apisecret", "secretkey"];

/// A member of an envelope: a scalar beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// Whether the request succeeded.
    Success,
    /// The error as a code.
    Code,
    /// The error in words.
    Message,
    /// The number of rows in the list.
    Total,
    /// Whether there are rows after this page.
    More,
    /// Whether there are rows before this page.
    Before,
    /// The cursor with which to ask for the next page; null at the end.
    NextCursor,
    /// The cursor of the last row on this page.
    EndCursor,
    /// The cursor of the first row on this page.
    StartCursor,
    /// On an edge, the cursor of its row. On a page, the cursor with which to ask for the next page.
    Cursor,
    /// The number of this page.
    Page,
    /// The number of the next page.
    NextPage,
    /// The number of the page before.
    PreviousPage,
    /// The page size in rows.
    Size,
    /// The number of pages.
    Pages,
    /// The number of rows before this page.
    Offset,
    /// An access token.
    Token,
    /// The scheme of the token (`Bearer`).
    TokenType,
    /// The lifetime of the token in seconds.
    Seconds,
}

/// Returns the member of an envelope that a scalar field of this name and type usually is. Returns `None` if the name
/// is not known.
pub fn member(name: &str, ty: &str) -> Option<Member> {
    let name = fold(name);
    Some(match (name.as_str(), ty) {
        ("success" | "ok" | "issuccess" | "succeeded" | "successful", _) | ("status", "Boolean") => Member::Success,
        ("code" | "status" | "statuscode" | "errorcode", _) => Member::Code,
        ("message" | "error" | "errormessage" | "msg", _) => Member::Message,
        (
            "total" | "totaldocs" | "totalcount" | "count" | "totalitems" | "totalrecords" | "totalresults"
            | "totalelements",
            _,
        ) => Member::Total,
        ("hasnextpage" | "hasmore" | "hasnext" | "more", _) => Member::More,
        ("haspreviouspage" | "hasprevpage" | "hasprevious" | "hasprev", _) => Member::Before,
        ("nextpage" | "next", "Int" | "Float") => Member::NextPage,
        ("prevpage" | "previouspage" | "prev" | "previous", "Int" | "Float") => Member::PreviousPage,
        ("endcursor", _) => Member::EndCursor,
        ("startcursor", _) => Member::StartCursor,
        ("nextcursor" | "next" | "nexttoken" | "nextpagetoken" | "continuation" | "continuationtoken", _) => {
            Member::NextCursor
        }
        ("cursor", _) => Member::Cursor,
        ("page" | "currentpage" | "pagenumber" | "pageindex" | "pageno", _) => Member::Page,
        ("limit" | "pagesize" | "perpage" | "size" | "itemsperpage", _) => Member::Size,
        ("pages" | "totalpages" | "pagecount" | "lastpage", _) => Member::Pages,
        ("offset" | "skip", _) => Member::Offset,
        ("accesstoken" | "token" | "jwt", _) => Member::Token,
        ("tokentype", _) => Member::TokenType,
        ("expiresin" | "expires" | "ttl", _) => Member::Seconds,
        _ => return None,
    })
}

/// Returns the name that a field of an object inside a record has in the generated data. An unknown name is returned
/// unchanged.
pub fn nested(name: &str) -> &str {
    const KNOWN: [&str; 16] = [
        "_id",
        "name",
        "color",
        "content",
        "createdAt",
        "channelType",
        "senderType",
        "type",
        "status",
        "channelId",
        "senderEmailAddress",
        "avatar",
        "url",
        "from",
        "to",
        "messageId",
    ];
    if KNOWN.contains(&name) {
        return name;
    }
    let folded = fold(name);
    KNOWN.into_iter().find(|known| fold(known) == folded).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_spelling() {
        assert_eq!(fold("_id"), "id");
        for name in ["page_size", "pageSize", "PageSize", "pagesize"] {
            assert!(SIZE.contains(&fold(name).as_str()), "{name}");
        }
        assert_eq!(nested("created_at"), "createdAt");
        assert_eq!(nested("id"), "_id");
        assert_eq!(nested("platformId"), "platformId");
    }

    #[test]
    fn every_inner_field_that_the_shipped_dialect_asks_for_is_known_in_any_spelling() {
        let shipped = crate::dialect::Dialect::shipped().unwrap();
        for field in shipped.streams.values().flat_map(|part| &part.fields) {
            for inner in field.split([' ', '{', '}']).filter(|word| !word.is_empty()).skip(1) {
                let found = nested(&inner.to_uppercase()).to_owned();
                assert_eq!(found, inner, "src/sandbox/graphql/synonyms.rs: `nested` does not know `{inner}`");
            }
        }
    }

    #[test]
    fn a_member_is_told_by_its_name_and_where_need_be_by_its_type() {
        for (name, ty, expected) in [
            ("totalDocs", "Int", Some(Member::Total)),
            ("has_more", "Boolean", Some(Member::More)),
            ("status", "Boolean", Some(Member::Success)),
            ("status", "Int", Some(Member::Code)),
            ("next", "Int", Some(Member::NextPage)),
            ("next", "String", Some(Member::NextCursor)),
            ("access_token", "String", Some(Member::Token)),
            ("docs", "String", None),
        ] {
            assert_eq!(member(name, ty), expected, "{name}: {ty}");
        }
    }

    #[test]
    fn every_word_is_written_as_it_is_compared() {
        for words in [PAGE, SIZE, OFFSET, CURSOR, CONVERSATION, ID, CLIENT_ID, CLIENT_SECRET] {
            assert!(words.iter().all(|word| fold(word) == **word), "{words:?}");
        }
    }
}
