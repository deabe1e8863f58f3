//! `[[account]]`: many accounts in one job, each with its own key, mirror and output.
//!
//! Each account becomes a job of its own: the job file with the account's key in its `[source]`, and with the
//! account's name instead of `{account}`. All other code sees the settings of one account and never those of another.
//!
//! Before anything runs, this module refuses accounts that share a path or a key, and accounts without credentials,
//! because a night with only some of the accounts is worse than none. Only the chosen accounts need credentials, so a
//! machine holds only the secrets of its own share of the accounts.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::credential;
use super::env;
use super::flags::Flags;
use super::job::{self, AccountTable, Job};
use super::shard::Shard;
use super::{text_file, toml_error};
use crate::error::{Error, Result};

/// The placeholder for an account's name in paths.
pub const PLACEHOLDER: &str = "{account}";

/// The longest name of an account, in bytes. File systems allow 255 bytes for a file name, and endings follow the
/// account's name.
const LONGEST: usize = 100;

/// The default of `accounts_at_once`, the number of accounts that run at the same time.
pub const AT_ONCE: u32 = 8;

/// The content of the file that the job's `accounts` key names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    account: Vec<AccountTable>,
}

/// An account, and the file and line that it was read from, for error messages.
struct Found {
    account: AccountTable,
    place: String,
}

impl Found {
    fn name(&self) -> &str {
        self.account.name.get_ref()
    }
}

/// Returns the accounts that the flags choose, each as its name and a job of its own. Returns `None` for a job that
/// lists no accounts. `text` is the job file's text and `path` its path. If `online` is set, accounts without
/// credentials, or with the same key, are an error.
pub fn chosen(job: &Job, text: &str, path: &Path, flags: &Flags, online: bool) -> Result<Option<Vec<(String, Job)>>> {
    let place = path.display().to_string();
    if job.account.is_empty() && job.accounts.is_none() {
        return alone(job, text, &place, flags).map(|()| None);
    }
    let listed = listed(job, text, path)?;
    let names: Vec<&str> = listed.iter().map(Found::name).collect();
    own_places(job, text, &place, &names)?;
    let picked = picked(&listed, &place, flags)?;
    let one = picked.len() == 1 && flags.shard.is_none();
    for (flag, given) in [("--mirror", flags.mirror.is_some()), ("--out", flags.out.is_some())] {
        if given && !one {
            return Err(Error::usage(format!("{flag} is one account's: pick it with --account NAME")));
        }
    }
    if online {
        refuse_incomplete(&picked)?;
        refuse_one_key(&picked)?;
    }
    Ok(Some(picked.into_iter().map(|found| (found.name().to_owned(), of_account(job, &found.account))).collect()))
}

/// Returns an error if a job that lists no accounts has flags or keys that are about accounts.
fn alone(job: &Job, text: &str, place: &str, flags: &Flags) -> Result<()> {
    if !flags.accounts.is_empty() || flags.shard.is_some() {
        let flag = if flags.shard.is_some() { "--shard" } else { "--account" };
        return Err(Error::usage(format!("{flag} is for a job that lists accounts, and {place} lists none")));
    }
    if job.accounts_at_once.is_some() {
        let at = at(text, place, "accounts_at_once");
        return Err(Error::usage(format!("{at}: accounts_at_once is for a job that lists accounts")));
    }
    match templates(job).into_iter().find(|(_, path)| path.is_some_and(|p| p.contains(PLACEHOLDER))) {
        Some((key, _)) => Err(Error::usage(format!(
            "{}: {key} has {PLACEHOLDER} in it, but the job lists no account: add [[account]] tables, or write a path",
            at(text, place, &key)
        ))),
        None => Ok(()),
    }
}

