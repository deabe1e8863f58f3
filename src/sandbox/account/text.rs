//! Generates text as people write it, and a share of text that causes errors in careless CSV, database and JSON code.
//!
//! Every function appends one JSON string (or null) drawn from a [`RandomTable`]. Some strings contain a marker
//! (`BODYMARKER-<n>`), so that a test can search for people's words where none may appear, such as in logs.

use crate::sandbox::account::json_writer::{JsonWriter, TextForm};
use crate::sandbox::account::phrases::{CAROUSEL, FIRST, LAST, NASTY, TEMPLATE, WORDS};
use crate::sandbox::account::rng::RandomTable;

fn spelling(dice: RandomTable) -> TextForm {
    if dice.at(900).chance(80) { TextForm::Escaped } else { TextForm::Raw }
}

fn words(dice: RandomTable, count: u64, spelling: TextForm, out: &mut JsonWriter) {
    for n in 0..count {
        if n > 0 {
            out.raw(" ");
        }
        out.piece(dice.at(n).pick(&WORDS), spelling);
    }
}

fn quoted(out: &mut JsonWriter, write: impl FnOnce(&mut JsonWriter)) {
    out.raw("\"");
    write(out);
    out.raw("\"");
}

/// Appends the content of the message with this number: mostly short, difficult text (`NASTY`) in one of seven, empty
/// or null now and then, 40 KB in one of 5,000. `edited` is the number of edits. Edited text differs from the
/// original and is never null.
pub fn body(dice: RandomTable, number: u64, edited: u32, out: &mut JsonWriter) {
    let class = dice.at(1).below(5000);
    if class < 100 && edited == 0 {
        return out.raw(if class < 50 { "null" } else { "\"\"" });
    }
    let spelling = spelling(dice);
    quoted(out, |out| {
        match class {
            0..100 => {}
            100 => {
                for n in 0..40 {
                    // About 1 KB at a time; escapes make the JSON longer.
                    words(dice.at(1000 + n), 160, spelling, out);
                    out.piece(dice.at(2000 + n).pick(&NASTY), spelling);
                }
            }
            101..800 => out.piece(dice.at(2).pick(&NASTY), spelling),
            _ => words(dice.at(3), 2 + dice.at(4).below(16), spelling, out),
        }
        if dice.at(5).chance(20) {
            out.raw(" BODYMARKER-");
            out.number(number);
        }
        edit_note(edited, out);
    });
}

/// Appends a short line of text, such as a subject. It is mostly plain, and difficult text (`NASTY`) in 6 %.
pub fn line(dice: RandomTable, out: &mut JsonWriter) {
    let spelling = spelling(dice);
    quoted(out, |out| {
        if dice.at(1).chance(60) {
            out.piece(dice.at(2).pick(&NASTY), spelling);
        } else {
            words(dice.at(3), 1 + dice.at(4).below(6), spelling, out);
        }
    });
}

/// Appends a person's first name, which is difficult text (`NASTY`) in one of 25. `edited` is the number of edits.
pub fn first_name(dice: RandomTable, edited: u32, out: &mut JsonWriter) {
    let spelling = spelling(dice);
    quoted(out, |out| {
        match dice.at(1).below(100) {
            0 => {}
            1..5 => out.piece(dice.at(2).pick(&NASTY), spelling),
            _ => out.piece(dice.at(3).pick(&FIRST), spelling),
        }
        edit_note(edited, out);
    });
}

/// Appends a person's last name, which may be null or empty.
pub fn last_name(dice: RandomTable, out: &mut JsonWriter) {
    match dice.at(1).below(100) {
        0..8 => out.raw("null"),
        8..12 => out.raw("\"\""),
        _ => quoted(out, |out| out.piece(dice.at(2).pick(&LAST), spelling(dice))),
    }
}

/// Appends an email address, made unique by `number`. One in thirty contains a marker.
pub fn email(dice: RandomTable, number: u64, out: &mut JsonWriter) {
    quoted(out, |out| {
        if dice.at(1).chance(33) {
            out.raw("BODYMARKER-");
            out.number(number);
        } else {
            out.raw(dice.at(2).pick(&["ayse.yilmaz", "m.kaya+shop", "info", "\\\"odd,name\\\"", "o'brien", "x"]));
            out.number(number);
        }
        out.raw(dice.at(3).pick(&["@example.com", "@example.org", "@mail.example.net"]));
    });
}

