//! How much is under way: a number of requests, and the bytes of the bodies that they may bring. Without the second a
//! page of long messages times the requests in flight decides how much memory a run takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::query::Question;
use super::settings::Settings;
use crate::streams::{PerStream, Stream};

const KIB: usize = 1024;
/// What a body is thought to be before one of its stream was seen, in KiB.
const FIRST_GUESS: u32 = 128;

/// Slots and bytes; both are given back when the guard is dropped.
pub struct InFlight {
    slots: Semaphore,
    /// In KiB.
    bytes: Arc<Semaphore>,
    most: u32,
    /// KiB of one answer, by stream.
    expected: PerStream<AtomicU32>,
}

impl InFlight {
    pub fn new(settings: &Settings) -> InFlight {
        let most = u32::try_from((settings.bytes_in_flight / KIB).max(64)).unwrap_or(u32::MAX);
        InFlight {
            slots: Semaphore::new(settings.in_flight.max(1) as usize),
            bytes: Arc::new(Semaphore::new(most as usize)),
            most,
            expected: PerStream::new(|| AtomicU32::new(FIRST_GUESS)),
        }
    }

    /// Waits for one of the requests that may be under way. (Nobody closes the semaphores; if one were closed, nothing
    /// would be limited.)
    pub async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// Waits for a share of the bytes, by what answers of these streams have been like. An answer that is larger than
    /// its share is read all the same; the next ones ask for more.
    pub async fn hold(&self, questions: &[Question]) -> Option<Arc<OwnedSemaphorePermit>> {
        let expected = u32::try_from(self.expected(questions)).unwrap_or(u32::MAX);
        let share = self.bytes.clone().acquire_many_owned(expected.clamp(1, self.most));
        share.await.ok().map(Arc::new)
    }

    /// KiB that answers to these questions are thought to have.
    pub fn expected(&self, questions: &[Question]) -> usize {
        questions.iter().map(|q| self.expected[q.stream].load(Ordering::Relaxed) as usize).sum()
    }

    /// How many pages of a stream one list may ask for at a time: a quarter of the bytes at most.
    pub fn pages(&self, stream: Stream) -> usize {
        let each = self.expected[stream].load(Ordering::Relaxed).max(1);
        usize::try_from(self.most / 4 / each).unwrap_or(1).max(1)
    }

    /// Takes in how large an answer was: up at once, down slowly.
    pub fn learn(&self, questions: &[Question], bytes: usize) {
        let each = u32::try_from(bytes / KIB / questions.len().max(1) + 1).unwrap_or(u32::MAX);
        for q in questions {
            let expected = &self.expected[q.stream];
            let before = expected.load(Ordering::Relaxed);
            expected.store(each.max(before - before / 16), Ordering::Relaxed);
        }
    }
}