/// Returns the accounts of the job file and of the file that its `accounts` key names. Returns an error if a name
/// occurs twice or cannot be used in a path.
fn listed(job: &Job, text: &str, path: &Path) -> Result<Vec<Found>> {
    let place = path.display().to_string();
    for (key, given) in
        [("client_id", job.source.client_id.is_some()), ("client_secret", job.source.client_secret.is_some())]
    {
        if given {
            let at = at(text, &place, &format!("source.{key}"));
            return Err(Error::usage(format!("{at}: [source] {key} beside accounts: each account has its own")));
        }
    }
    let mut all = found(job.account.clone(), text, &place);
    if let Some(name) = &job.accounts {
        let name = env::expand(name, &format!("{place}: accounts"))?;
        let file = path.parent().unwrap_or(Path::new("")).join(&name);
        let shown = file.display().to_string();
        let text = text_file::read(&file)
            .map_err(|e| Error::usage(format!("{place}: accounts: the file {shown}: {e}")).caused_by(&e))?;
        let Listed { account } = toml::from_str(&text).map_err(|e| toml_error::wrong(&text, &shown, &e))?;
        all.extend(found(account, &text, &shown));
    }
    if all.is_empty() {
        return Err(Error::usage(format!("{place}: there is no [[account]] in the files it names")));
    }
    // File systems and databases that fold case would take `Acme` and `acme` for one name.
    let mut seen: HashMap<String, &Found> = HashMap::new();
    for found in &all {
        let (name, place) = (found.name(), &found.place);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(Error::usage(format!(
                "{place}: the account's name {name:?} stands in paths: letters, digits, - and _ only"
            )));
        }
        if name.starts_with('-') || name.len() > LONGEST {
            return Err(Error::usage(format!(
                "{place}: the account's name {name:.20} stands in paths and on command lines: at most {LONGEST} characters, \
                 and no - in front"
            )));
        }
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), found) {
            return Err(Error::usage(format!(
                "{place}: the account {name} has the name of {}, case aside, at {}",
                other.name(),
                other.place
            )));
        }
    }
    Ok(all)
}

fn found(accounts: Vec<AccountTable>, text: &str, place: &str) -> Vec<Found> {
    let located = |account: AccountTable| {
        let place = format!("{place}:{}", toml_error::line_of(text, account.name.span().start));
        Found { account, place }
    };
    accounts.into_iter().map(located).collect()
}

/// Returns the settings that must differ between accounts: the job key and the value of each path or schema.
fn templates(job: &Job) -> Vec<(String, Option<&str>)> {
    let destinations = job.destination.iter().enumerate();
    let destinations = destinations.map(|(i, d)| match d.kind {
        job::DestinationKind::Postgres => (format!("destination[{i}].schema"), d.schema.as_deref()),
        job::DestinationKind::Csv | job::DestinationKind::Jsonl | job::DestinationKind::Parquet => {
            (format!("destination[{i}].path"), d.path.as_deref())
        }
    });
    [("mirror.path".to_owned(), job.mirror.path.as_deref())].into_iter().chain(destinations).collect()
}

/// Returns an error if two accounts would share a path or a database schema.
fn own_places(job: &Job, text: &str, place: &str, names: &[&str]) -> Result<()> {
    let mut taken: HashMap<String, String> = HashMap::new();
    for (key, path) in templates(job) {
        let at = at(text, place, &key);
        let Some(path) = path else {
            return Err(Error::usage(format!(
                "{at}: {key} is not set, and accounts would share its default: write for example \"{}\"",
                example(&key)
            )));
        };
        if path.contains("${account}") {
            return Err(Error::usage(format!("{at}: {key} = {path:?}: write {PLACEHOLDER}, without the dollar sign")));
        }
        if !path.contains(PLACEHOLDER) {
            return Err(Error::usage(format!(
                "{at}: {key} = {path:?} would be shared by all accounts: put {PLACEHOLDER} into it"
            )));
        }
        for name in names {
            let own = if key.ends_with("schema") { of_schema(path, name) } else { path.replace(PLACEHOLDER, name) };
            let own = format!("{own}{}", if key.ends_with("schema") { format!(" of {key}") } else { String::new() });
            if let Some(other) = taken.insert(own.to_ascii_lowercase(), format!("{key} of account {name}")) {
                return Err(Error::usage(format!("{at}: {own} would be {key} of account {name} and {other}")));
            }
        }
    }
    Ok(())
}

