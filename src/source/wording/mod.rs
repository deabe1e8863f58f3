//! Decides how much of a server's own words may be shown to people. A server quotes what it received and what it
//! stores: the text of a customer's message, a name, a phone number. So only words that are known to contain none of
//! that are repeated.
//!
//! - A known sentence of GraphQL validation (`known`) is shown with the names of fields, arguments and types in it.
//! - From any other sentence, three things are cut: the text in quotation marks or brackets of any kind, the text
//!   behind a colon, and every word that is not in the `vocabulary` of such sentences. A number is cut unless it is a
//!   limit.
//! - A code is shown if it has the form of one.
//!
//! What the program itself *learns* from a message is read from the original message: by [`limits`] here, by
//! `discovery::rejections` elsewhere.

mod known;
mod vocabulary;

use vocabulary::is_usual;

/// The mark that replaces words that are cut.
const CUT: char = '…';
/// The most characters of a message that are read.
const LONGEST: usize = 600;
/// The longest code or scope that is shown, in bytes.
const CODE: usize = 48;

/// Shown instead of an empty or missing message.
const NOTHING: &str = "(no message)";
/// Shown if all words of a message had to be cut.
const UNTOLD: &str = "(words that may be a record's, and are not told)";

/// The prefixes that some servers put before a sentence.
const BEFORE: [&str; 7] = [
    "Error: ",
    "GraphQLError: ",
    "GraphQL error: ",
    "ValidationError: ",
    "Validation error: ",
    "Uncaught Error: ",
    "validation error: ",
];

/// Returns the server's message as far as it may be shown, on one line. `None` counts as an empty message.
pub fn tell(message: Option<&str>) -> String {
    let whole: String = message.unwrap_or_default().chars().take(LONGEST).collect();
    let text = whole.trim();
    if text.is_empty() {
        return NOTHING.into();
    }
    let bare = BEFORE.iter().find_map(|before| text.strip_prefix(before)).unwrap_or(text);
    if let Some(told) = known::told(bare) {
        return told;
    }
    let told = usual(&uncovered(bare));
    if told.chars().any(char::is_alphabetic) { told } else { UNTOLD.into() }
}

/// Returns an error code if it may be shown: it has only capitals, digits and `_`, or only known words. Otherwise
/// returns a placeholder, "a code that is not told".
pub fn code(code: &str) -> String {
    let code = code.trim();
    let is_short = !code.is_empty() && code.len() <= CODE;
    let is_code = code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let is_words = || code.split(['-', '_', '.', '/']).all(is_usual);
    if is_short && (is_code || is_words()) { code.to_owned() } else { "a code that is not told".into() }
}

/// Returns a scope if it has the form of one and may be shown, such as `read_messages` or `messages:read`. Otherwise
/// returns `None`.
pub fn scope(scope: &str) -> Option<&str> {
    let parts = || scope.split(['_', ':', '.', '-']);
    let is_scope = parts().any(|part| matches!(part, "read" | "write" | "manage" | "admin"))
        && parts().count() > 1
        && parts().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphabetic()));
    Some(scope).filter(|scope| is_scope && scope.len() <= CODE)
}

/// The words, in lower case, by which a message is recognised that refuses the size of a page.
const SIZE: [&str; 14] = [
    "limit",
    "page size",
    "pagesize",
    "page_size",
    "perpage",
    "per page",
    "per_page",
    "first",
    "take",
    "size",
    "rows",
    "at most",
    "maximum",
    "exceed",
];

/// Returns the numbers in a message about the size of a page, because the largest allowed size may be among them.
/// Returns an empty list for a message about anything else.
pub fn limits(message: Option<&str>) -> Vec<u32> {
    let said = message.unwrap_or_default().to_ascii_lowercase();
    if !SIZE.iter().any(|word| said.contains(word)) {
        return Vec::new();
    }
    said.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.parse().ok()).collect()
}

