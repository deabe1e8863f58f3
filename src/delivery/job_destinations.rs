//! Opens, checks and locks the destinations of a job, and remembers which of them cannot be served now. A destination
//! that fails does not prevent the deliveries to the others: it is left out, and tried once more when its own delivery
//! is due.
//!
//! If no destination is left, and at least one of them needs a person's help, the run does not begin. Reading the
//! account would then serve nothing.

use crate::config::settings::Settings;
use crate::delivery::{preflight, target};
use crate::destinations::Destination;
use crate::error::{Error, Result};
use crate::mirror::store::Writer;
use crate::policy;

/// The destinations of a job, opened.
pub type Destinations = Vec<Opened>;

/// A destination and, if it cannot be served now, the reason.
pub struct Opened {
    pub(super) destination: Box<dyn Destination + Send>,
    /// The error that keeps the destination from being served. The destination is tried once more when its own
    /// delivery is due.
    pub(super) trouble: Option<Error>,
}

impl Opened {
    /// Returns `true` if `outcome`, the result of a step with this destination, is a success. Otherwise logs the
    /// error and keeps it, so that only this destination is left out. Returns an error only if its kind must stop the
    /// whole run.
    pub(super) fn is_well(&mut self, outcome: Result<()>) -> Result<bool> {
        match outcome {
            Ok(()) => Ok(true),
            Err(error) if policy::stops_every_delivery(&error.kind) => Err(error),
            Err(error) => {
                let place = self.destination.place();
                tracing::warn!(%place, %error, "not served now: it is tried once more when it is its turn");
                self.trouble = Some(error);
                Ok(false)
            }
        }
    }
}

/// Opens, checks and locks the job's destinations. A destination that cannot be served now is returned with its
/// error. Returns an error if the run must not begin.
pub fn open(settings: &Settings) -> Result<Destinations> {
    let mut all: Destinations = Vec::new();
    for d in &settings.destinations {
        let mut opened = Opened { destination: target::destination(d, settings)?, trouble: None };
        let checked = opened.destination.check(&holder(settings));
        opened.is_well(checked)?;
        all.push(opened);
    }
    refuse_where_none_is_left(&all)?;
    Ok(all)
}

/// Returns the name under which the job locks its destinations.
fn holder(settings: &Settings) -> String {
    format!("job {}", settings.name)
}

/// Checks whether the mirror may deliver to each destination that can be served ([`preflight::refuse`]). Returns an
/// error if the run must not go on.
pub(super) fn refuse(writer: &mut Writer, settings: &Settings, destinations: &mut Destinations) -> Result<()> {
    for opened in destinations.iter_mut().filter(|opened| opened.trouble.is_none()) {
        let refused = preflight::refuse(writer, settings, opened.destination.as_mut());
        opened.is_well(refused)?;
    }
    refuse_where_none_is_left(destinations)
}

/// Returns an error if no destination can be served, and at least one of them needs a person's help. Reading the
/// account would then serve nothing.
fn refuse_where_none_is_left(destinations: &Destinations) -> Result<()> {
    let lasting = |error: &&Error| !policy::may_pass_by_itself(&error.kind);
    let troubles: Vec<&Error> = destinations.iter().filter_map(|opened| opened.trouble.as_ref()).collect();
    match troubles.iter().copied().find(lasting) {
        Some(error) if troubles.len() == destinations.len() => Err(error.clone()),
        _ => Ok(()),
    }
}

/// Repeats the check and the preflight for a destination that could not be served earlier in the run. Does nothing
/// for any other destination.
pub(super) fn retry_check(writer: &mut Writer, settings: &Settings, opened: &mut Opened) -> Result<()> {
    if opened.trouble.is_some() {
        opened.destination.check(&holder(settings))?;
        preflight::refuse(writer, settings, opened.destination.as_mut())?;
        opened.trouble = None;
    }
    Ok(())
}
