//! Finds values that a spreadsheet would run as a formula. With the job's `formula_safe`, a `'` is written before
//! them.
//!
//! A spreadsheet does not always take a cell as it is in the file. On import it may drop control characters, byte
//! order marks, invisible characters and blanks. Some spreadsheets treat the full-width signs of Asian keyboards like
//! the plain ones. So what matters is the first character that no program drops.

use crate::error::is_plain;

/// Returns whether a spreadsheet may run `text` as a formula. A text that begins with a control character always
/// counts, because programs differ in what they do with a line break or a tab at the start of a cell.
pub fn is_formula(text: &str) -> bool {
    // This shortcut decides nearly every cell.
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return false;
    }
    text.starts_with(char::is_control) || text.chars().find(|c| !may_be_dropped(*c)).is_some_and(is_sign)
}

/// Returns whether a character is invisible, so that a program may drop it and let the text begin after it.
fn may_be_dropped(c: char) -> bool {
    let is_noncharacter = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    c.is_whitespace() || !is_plain(c) || is_noncharacter || matches!(c, '\u{fffc}' | '\u{fffd}')
}

/// Returns whether a formula can begin with this character: one of `= + - @`, or a character that compatibility
/// normalization (NFKC) or a number parser treats like one of them.
fn is_sign(c: char) -> bool {
    matches!(
        c,
        '=' | '+'
            | '-'
            | '@'
            | '＝'
            | '＋'
            | '－'
            | '＠'
            | '﹦'
            | '﹢'
            | '﹣'
            | '﹫'
            | '⁼'
            | '⁺'
            | '⁻'
            | '₌'
            | '₊'
            | '₋'
            | '−'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_looked_past() {
        let dropped = [
            "",
            "\0",
            "\t",
            "\r",
            "\n",
            "\r\n",
            "\u{1}",
            "\u{7f}",
            "\u{85}",
            "\u{9f}",
            " ",
            "\u{a0}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{1680}",
            "\u{180e}",
            "\u{2003}",
            "\u{200b}",
            "\u{200d}",
            "\u{200e}",
            "\u{2028}",
            "\u{202e}",
            "\u{2060}",
            "\u{2066}",
            "\u{2800}",
            "\u{3000}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{fff9}",
            "\u{fffd}",
            "\u{fffe}",
            "\u{e0020}",
            "\u{1fffe}",
            " \u{feff}\u{200b}\0 ",
        ];
        for before in dropped {
            for sign in "=+-@＝＋－＠﹦−".chars() {
                assert!(is_formula(&format!("{before}{sign}1+1")), "{before:?} {sign}");
            }
        }
    }

    #[test]
    fn what_is_no_formula_stays_as_it_is() {
        for text in
            ["", "a=1", "7-3", "(=1)", "'=1+1", "Ünal +90", "山田＝", "  text", "\u{200b}text", "\"=1\"", "#1", "/x"]
        {
            assert!(!is_formula(text), "{text:?}");
        }
        assert!(is_formula("\ttext") && is_formula("\ntext"), "a control character at the start");
    }
}
