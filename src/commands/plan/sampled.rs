//! Estimates from a sample how many messages the conversations have, for a first reading.

use super::{question, row_bytes};
use crate::config::settings::Settings;
use crate::error::Result;
use crate::source::Source;
use crate::streams::Stream;
use crate::sync::estimate::KnownStream;

/// The number of conversations sampled from each part of their list.
const EACH: u64 = 25;

/// Returns what a sample of the conversations shows, one item for each part of their list. Returns `None` if the
/// server does not report how many messages a conversation has.
///
/// Lists are often sorted by activity or by age, so the beginning differs from the rest. Therefore the first part is
/// short, and each later part is twice as long as the one before.
pub async fn sampled(
    source: &Source,
    settings: &Settings,
    stream: Stream,
    conversations: u64,
) -> Result<Option<Vec<KnownStream>>> {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    let mut from = 0;
    while from < conversations {
        let to = if from == 0 { EACH } else { from * 2 }.min(conversations);
        parts.push((from, to));
        from = to;
    }
    // One page from the middle of each part.
    let page = |(from, to): &(u64, u64)| (from + (to - from) / 2) / EACH * EACH;
    let size = u32::try_from(EACH).unwrap_or(25);
    let asks = parts.iter().map(|part| question(Stream::Conversations, None, size, page(part))).collect();
    let mut known = Vec::new();
    for ((from, to), shown) in parts.iter().zip(source.ask_all(asks).await) {
        let ids: Vec<String> = shown?.records.rows.iter().map(|r| r.id.to_string()).collect();
        // The first list is asked for a full page, to learn how large a row is.
        let sizes = std::iter::once(settings.page_size).chain(std::iter::repeat(1));
        let asks = ids.iter().zip(sizes).map(|(id, size)| question(stream, Some(id), size, 0)).collect();
        let (mut sampled, mut bytes) = (Vec::new(), 0.0_f64);
        for page in source.ask_all(asks).await {
            let page = page?;
            bytes = bytes.max(row_bytes(&page));
            let Some(total) = page.total else { return Ok(None) };
            sampled.push(total);
        }
        known.push(KnownStream {
            lists: to - from,
            sampled,
            page_size: settings.page_size,
            twice: false,
            totals: true,
            row_bytes: bytes,
        });
    }
    Ok(Some(known))
}