/// Appends a telephone number as people type it: with leading zeros, a plus sign or blanks.
pub fn phone(dice: RandomTable, out: &mut JsonWriter) {
    let digits = 1_000_000 + dice.at(1).below(8_999_999);
    quoted(out, |out| {
        out.raw(dice.at(2).pick(&["+90555", "00905", "0555", "05 ", "+1 (212) ", "000"]));
        out.number(digits);
    });
}

/// Appends the value of a card column: an object or list of any shape, inside a custom scalar.
pub fn cards(dice: RandomTable, out: &mut JsonWriter) {
    match dice.at(1).below(4) {
        0 => out.raw("[]"),
        1 => out.raw(CAROUSEL),
        2 => out.raw(TEMPLATE),
        _ => {
            out.raw("[{\"productId\":\"00");
            out.number(dice.at(2).below(100_000));
            out.raw("\",\"price\":19.90,\"title\":");
            line(dice.at(3), out);
            out.raw("}]");
        }
    }
}

/// Appends the name of a tag or a channel. One in six is difficult text (`NASTY`). `number` is the object's number,
/// and `edited` the number of edits.
pub fn label(dice: RandomTable, number: u64, edited: u32, out: &mut JsonWriter) {
    quoted(out, |out| {
        match dice.at(1).below(6) {
            0 => out.piece(dice.at(2).pick(&NASTY), TextForm::Raw),
            _ => words(dice.at(3), 1 + dice.at(4).below(2), TextForm::Raw, out),
        }
        out.raw(" #");
        out.number(number);
        edit_note(edited, out);
    });
}

/// Appends the HTML of an email.
pub fn html(dice: RandomTable, out: &mut JsonWriter) {
    quoted(out, |out| {
        out.raw("<div class=\\\"m\\\">\\n\\t<p>");
        words(dice.at(1), 4 + dice.at(2).below(20), spelling(dice), out);
        out.raw("</p>\\r\\n</div>");
    });
}

fn edit_note(edited: u32, out: &mut JsonWriter) {
    if edited > 0 {
        out.raw(" (edited ");
        out.number(u64::from(edited));
        out.raw(")");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(count: u64) -> Vec<String> {
        (0..count)
            .map(|n| {
                let mut out = JsonWriter { lossy: true, ..JsonWriter::default() };
                body(RandomTable::new(7).at(n), n, 0, &mut out);
                String::from_utf8(out.bytes).unwrap()
            })
            .collect()
    }

    #[test]
    fn every_body_is_json_and_every_kind_of_hurt_occurs() {
        let all = bodies(20_000);
        let parsed: Vec<Option<String>> = all.iter().map(|t| serde_json::from_str(t).unwrap()).collect();
        for part in [
            "\r\n",
            "\0",
            "\u{feff}",
            "\u{fffd}",
            "👩‍👩‍👧‍👦",
            "ı",
            "مرحبا",
            "BODYMARKER-",
            "=HYPERLINK",
            "\"",
            ",",
            "\u{2028}",
        ] {
            assert!(parsed.iter().flatten().any(|t| t.contains(part)), "{part:?}");
        }
        assert!(parsed.iter().any(Option::is_none));
        assert!(parsed.iter().flatten().any(String::is_empty));
        assert!(parsed.iter().flatten().any(|t| t.len() > 40_000));
        assert!(parsed.iter().flatten().filter(|t| t.len() > 40_000).count() < 15);
        assert!(all.iter().any(|t| t.contains("\\ud83d\\udc69")), "a pair of escapes");
    }

    #[test]
    fn edited_text_always_differs() {
        for n in 0..3000 {
            let write = |edited| {
                let mut out = JsonWriter::default();
                body(RandomTable::new(7).at(n), n, edited, &mut out);
                out.bytes
            };
            assert_ne!(write(0), write(1));
            assert_ne!(write(1), write(2));
        }
    }

    #[test]
    fn everything_else_is_json_too() {
        for n in 0..2000 {
            let dice = RandomTable::new(3).at(n);
            for write in [line, last_name, phone, cards, html] as [fn(RandomTable, &mut JsonWriter); 5] {
                let mut out = JsonWriter { lossy: true, ..JsonWriter::default() };
                write(dice, &mut out);
                serde_json::from_slice::<serde_json::Value>(&out.bytes).unwrap();
            }
            let mut out = JsonWriter { lossy: true, ..JsonWriter::default() };
            out.raw("[");
            first_name(dice, 1, &mut out);
            out.raw(",");
            email(dice, n, &mut out);
            out.raw(",");
            label(dice, n, 0, &mut out);
            out.raw("]");
            serde_json::from_slice::<serde_json::Value>(&out.bytes).unwrap();
        }
    }
}
