//! Errors about a wrong key or value of a TOML file. An error names the line, and the nearest right name if a name was
//! mistyped. It never quotes a value that could be a secret.

use crate::error::Error;

/// Turns a TOML error into an error with the line's number, and with the key if its value is wrong. `text` is the
/// parsed text, and `place` names its file. The message never quotes a value that could be a secret.
pub fn wrong(text: &str, place: &str, error: &toml::de::Error) -> Error {
    let Some(span) = error.span() else {
        return Error::usage(format!("{place}: {}", plain(error.message())));
    };
    let line = line_of(text, span.start);
    let of_value = error.message().starts_with("invalid ") || error.message().starts_with("unknown variant");
    let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
    // The value may be a secret, or an address that contains one, so it is never quoted.
    if error.message().starts_with("invalid type") && error.message().contains("expected a string") {
        let before = text.get(..span.start).unwrap_or_default().trim_end();
        let own =
            before.strip_suffix('=').and_then(|before| before.rsplit(['\n', ',', '{', '[']).next()).map(str::trim);
        let key = own.or(key).map(|key| format!("{key}: ")).unwrap_or_default();
        return Error::usage(format!("{place}:{line}: {key}must be text in quotes"));
    }
    let key = key.filter(|_| of_value).map(|key| format!("{key}: ")).unwrap_or_default();
    Error::usage(format!("{place}:{line}: {key}{}", plain(error.message())))
}

/// Returns the line number, from 1, of the key with this dotted path. If the key is missing, returns the line of the
/// nearest table or key above it, or `None` if there is none.
pub fn line_of_path(text: &str, path: &str) -> Option<usize> {
    let segments = |dotted: &str| -> Vec<String> {
        dotted.split('.').map(|part| part.trim().trim_matches(['"', '\'']).to_owned()).collect()
    };
    let (sought, mut table, mut best) = (segments(path), Vec::new(), None);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let here = if let Some(header) = line.strip_prefix('[') {
            table = segments(header.split(']').next().unwrap_or_default().trim_start_matches('['));
            table.clone()
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            [&table[..], &segments(key)].concat()
        } else {
            continue;
        };
        let longer = best.is_none_or(|(length, _)| here.len() > length);
        if sought.starts_with(&here) && longer {
            best = Some((here.len(), at + 1));
        }
    }
    best.map(|(_, line)| line)
}

/// Returns the number, from 1, of the line that holds the byte at `offset`.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// Turns an error message of serde into plain words. If a name was mistyped, suggests the nearest right one.
pub fn plain(message: &str) -> String {
    // serde names types as Rust does.
    let message = &message.replace("expected u32", "expected a whole number, 0 or more");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first_line = message.lines().next().unwrap_or(message);
    if !(message.starts_with("unknown field") || message.starts_with("unknown variant")) {
        return first_line.to_owned();
    }
    let Some(wrong) = quoted.next() else {
        return first_line.to_owned();
    };
    let of_value = message.starts_with("unknown variant");
    let what = if of_value { "value" } else { "key" };
    let known: Vec<&str> = quoted.collect();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)));
    let all = format!("known here: {}", known.join(", "));
    match nearest {
        Some(near) if strsim::jaro_winkler(wrong, near) > 0.75 => {
            let all = if of_value { format!(" ({all})") } else { String::new() };
            format!("unknown {what} `{wrong}`; did you mean `{near}`?{all}")
        }
        _ => format!("unknown {what} `{wrong}`; {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_wherever_it_is_written() {
        let text = "name = \"x\"\n[source]\na.b = 1\n[source.dialect.list]\n# size = 1\nsize = \"n\"\n[other]\nin = { line = 1 }\n";
        for (path, line) in [
            ("source.a.b", 3),
            ("source.dialect.list.size", 6),
            ("source.dialect.list.none", 4),
            ("other.in.line", 8),
            ("name", 1),
        ] {
            assert_eq!(line_of_path(text, path), Some(line), "{path}");
        }
        assert_eq!(line_of_path(text, "nothing"), None);
    }
}
