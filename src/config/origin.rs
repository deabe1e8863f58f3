//! Picks values by precedence: flags override the environment, the environment overrides the job file, and the job
//! file overrides defaults. Each pick is noted for `--print-config`.

use std::time::Duration;

use serde::Serialize;

use super::{env, toml_error, values};
use crate::error::{Error, Result};

/// Where the value of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag on the command line, with its name.
    Flag(&'static str),
    /// An environment variable, with its name.
    Environment(String),
    /// The job file.
    Job,
    /// The default, because nothing sets it.
    Default,
}

/// Chooses the value of each setting by precedence, and collects the values with their origins.
pub struct Picker<'p> {
    /// The job file's name, for messages.
    pub place: &'p str,
    /// The job file's text.
    pub text: &'p str,
    /// The key, the displayed value and the origin of every setting chosen so far.
    pub origins: Vec<(String, String, Origin)>,
}

impl Picker<'_> {
    /// Returns the flag's value, or else the job file's, or else the default. Notes the value under `key`.
    pub fn pick<T: Serialize>(&mut self, key: &str, flag: Option<(&'static str, T)>, job: Option<T>, default: T) -> T {
        let (value, origin) = match (flag, job) {
            (Some((flag, value)), _) => (value, Origin::Flag(flag)),
            (None, Some(value)) => (value, Origin::Job),
            (None, None) => (default, Origin::Default),
        };
        // The value as it would stand in the job file.
        let shown = toml::Value::try_from(&value).map_or_else(|_| "?".to_owned(), |value| value.to_string());
        self.note(key, shown, origin);
        value
    }

    /// Chooses a number like [`Picker::pick`]. Returns an error if it is less than `least` or greater than `most`.
    pub fn bounded(
        &mut self,
        key: &str,
        flag: Option<(&'static str, u32)>,
        job: Option<u32>,
        default: u32,
        (least, most): (u32, u32),
    ) -> Result<u32> {
        let value = self.pick(key, flag, job, default);
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        let bounds = if most == u32::MAX { format!("at least {least}") } else { format!("{least} to {most}") };
        let place = if let Some((flag, _)) = flag {
            flag.to_owned()
        } else {
            let line = toml_error::line_of_path(self.text, key).map(|line| format!(":{line}")).unwrap_or_default();
            format!("{}{line}: {key}", self.place)
        };
        Err(Error::usage(format!("{place} = {value}: it must be {bounds}")))
    }

    /// Notes the value of a setting and its origin for `--print-config`. `shown` is the value as displayed.
    pub fn note(&mut self, key: &str, shown: String, origin: Origin) {
        self.origins.push((key.to_owned(), shown, origin));
    }

    /// Chooses a string: the flag's, or else the environment variable's (if `variable` names one), or else the job
    /// file's, in which `${NAME}` is expanded. Returns `None` if nothing sets it. A `hidden` value is not shown by
    /// `--print-config`.
    pub fn text(
        &mut self,
        key: &str,
        flag: Option<(&'static str, String)>,
        variable: Option<&str>,
        job: Option<&String>,
        hidden: bool,
    ) -> Result<Option<String>> {
        let (value, origin) = if let Some((flag, value)) = flag {
            (value, Origin::Flag(flag))
        } else if let Some((value, name)) = variable.map(env::read).transpose()?.flatten() {
            (value, Origin::Environment(name))
        } else if let Some(text) = job {
            (env::expand(text, &format!("{}: {key}", self.place))?, Origin::Job)
        } else {
            return Ok(None);
        };
        let shown = if hidden { "\"[hidden]\"".into() } else { format!("{value:?}") };
        self.note(key, shown, origin);
        Ok(Some(value))
    }

    /// Reads a duration from the job file, or else from the default, such as `30s`.
    pub fn duration(&mut self, key: &str, job: Option<&String>, default: &str) -> Result<Duration> {
        let text = self.pick(key, None, job.cloned(), default.to_owned());
        values::duration(&text, &format!("{}: {key}", self.place))
    }

    /// Reads a size from the job file, or else from the default, such as `8MiB`. Returns it in bytes.
    pub fn size(&mut self, key: &str, job: Option<&String>, default: &str) -> Result<usize> {
        let text = self.pick(key, None, job.cloned(), default.to_owned());
        let place = format!("{}: {key}", self.place);
        usize::try_from(values::size(&text, &place)?).map_err(|_| Error::usage(format!("{place} is too large")))
    }
}
