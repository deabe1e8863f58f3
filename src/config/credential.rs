//! Cleans and checks an API key's id and secret, which people often paste with something extra.
//!
//! - Line breaks, blanks or a byte order mark around the value are removed.
//! - A control character or an invisible character inside the value is an error that names the character, because no
//!   key has one.
//! - Quotes around the value, or the variable's name before it, are only suspicious. If the server refuses the key,
//!   the error message mentions them.

use crate::error::{Error, Result, is_plain};

/// Returns the value without the blanks around it. `place` is where the value is set, for the error message, which
/// shows nothing of the value.
pub fn cleaned(place: &str, value: &str) -> Result<String> {
    let value = value.trim_matches(is_blank);
    match value.chars().find(|c| c.is_control() || !is_plain(*c)) {
        None => Ok(value.to_owned()),
        Some(found) => Err(Error::usage(format!(
            "{place} holds {} within it, which no key has: was more than the key pasted?",
            named(found)
        ))),
    }
}

/// Returns a sentence about what looks wrong with a value, for the case that the server refuses the key; `None` if
/// nothing does. Shows nothing of the value but the quotes around it. `place` is where the value is set.
pub fn suspicion(place: &str, value: &str) -> Option<String> {
    const QUOTES: [(char, char); 8] =
        [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('„', '“'), ('«', '»'), ('<', '>')];
    let (first, last) = (value.chars().next()?, value.chars().next_back()?);
    if value.chars().nth(1).is_some() && QUOTES.contains(&(first, last)) {
        return Some(format!(
            "{place} begins with {first} and ends with {last}: where quotes stand in a file of variables, they may be kept as part of the value"
        ));
    }
    let (name, _) = value.split_once('=')?;
    let is_name = name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_name.then(|| format!("{place} begins with the name of a variable and `=`"))
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}')
}

/// Returns the name of an invisible character, for example `a tab (U+0009)`.
fn named(c: char) -> String {
    let name = match c {
        '\0' => "a NUL",
        '\t' => "a tab",
        '\n' => "a line break",
        '\r' => "a carriage return",
        '\u{1b}' => "an escape character",
        '\u{7f}' => "a delete character",
        '\u{ad}' => "a soft hyphen",
        '\u{200b}' => "a zero-width space",
        '\u{feff}' => "a byte order mark",
        c if c.is_control() => "a control character",
        _ => "an invisible character",
    };
    format!("{name} (U+{:04X})", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blank_around_it_is_no_part_of_a_key() {
        for value in
            ["key", "key\n", "key\r\n", " key ", "\tkey", "\u{feff}key", "\u{a0}key\u{200b}", "\u{feff} key \r\n\n"]
        {
            assert_eq!(cleaned("X", value).as_deref(), Ok("key"), "{value:?}");
        }
        assert_eq!(cleaned("X", "two words").as_deref(), Ok("two words"));
        assert_eq!(cleaned("X", " \n").as_deref(), Ok(""));
    }

    #[test]
    fn what_no_key_holds_is_refused_by_its_name() {
        for (value, name) in [
            ("s3cret\nother", "a line break (U+000A)"),
            ("s3cret\rother", "a carriage return (U+000D)"),
            ("s3cret\tother", "a tab (U+0009)"),
            ("s3cret\0", "a NUL (U+0000)"),
            ("\u{1b}[31ms3cret", "an escape character (U+001B)"),
            ("s3\u{200b}cret", "a zero-width space (U+200B)"),
            ("s3\u{feff}cret", "a byte order mark (U+FEFF)"),
            ("s3\u{202e}cret", "an invisible character (U+202E)"),
            ("s3\u{9f}cret", "a control character (U+009F)"),
        ] {
            let told = cleaned("QPIEN_CLIENT_SECRET", value).expect_err(value).detail;
            assert!(told.starts_with(&format!("QPIEN_CLIENT_SECRET holds {name} within it")), "{told}");
            assert!(!told.contains("s3"), "{told}");
        }
    }

    #[test]
    fn quotes_around_it_and_a_name_before_it_are_suspicious() {
        for value in ["\"s3cret\"", "'s3cret'", "“s3cret”", "<s3cret>", "QPIEN_CLIENT_SECRET=s3cret"] {
            let told = suspicion("X", value).expect(value);
            assert!(told.starts_with("X begins with ") && !told.contains("s3"), "{told}");
        }
        for value in ["", "\"", "s3cret", "\"s3cret", "s3cret=", "a=b", "Abc=d"] {
            assert_eq!(suspicion("X", value), None, "{value}");
        }
    }
}
