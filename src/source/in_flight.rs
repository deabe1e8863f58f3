//! Limits the number of requests under way, and the bytes of the answers that they may bring. Without the second
//! limit, a page of long messages times the requests in flight would decide how much memory a run takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::query::Question;
use super::settings::SourceSettings;
use crate::streams::{PerStream, Stream};

const KIB: usize = 1024;
/// The expected size of a stream's answer before the first one was seen, in KiB.
const FIRST_GUESS: u32 = 128;

/// The free slots and bytes for requests. A request returns its share when its guard is dropped.
pub struct InFlight {
    slots: Semaphore,
    /// The free bytes, in KiB.
    bytes: Arc<Semaphore>,
    most: u32,
    /// The expected size of one answer, in KiB.
    expected: PerStream<AtomicU32>,
}

impl InFlight {
    pub fn new(settings: &SourceSettings) -> InFlight {
        let most = u32::try_from((settings.bytes_in_flight / KIB).max(64)).unwrap_or(u32::MAX);
        InFlight {
            slots: Semaphore::new(settings.in_flight.max(1) as usize),
            bytes: Arc::new(Semaphore::new(most as usize)),
            most,
            expected: PerStream::new(|| AtomicU32::new(FIRST_GUESS)),
        }
    }

    /// Waits for a free slot. The result is never `None`, because nobody closes the semaphore; if it were, requests
    /// would not be limited.
    pub async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// Waits for a share of the bytes in flight, as large as the answers to these questions are expected to be. A
    /// larger answer is read all the same, and the next requests of its streams ask for more. Never returns `None`,
    /// because nobody closes the semaphore.
    pub async fn hold(&self, questions: &[Question]) -> Option<Arc<OwnedSemaphorePermit>> {
        let expected = u32::try_from(self.expected(questions)).unwrap_or(u32::MAX);
        let share = self.bytes.clone().acquire_many_owned(expected.clamp(1, self.most));
        share.await.ok().map(Arc::new)
    }

    /// Returns the expected size of the answers to these questions, in KiB.
    pub fn expected(&self, questions: &[Question]) -> usize {
        questions.iter().map(|q| self.expected[q.stream].load(Ordering::Relaxed) as usize).sum()
    }

    /// Returns how many pages of a stream one list may ask for at a time: as many as fill a quarter of the bytes in
    /// flight, but at least one.
    pub fn pages(&self, stream: Stream) -> usize {
        let each = self.expected[stream].load(Ordering::Relaxed).max(1);
        usize::try_from(self.most / 4 / each).unwrap_or(1).max(1)
    }

    /// Adjusts the expected size of answers for the streams of `questions` by an answer of so many `bytes`. The
    /// expected size rises at once and falls slowly.
    pub fn learn(&self, questions: &[Question], bytes: usize) {
        let each = u32::try_from(bytes / KIB / questions.len().max(1) + 1).unwrap_or(u32::MAX);
        for q in questions {
            let expected = &self.expected[q.stream];
            let before = expected.load(Ordering::Relaxed);
            expected.store(each.max(before - before / 16), Ordering::Relaxed);
        }
    }
}
