//! The names of all environment variables that the program reads, and the expansion of `${NAME}` in job files.

use std::env::VarError;
use std::path::{Path, PathBuf};

use super::text_file;
use crate::error::{Error, Result};
use crate::secret;

/// The variable for the URL of the GraphQL endpoint.
pub const ENDPOINT: &str = "QPIEN_ENDPOINT";
/// The variable for the API key's client id.
pub const CLIENT_ID: &str = "QPIEN_CLIENT_ID";
/// The variable for the API key's secret.
pub const CLIENT_SECRET: &str = "QPIEN_CLIENT_SECRET";
/// The variable for the folder that holds the request budgets shared between processes. The default is the user's
/// state folder.
pub const STATE_DIR: &str = "QPIEN_STATE_DIR";
/// The variable for the secret key of the masks that replace values by keyed hashes.
pub const MASK_KEY: &str = "QPIEN_MASK_KEY";

/// Returns a variable's value, or the content of the file that the variable `NAME_FILE` names, for secrets that are
/// provided as files. The second string is the name of the variable that was used. Returns `None` if neither is set.
pub fn read(name: &str) -> Result<Option<(String, String)>> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => return Ok(Some((value, name.to_owned()))),
        Err(VarError::NotUnicode(_)) => return Err(Error::usage(format!("the variable {name} is not UTF-8 text"))),
        _ => {}
    }
    let file_name = format!("{name}_FILE");
    match std::env::var(&file_name) {
        Ok(path) if !path.is_empty() => {
            let text = text_file::read(Path::new(&path)).map_err(|e| {
                Error::usage(format!("{file_name} names {path}, which cannot be read: {e}")).caused_by(&e)
            })?;
            let text = text.trim_end_matches(['\r', '\n']);
            if text.trim().is_empty() {
                return Err(Error::usage(format!("{file_name} names {path}, which is empty")));
            }
            Ok(Some((text.to_owned(), file_name)))
        }
        _ => Ok(None),
    }
}

/// Replaces each `${NAME}` in `text` by that variable's value, and `$$` by a dollar sign. Returns an error if a
/// variable is not set. `place` says in the error where the text is from.
pub fn expand(text: &str, place: &str) -> Result<String> {
    expand_by(text, place, |_, value| Ok(value))
}

/// Expands variables like [`expand`], and returns an error if a value has more than one line. Blanks around a value
/// are removed.
pub fn expand_lines(text: &str, place: &str) -> Result<String> {
    expand_by(text, place, |name, value| secret::line(name, &value).map(str::to_owned))
}

fn expand_by(text: &str, place: &str, fit: impl Fn(&str, String) -> Result<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            let (value, _) = read(name)?.ok_or_else(|| {
                Error::usage(format!("{place} refers to ${{{name}}}, but the variable {name} is not set"))
            })?;
            out.push_str(&fit(name, value)?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Returns the names of the variables that a text refers to and that are not set.
pub fn unset(text: &str) -> Vec<String> {
    let plain = text.replace("$$", "");
    let names = plain.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    names.filter(|name| matches!(read(name), Ok(None))).map(str::to_owned).collect()
}

/// Returns the folder for data that all mirrors of this user share. Returns `None` if no variable names it or the
/// user's home.
pub fn state_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable(STATE_DIR)
        .or_else(|| variable("XDG_STATE_HOME").map(|p| p.join("qpien-sync")))
        .or_else(|| variable("HOME").map(|p| p.join(".local/state/qpien-sync")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_with_its_place() {
        let e = expand("a${NO_SUCH_VARIABLE_HERE}", "[source] client_id").expect_err("missing");
        assert!(e.detail.contains("NO_SUCH_VARIABLE_HERE") && e.detail.contains("[source] client_id"), "{e}");
        assert_eq!(expand("5$$ $x", "p").expect("plain"), "5$ $x");
        assert_eq!(secret::line("N", " postgres://u:p@h/w\r\n").expect("one line"), "postgres://u:p@h/w");
        let told = secret::line("WAREHOUSE_URL", "s3cret\nx").expect_err("two lines").detail;
        assert!(told.contains("WAREHOUSE_URL") && !told.contains("s3cret"), "{told}");
        assert_eq!(unset("a${NO_SUCH_ONE}b${NO_SUCH_TWO}$${NEITHER}${PATH}"), ["NO_SUCH_ONE", "NO_SUCH_TWO"]);
    }
}
