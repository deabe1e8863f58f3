//! `[source]`: the endpoint, the credentials and the limits of one API key.

use std::sync::Arc;

use super::credential::{self, suspicion};
use super::env;
use super::flags::Flags;
use super::job;
use super::origin::{Origin, Picker};
use crate::error::{Error, Result};
use crate::record::volatile::Volatile;
use crate::secret::Secret;
use crate::source::SourceSettings;
use crate::source::retry::Limits;
use crate::source::settings::Collecting;
use crate::streams::PerStream;

/// The documented URL of the API, used if nothing else is set.
const ENDPOINT: &str = "https://api.qpien.com/api/v1";

/// Reads the settings of the source. If `of_many` is set, the account is one of several with keys of their own, so
/// the environment variables for credentials do not apply. If `online` is not set, missing credentials are no error,
/// because the command sends no request.
pub fn source(
    p: &mut Picker<'_>,
    job: &job::SourceTable,
    of_many: bool,
    flags: &Flags,
    online: bool,
) -> Result<SourceSettings> {
    let variable = |name| Some(name).filter(|_| !of_many);
    let flag = flags.endpoint.clone().map(|e| ("--endpoint", e));
    let endpoint = match p.text("source.endpoint", flag, Some(env::ENDPOINT), job.endpoint.as_ref(), false)? {
        Some(endpoint) => endpoint.trim().to_owned(),
        None => p.pick("source.endpoint", None, None, ENDPOINT.to_owned()),
    };
    let client_id = p.text("source.client_id", None, variable(env::CLIENT_ID), job.client_id.as_ref(), false);
    let client_id = credential(p, "client_id", env::CLIENT_ID, client_id, online)?;
    let client_secret =
        p.text("source.client_secret", None, variable(env::CLIENT_SECRET), job.client_secret.as_ref(), true);
    let client_secret = credential(p, "client_secret", env::CLIENT_SECRET, client_secret, online)?;
    let collect = match p.pick("source.extra_fields", None, job.extra_fields, job::ExtraFields::Collect) {
        job::ExtraFields::Ignore => Collecting::Nothing,
        job::ExtraFields::Collect => Collecting::Shown,
    };
    let suspicions = [("client_id", &client_id), ("client_secret", &client_secret)];
    let suspicions = suspicions.into_iter().filter_map(|(key, value)| suspicion(&place(p, key), value)).collect();
    Ok(SourceSettings {
        suspicions,
        endpoint,
        client_id,
        client_secret: Secret::new(client_secret),
        aliases_per_request: p.bounded("source.aliases_per_request", None, job.aliases_per_request, 10, (1, 100))?
            as usize,
        in_flight: p.bounded("source.in_flight", None, job.in_flight, 8, (1, 64))?,
        bytes_in_flight: p.size("source.bytes_in_flight", job.bytes_in_flight.as_ref(), "8MiB")?,
        max_response: p.size("source.max_response", job.max_response.as_ref(), "32MiB")?,
        connect_timeout: p.duration("source.connect_timeout", job.connect_timeout.as_ref(), "10s")?,
        read_timeout: p.duration("source.read_timeout", job.read_timeout.as_ref(), "60s")?,
        collect: Arc::new(PerStream::new(|| collect)),
        is_collect_named: job.extra_fields == Some(job::ExtraFields::Collect),
        volatile: Arc::new(PerStream::new(Volatile::default)),
        limits: Limits {
            long: p.duration("source.retry_for", job.retry_for.as_ref(), "15m")?,
            budget: p.duration("source.wait_for_budget", job.wait_for_budget.as_ref(), "1h")?,
            ..Limits::default()
        },
    })
}

/// Returns where a credential is set, for error messages: the environment variable, or the job file and the key.
fn place(p: &Picker<'_>, key: &str) -> String {
    let key = format!("source.{key}");
    match p.origins.iter().rev().find(|(noted, ..)| *noted == key) {
        Some((_, _, Origin::Environment(name))) => name.clone(),
        _ => format!("{}: {key}", p.place),
    }
}

fn credential(
    p: &mut Picker<'_>,
    key: &str,
    variable: &str,
    picked: Result<Option<String>>,
    online: bool,
) -> Result<String> {
    let picked = if online { picked? } else { picked.unwrap_or(None) };
    let place = place(p, key);
    let picked = picked.map(|value| credential::cleaned(&place, &value)).transpose()?;
    match picked.filter(|value| !value.is_empty()) {
        Some(value) => Ok(value),
        None if online => Err(Error::usage(format!(
            "the {} is not set: export {variable} (or {variable}_FILE, the name of a file that holds it)",
            key.replace('_', " ")
        ))),
        None => {
            let key = format!("source.{key}");
            if !p.origins.iter().any(|(noted, ..)| *noted == key) {
                p.note(&key, "(not set)".into(), Origin::Default);
            }
            Ok(String::new())
        }
    }
}
