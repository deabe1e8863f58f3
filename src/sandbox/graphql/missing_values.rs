//! Finds arguments and input fields without a value, such as `b` in `f(a: 1, b)`. The library's parser drops them
//! without an error; graphql-js rejects them.

/// Returns the error message of graphql-js for an argument without a value in a query that the parser has accepted.
/// Returns `None` if there is none.
pub fn mistake(query: &str) -> Option<String> {
    let tokens = tokens(query);
    let mut open: Vec<&str> = Vec::new();
    let mut inside = 0;
    for (n, token) in tokens.iter().copied().enumerate() {
        match token {
            "(" | "[" | "{" => {
                inside += usize::from(token == "(");
                open.push(token);
            }
            ")" | "]" | "}" => {
                inside -= usize::from(token == ")" && inside > 0);
                open.pop();
            }
            // Inside parentheses a name is a key, except after `:`, `$`, `@` or `=` (a value, a type, a variable, a
            // directive).
            _ if inside > 0 && is_name(token) && open.last() != Some(&"[") => {
                let before = n.checked_sub(1).map_or("", |at| tokens[at]);
                let next = tokens.get(n + 1).copied().unwrap_or_default();
                if next != ":" && ![":", "$", "@", "="].contains(&before) {
                    let kind = if is_name(next) { "Name " } else { "" };
                    return Some(format!("Syntax Error: Expected \":\", found {kind}\"{next}\"."));
                }
            }
            _ => {}
        }
    }
    None
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Splits a query into words and punctuation. A string is one token. Comments and blanks are left out.
fn tokens(query: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' => string(rest),
            c if c.is_ascii_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let (token, more) = rest.split_at(length);
        if !matches!(first, '#' | ',' | '\u{feff}') && !first.is_whitespace() {
            tokens.push(token);
        }
        rest = more;
    }
    tokens
}

/// Returns the length in bytes of the quoted string with which the text begins.
fn string(text: &str) -> usize {
    let mark = if text.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let mut at = mark.len();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(mark) {
            return at + mark.len();
        }
        let escaped = rest.strip_prefix('\\').filter(|after| mark.len() == 1 || after.starts_with(mark));
        at += match escaped {
            Some(_) if mark.len() == 3 => 4,
            Some(after) => 1 + after.chars().next().map_or(0, char::len_utf8),
            None => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_values_passes() {
        for query in [
            "query Q($a: Int = 3 @skip(if: true), $b: [In!] = [{id: X, all: [A, B]}], $c: E = X) { f(a: $a b: TRUE) @include(if: true) { g } }",
            r#"{ a: f(s: "b) (c \" d", t: """e) \""" " (f""", u: null # g(h)
                , v: -1.5e3, w: {x: [y z] z: q}) { on (on: on) } ... on T { k } }"#,
        ] {
            assert_eq!(mistake(query), None, "{query}");
        }
    }

    #[test]
    fn what_has_none_is_found() {
        for (query, found) in [
            ("{ f(a) }", "\")\""),
            ("{ f(a: 1, b) { c } }", "\")\""),
            ("{ f(a, b: 1) { c } }", "Name \"b\""),
            ("{ f @skip(if: true x) }", "\")\""),
            ("{ f(a: {b}) }", "\"}\""),
            ("{ f(a: [{b: X c}]) }", "\"}\""),
        ] {
            let expected = format!("Syntax Error: Expected \":\", found {found}.");
            assert_eq!(mistake(query), Some(expected), "{query}");
        }
    }
}