/// Returns the accounts that `--account` or `--shard` chooses, or all if neither is given, in the order of the files.
fn picked<'l>(listed: &'l [Found], place: &str, flags: &Flags) -> Result<Vec<&'l Found>> {
    let shard = flags.shard.as_deref().map(Shard::read).transpose()?;
    for name in &flags.accounts {
        if listed.iter().all(|found| found.name() != name) {
            let near = |found: &&Found| strsim::jaro_winkler(name, found.name());
            let nearest = listed.iter().max_by(|a, b| near(a).total_cmp(&near(b))).filter(|found| near(found) > 0.75);
            let meant = nearest.map(|found| format!("; did you mean {}?", found.name())).unwrap_or_default();
            return Err(Error::usage(format!("--account {name}: {place} lists no such account{meant}")));
        }
    }
    let by_name = |found: &&Found| flags.accounts.is_empty() || flags.accounts.iter().any(|name| name == found.name());
    let by_shard = |found: &&Found| shard.is_none_or(|shard| shard.holds(found.name()));
    Ok(listed.iter().filter(by_name).filter(by_shard).collect())
}

/// Returns an error that names every account with incomplete credentials.
fn refuse_incomplete(picked: &[&Found]) -> Result<()> {
    let mut lacking = Vec::new();
    for found in picked {
        let AccountTable { client_id, client_secret, .. } = &found.account;
        for (key, text) in [("client_id", client_id), ("client_secret", client_secret)] {
            let unset = env::unset(text);
            let why = match env::expand(text, key).and_then(|value| credential::cleaned(key, &value)) {
                _ if !unset.is_empty() => format!("{key} needs {}", unset.join(", ")),
                Err(error) => error.detail,
                Ok(value) if value.is_empty() => format!("{key} is empty"),
                Ok(_) => continue,
            };
            lacking.push(format!("{}: {why}", found.name()));
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "credentials that are not set (export each, or NAME_FILE, the name of a file that holds it; nothing was run): {}",
        lacking.join("; ")
    )))
}

/// Returns an error if two accounts have the same key. Otherwise a copied line would store one account's records
/// under another's name.
fn refuse_one_key(picked: &[&Found]) -> Result<()> {
    let mut seen: HashMap<(String, Option<&String>), &Found> = HashMap::new();
    for found in picked {
        let id = credential::cleaned("client_id", &env::expand(&found.account.client_id, "client_id")?)?;
        if let Some(other) = seen.insert((id, found.account.endpoint.as_ref()), found) {
            return Err(Error::usage(format!(
                "{}: the account {} has the client_id of {}, at {}: it would read the other's records",
                found.place,
                found.name(),
                other.name(),
                other.place
            )));
        }
    }
    Ok(())
}

/// Puts an account's name into a schema's name. A `-` becomes `_`, because PostgreSQL does not allow it in an
/// unquoted name.
fn of_schema(schema: &str, name: &str) -> String {
    schema.replace(PLACEHOLDER, &name.replace('-', "_"))
}

/// Returns an example value with the placeholder in it, for an error message about this job key.
fn example(key: &str) -> String {
    match key {
        "mirror.path" => format!("state/{PLACEHOLDER}.db"),
        key if key.ends_with("schema") => format!("qpien_{PLACEHOLDER}"),
        _ => format!("out/{PLACEHOLDER}"),
    }
}

/// Returns a copy of the job with one account's key, endpoint and paths.
fn of_account(job: &Job, account: &AccountTable) -> Job {
    let own = |path: &str| path.replace(PLACEHOLDER, account.name.get_ref());
    let mut job = Job { accounts: None, account: Vec::new(), ..job.clone() };
    job.source.client_id = Some(account.client_id.clone());
    job.source.client_secret = Some(account.client_secret.clone());
    job.source.endpoint = account.endpoint.clone().or(job.source.endpoint);
    job.source.requests_per_minute = account.requests_per_minute.or(job.source.requests_per_minute);
    job.mirror.path = job.mirror.path.as_deref().map(own);
    for destination in &mut job.destination {
        destination.path = destination.path.as_deref().map(own);
        destination.schema = destination.schema.as_deref().map(|schema| of_schema(schema, account.name.get_ref()));
    }
    job
}

/// Returns the file and line of a job key, for error messages. Keys of array tables get no line, because this module
/// cannot find out which of the tables is meant.
fn at(text: &str, place: &str, key: &str) -> String {
    let line = toml_error::line_of_path(text, key).filter(|_| !key.contains('['));
    format!("{place}{}", line.map(|line| format!(":{line}")).unwrap_or_default())
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
