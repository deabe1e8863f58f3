//! Parses a job's `path`: a local folder, or `s3://bucket/prefix`. Each location has one canonical name, however a
//! job spells it. Logs, pins and locks use that name.

use std::ffi::OsString;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// A bucket of an object store, and a prefix in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreLocation {
    /// The bucket's name.
    pub bucket: String,
    /// The beginning of every object's key, without a `/` at either end. Empty if objects are at the top of the
    /// bucket.
    pub prefix: String,
}

impl StoreLocation {
    /// Parses `path` as a location in an object store. Returns `None` if it is a local folder, and an error if it is
    /// neither.
    pub fn of(path: &Path) -> Result<Option<StoreLocation>> {
        let Some(text) = path.to_str() else { return Ok(None) };
        if text.starts_with('~') {
            return Err(Error::usage(
                "nobody but a shell knows what ~ means: write ${HOME}/..., or ./~... for a folder of that name",
            ));
        }
        let Some((scheme, rest)) = text.split_once("://") else { return folder(text).map(|()| None) };
        if scheme != "s3" {
            return Err(Error::usage(format!(
                "there is no way to {scheme}://: a path is a local folder or s3://bucket/prefix"
            )));
        }
        if !cfg!(feature = "objects") {
            return Err(Error::usage(
                "this build has no object storage: build it with the feature \"objects\", or name a local folder",
            ));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(plain) {
            return Err(Error::usage("an object store's path is s3://bucket/prefix: this one names no bucket"));
        }
        let prefix = prefix.trim_end_matches('/');
        let odd = |part: &str| part.is_empty() || matches!(part, "." | "..") || part.chars().any(char::is_control);
        if !prefix.is_empty() && prefix.split('/').any(odd) {
            return Err(Error::usage("an object store has no empty folders, `.` or `..` in its paths"));
        }
        Ok(Some(StoreLocation { bucket: bucket.to_owned(), prefix: prefix.to_owned() }))
    }

    /// Returns the key, in the bucket, of the file with this name.
    pub fn key(&self, name: &str) -> String {
        let between = if self.prefix.is_empty() || name.is_empty() { "" } else { "/" };
        format!("{}{between}{name}", self.prefix)
    }

    /// Returns the URL of a file, for display, for example `s3://bucket/prefix/manifest.json`.
    pub fn name_of(&self, name: &str) -> String {
        let key = self.key(name);
        if key.is_empty() { format!("s3://{}", self.bucket) } else { format!("s3://{}/{key}", self.bucket) }
    }
}

/// Returns an error for a folder name that looks like a misspelled URL, such as `s3:bucket`. A single letter before
/// the `:` is a drive, not a scheme.
fn folder(text: &str) -> Result<()> {
    let Some((scheme, _)) = text.split_once(':') else { return Ok(()) };
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{scheme}: begins an address, and there is only s3://bucket/prefix; a folder of that name is ./{scheme}:..."
    )))
}

/// Returns the canonical path to which a local path leads, whether it exists or not: absolute, without `.`, `..`,
/// symbolic links and repeated slashes.
pub fn canonical(path: &Path) -> PathBuf {
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // A link whose target does not exist yet.
    for _ in 0..16 {
        let Ok(target) = path.read_link() else { break };
        if path.exists() {
            break;
        }
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    let mut rest: Vec<OsString> = Vec::new();
    let mut there = path.as_path();
    let mut found = loop {
        match (there.canonicalize(), there.parent()) {
            (Ok(found), _) => break found,
            (Err(_), Some(parent)) => {
                rest.push(there.components().next_back().map_or_else(OsString::new, |c| c.as_os_str().to_owned()));
                there = parent;
            }
            (Err(_), None) => break there.to_owned(),
        }
    };
    for part in rest.iter().rev() {
        match Path::new(part).components().next() {
            Some(Component::ParentDir) => drop(found.pop()),
            Some(Component::CurDir) | None => {}
            Some(_) => found.push(part),
        }
    }
    found
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name_of(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Result<Option<StoreLocation>> {
        StoreLocation::of(Path::new(path))
    }

    #[test]
    fn a_folder_is_a_folder() {
        for path in ["out", "/srv/out", "./s3:/x", "s3", "out/a:b", "./~x", "a~", "2024:x", "c:/x"] {
            assert_eq!(of(path), Ok(None), "{path}");
        }
        for (path, told) in [
            ("s3:/bucket/x", "s3://bucket/prefix"),
            ("s3:bucket", "./s3:..."),
            ("S3:/bucket", "s3://bucket/prefix"),
            ("file:/tmp", "file: begins an address"),
            ("report:2024", "./report:..."),
            ("~", "${HOME}"),
            ("~/out", "${HOME}"),
            ("~somebody/out", "./~..."),
        ] {
            let refused = of(path).expect_err(path);
            assert!(refused.kind == crate::error::Kind::Usage && refused.detail.contains(told), "{path}: {refused}");
        }
    }

    #[cfg(not(feature = "objects"))]
    #[test]
    fn a_build_without_it_says_so() {
        assert!(of("s3://b/p").expect_err("refused").detail.starts_with("this build has no object storage"));
    }

    #[cfg(feature = "objects")]
    #[test]
    fn a_bucket_and_a_prefix_are_told_apart_however_it_ends() {
        for (path, place, key) in [
            ("s3://b", "s3://b", "manifest.json"),
            ("s3://b/", "s3://b", "manifest.json"),
            ("s3://b/p", "s3://b/p", "p/manifest.json"),
            ("s3://b/p/q=1//", "s3://b/p/q=1", "p/q=1/manifest.json"),
        ] {
            let location = of(path).expect(path).expect("an object store");
            assert_eq!((location.to_string().as_str(), location.key("manifest.json").as_str()), (place, key));
        }
        assert_eq!(of("s3://b/p/"), of("s3://b/p"));
        for path in ["s3://", "s3:///p", "s3://b//p", "s3://b/../p", "s3://u:p@b/p", "gs://b/p", "file:///tmp"] {
            let refused = of(path).expect_err(path);
            assert!(!refused.detail.contains("u:p"), "{refused}");
        }
    }
}
