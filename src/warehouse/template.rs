//! Expands SQL templates. `{name}` is replaced by a value or a list. The lines between `--each stream` and `--end`
//! are repeated for each stream. A list that is alone on its line is broken into several lines with that line's
//! indent; elsewhere the list stays on one line. Other text in braces is not changed, so SQL and regular expressions
//! need no escapes.

use super::columns::{self, Types};
use crate::streams::Stream;

const EACH: &str = "--each stream";
const END: &str = "--end";
const WIDTH: usize = 110;

/// The values that a template's names are replaced by.
pub(super) struct Filling<'a> {
    pub(super) schema: &'a str,
    pub(super) feed: &'a str,
    pub(super) streams: &'a [Stream],
    pub(super) types: &'a Types,
    /// The engine's own expressions, by name.
    pub(super) expressions: &'a [(&'a str, &'a str)],
}

/// Returns the text of a template with its names replaced and its blocks repeated.
pub(super) fn fill(template: &str, filling: &Filling) -> String {
    let mut out = String::new();
    let mut block: Option<Vec<&str>> = None;
    for line in template.lines() {
        match (line.trim(), block.take()) {
            (EACH, _) => block = Some(Vec::new()),
            (END, Some(lines)) => {
                for stream in filling.streams {
                    for line in &lines {
                        filled(line, filling, Some(*stream), &mut out);
                    }
                }
            }
            (_, Some(mut lines)) => {
                lines.push(line);
                block = Some(lines);
            }
            (_, None) => filled(line, filling, None, &mut out),
        }
    }
    out
}

fn filled(line: &str, filling: &Filling, stream: Option<Stream>, out: &mut String) {
    let mut line = line.to_owned();
    for (name, expression) in filling.expressions {
        line = line.replace(&format!("{{{name}}}"), expression);
    }
    let mut line = line.replace("{schema}", filling.schema).replace("{feed}", filling.feed);
    if let Some(stream) = stream {
        line = line.replace("{stream}", stream.name());
        for (name, items) in columns::lists(stream, filling.types) {
            let hole = format!("{{{name}}}");
            if let Some(at) = line.find(&hole) {
                let rest = line.trim().trim_start_matches(&hole).trim_end_matches(',');
                let text = if rest.is_empty() { broken(&items, &line[..at]) } else { items.join(", ") };
                line = line.replace(&hole, &text);
            }
        }
    }
    out.push_str(&line);
    out.push('\n');
}

/// Joins the items of a list with commas, and breaks the result into lines of limited width. If the items have types,
/// each gets a line of its own.
fn broken(items: &[String], indent: &str) -> String {
    let one_a_line = items.iter().any(|i| i.contains(' '));
    let mut text = String::new();
    let mut length = indent.len();
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            text.push(',');
            if one_a_line || length + item.len() + 2 > WIDTH {
                text.push('\n');
                text.push_str(indent);
                length = indent.len();
            } else {
                text.push(' ');
            }
        }
        text.push_str(item);
        length += item.len() + 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::DEFAULT;

    #[test]
    fn blocks_stand_once_a_stream_and_lists_are_broken_where_they_are_alone() {
        let types = Types { text: "text", boolean: "boolean", timestamp: "timestamp", integer: "bigint" };
        let filling =
            Filling { schema: "s", feed: "f", streams: &DEFAULT[1..3], types: &types, expressions: &[("x", "y")] };
        let text = fill(
            "a {schema}\n--each stream\n  {stream}:\n  {columns}\n({columns})\n  {typed},\n--end\nx{3}{x}",
            &filling,
        );
        assert!(text.starts_with("a s\n  customer_persons:\n  _id, customer, type,"), "{text}");
        assert!(text.contains("\n  conversations:\n") && text.ends_with("\nx{3}y\n"), "{text}");
        assert!(text.contains("(_id, customer, type, status, firstName,"), "{text}");
        assert!(text.contains("\n  isStarred boolean,\n  status text,\n"), "{text}");
        assert!(text.contains("\n  _run_id bigint,\n"), "{text}");
        assert!(text.lines().filter(|l| l.starts_with("  ")).all(|l| l.len() < WIDTH + 10), "{text}");
    }
}