/// Returns `text` without what is in quotation marks and brackets, and without what follows a colon or a similar
/// sign.
fn uncovered(text: &str) -> String {
    let (head, is_cut) = match text.find(is_colon).into_iter().chain(text.find(" - ")).min() {
        Some(at) => (&text[..at], true),
        None => (text, false),
    };
    let marks: Vec<(usize, char)> = marks(head);
    let (Some((from, first)), Some((last, closing))) = (marks.first().copied(), marks.last().copied()) else {
        return if is_cut { format!("{head} {CUT}") } else { head.to_owned() };
    };
    // All text from the first mark to the last is cut, because text between two pairs may belong to an outer pair.
    let before = if is_closing(first) { "" } else { &head[..from] };
    let after = if is_balanced(&marks) { &head[last + closing.len_utf8()..] } else { "" };
    format!("{before} {CUT} {after}{}", if is_cut { " …" } else { "" })
}

/// Returns whether a character introduces a value, or ends the sentence.
fn is_colon(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            ':' | '=' | '|' | '：' | '︓' | '﹕' | '∶' | '—' | '–' | '―' | '→' | '⇒' | '\u{2028}' | '\u{2029}'
        )
}

const PAIRS: [(char, char); 14] = [
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('<', '>'),
    ('（', '）'),
    ('［', '］'),
    ('｛', '｝'),
    ('＜', '＞'),
    ('「', '」'),
    ('『', '』'),
    ('《', '》'),
    ('〈', '〉'),
    ('【', '】'),
    ('〔', '〕'),
];

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | '`'
            | '´'
            | '“'
            | '”'
            | '„'
            | '‟'
            | '‘'
            | '’'
            | '‚'
            | '‛'
            | '«'
            | '»'
            | '‹'
            | '›'
            | '＂'
            | '＇'
            | '〝'
            | '〞'
            | '〟'
            | '′'
            | '″'
    )
}

fn is_closing(c: char) -> bool {
    PAIRS.iter().any(|(_, closing)| *closing == c)
}

/// Returns the quotation marks and brackets in `text`, each with its byte offset. The apostrophe of `doesn't` is not
/// among them.
fn marks(text: &str) -> Vec<(usize, char)> {
    let is_apostrophe = |at: usize, c: char| {
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        let rest = after.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        matches!(c, '\'' | '’')
            && (rest == "t" && before.ends_with('n') || (rest == "s" && before.ends_with(char::is_alphabetic)))
    };
    let is_mark = |c: char| is_quote(c) || PAIRS.iter().any(|(opening, closing)| *opening == c || *closing == c);
    text.char_indices().filter(|(at, c)| is_mark(*c) && !is_apostrophe(*at, *c)).collect()
}

/// Returns whether every bracket is closed in its turn and quotation marks come in pairs.
fn is_balanced(marks: &[(usize, char)]) -> bool {
    let mut open = Vec::new();
    for (_, mark) in marks {
        if let Some((_, closing)) = PAIRS.iter().find(|(opening, _)| opening == mark) {
            open.push(*closing);
        } else if is_closing(*mark) && open.pop() != Some(*mark) {
            return false;
        }
    }
    open.is_empty() && marks.iter().filter(|(_, mark)| is_quote(*mark)).count() % 2 == 0
}

/// The words before a number that is one of the server's limits.
const BEFORE_A_LIMIT: [&str; 13] = [
    "than", "most", "least", "maximum", "max", "minimum", "min", "exceed", "exceeds", "limit", "limited", "only", "up",
];

/// Returns `text` with one `…` for every run of words that are not in the vocabulary. Numbers that are limits are
/// kept.
fn usual(text: &str) -> String {
    let (mut out, mut cut, mut before) = (String::new(), false, [String::new(), String::new()]);
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | '!' | '?')).to_lowercase();
        let is_limit = !bare.is_empty()
            && bare.len() <= 4
            && bare.chars().all(|c| c.is_ascii_digit())
            && (BEFORE_A_LIMIT.contains(&&*before[1])
                || (matches!(&*before[1], "of" | "to" | "is") && BEFORE_A_LIMIT.contains(&&*before[0])));
        let keep = is_limit || is_usual(&bare);
        if keep || !cut {
            let space = if out.is_empty() { "" } else { " " };
            out.push_str(space);
            if keep { out.push_str(word) } else { out.push(CUT) }
        }
        cut = !keep;
        let [_, last] = before;
        before = [last, bare];
    }
    out
}

#[cfg(test)]
mod tests;
