//! Makes text from outside safe to show on a screen, in a log or in a report.

/// Returns `text` as one line of plain characters. All other characters become `\u{..}` ([`is_plain`]).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

/// Does the same as [`escape`] for a `String`, without a copy if it is plain already.
pub fn escaped(text: String) -> String {
    if text.chars().all(is_plain) { text } else { escape(&text) }
}

/// The longest quotation, in displayed characters.
const QUOTE: usize = 200;

/// Returns text from outside (an id, a name, a message) in a form that is safe to show: on one line, and cut if it is
/// long. Every character that would steer a terminal, end a line, turn the direction of writing or be invisible
/// becomes `\u{..}`.
///
/// All text from outside passes through this function on its way to a screen, a log or a report.
pub fn quote(text: &str) -> String {
    let mut out = String::new();
    let mut shown = 0;
    for c in text.chars() {
        if shown >= QUOTE {
            out.push('…');
            break;
        }
        if is_plain(c) {
            out.push(c);
            shown += 1;
        } else {
            let escape = c.escape_unicode();
            shown += escape.len();
            out.extend(escape);
        }
    }
    out
}

/// Returns whether a character is visible (or a space) and has no other effect. The others are control characters,
/// format characters (directions, joiners, tags), separators of lines and paragraphs, fillers without a shape,
/// variation selectors, and private and unassigned ranges.
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_one_short_line_of_characters_that_show_themselves() {
        assert_eq!(quote("a\r\nb\u{1b}[31m"), "a\\u{d}\\u{a}b\\u{1b}[31m");
        assert_eq!(quote(&"x".repeat(500)).chars().count(), QUOTE + 1);
        assert!(quote(&"\u{1b}".repeat(500)).chars().count() < QUOTE + 10);
        for c in "\u{0}\u{7}\u{8}\u{9}\u{7f}\u{85}\u{9b}\u{9d}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fff9}\u{e0001}\u{e007f}\u{fe0f}\u{3164}\u{e000}\u{10ffff}".chars() {
            assert_eq!(quote(&c.to_string()), format!("\\u{{{:x}}}", u32::from(c)));
        }
        for text in ["id-7", "Öz Şahin", "山田", "\u{e9}", "e\u{301}", "नमस्ते", "🙂", "a b", "«x»", "\u{fffd}"]
        {
            assert_eq!(quote(text), text);
        }
    }
}
