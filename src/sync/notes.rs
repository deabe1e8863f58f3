//! Writes the notes of a run's summary that are known before the run reads anything.

use std::sync::PoisonError;

use super::incremental::without_sign;
use super::{Context, settings, volatile};
use crate::error::Result;
use crate::streams::Stream;

/// Adds the notes about settings, volatile values and ignored claims that are known before the run reads anything.
pub async fn note_all(context: &Context, streams: &[Stream]) -> Result<()> {
    settings::note_changes(context, streams).await?;
    volatile::declare(context, streams).await?;
    if let Some(note) = context.begun.age_note(context.source.now()) {
        context.note(note);
    }
    note_volatile(context, streams)?;
    note_ignored(context, streams)?;
    without_sign::weigh_silence(context, streams).await
}

/// Adds a note for each value that is declared volatile but is not asked for. A typing error in the job would leave
/// the real value in the hash.
fn note_volatile(context: &Context, streams: &[Stream]) -> Result<()> {
    let dialect = context.source.dialect();
    for stream in streams {
        let part = dialect.stream(*stream)?;
        let unasked = context.source.volatile()[*stream].paths.iter().filter(|path| !part.is_asked_for(path));
        let names: Vec<String> = unasked.map(|path| path.join(".")).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            let note = format!("{stream}: [source.volatile] names {names}, which is not asked for");
            context.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        }
    }
    Ok(())
}

/// Adds notes about claims of the server that are not believed because the job says so.
fn note_ignored(context: &Context, streams: &[Stream]) -> Result<()> {
    for stream in streams {
        for claim in context.source.dialect().stream(*stream)?.list.ignored() {
            context.note(format!(
                "{stream}: what the server says under `{claim}` is not believed, as the job asks; nothing is proven"
            ));
        }
    }
    Ok(())
}
