//! Puts many questions into one request. The limit counts requests, and one request can carry many questions (aliased
//! fields). So a question does not cause a request at once, but waits in a queue. The task that gets the next turn
//! under the limit sends the questions that are queued by then, of every list and conversation alike. No task has to
//! know what the others read.
//!
//! No dispatcher exists that could fail while it holds questions: every task that asks also tries to send. A task
//! that is dropped takes its own question out of the queue. If it was sending other tasks' questions, those tasks ask
//! them again.
//!
//! A turn is not taken while another task is about to ask (it is storing a page, for example). Otherwise a request
//! would leave half empty for want of a millisecond.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, SemaphorePermit, oneshot};

use super::Source;
use super::page::Page;
use super::query::Question;
use crate::error::Result;
use crate::policy;
use crate::streams::Stream;

/// How long a request waits at most for questions of tasks that are about to ask.
const LINGER: Duration = Duration::from_millis(250);
/// The time without any change after which tasks at work count as waiting for an answer themselves. It applies only
/// while no request is under way.
const STALLED: Duration = Duration::from_secs(2);

/// The queue of questions that wait for a request.
#[derive(Debug, Default)]
pub struct WaitingQuestions {
    queue: Mutex<VecDeque<Waiter>>,
    /// Notifies waiting tasks when a question is queued, a task is no longer at work, or a request has ended.
    changed: Notify,
    at_work: AtomicUsize,
    /// How many requests have their share of the bytes in flight and have not been answered yet.
    moving: AtomicUsize,
    next: AtomicUsize,
}

/// A question in the queue.
#[derive(Debug)]
struct Waiter {
    number: usize,
    question: Question,
    /// The most questions that its request may carry, itself included.
    most: usize,
    answer: oneshot::Sender<QuestionOutcome>,
}

/// The result of asking a question in one request, and how the other questions of that request fared.
#[derive(Debug)]
pub struct QuestionOutcome {
    /// The generation of the token with which the request was sent, or `None` if it had no token.
    pub generation: Option<u64>,
    /// The page, or the error.
    pub outcome: Result<Page>,
    /// The number of questions in the request, this one included.
    pub together: usize,
    /// Whether any question of the request was answered.
    pub beside_answers: bool,
    /// Whether any question of the request for the same stream was answered.
    pub beside_its_own: bool,
    /// Whether the request carried several questions and all of them failed in a way that their number may explain.
    pub was_refused: bool,
}

/// Announces that a task is about to ask a question. The announcement ends when this guard is dropped.
#[derive(Debug)]
pub struct AtWork(Arc<WaitingQuestions>);

impl WaitingQuestions {
    /// Announces that the calling task is about to ask a question. Until the guard is dropped, requests with room
    /// wait a moment for that question.
    pub fn at_work(self: &Arc<WaitingQuestions>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(self.clone())
    }

    fn moving(self: &Arc<WaitingQuestions>) -> Moving {
        self.moving.fetch_add(1, Ordering::Relaxed);
        Moving(self.clone())
    }

    /// Waits until no request is under way and no task is about to ask. Also returns when no request is under way and
    /// nothing has changed for `STALLED`. The tasks that hold shares of the bytes in flight then wait for an answer
    /// themselves, so they give none back before it comes.
    async fn until_stalled(&self) {
        loop {
            let changed = self.changed.notified();
            let (moving, at_work) = (self.moving.load(Ordering::Relaxed), self.at_work.load(Ordering::Relaxed));
            if moving + at_work == 0 {
                return;
            }
            if moving > 0 {
                changed.await;
            } else if tokio::time::timeout(STALLED, changed).await.is_err() {
                return;
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Waiter>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a question into the queue. The request that takes it carries at most `most` questions, this one included.
    pub(super) fn put(&self, question: Question, most: usize) -> QueuePlace<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.queue().push_back(Waiter { number, question, most, answer });
        self.changed.notify_waiters();
        QueuePlace { waiting: self, number, answered }
    }

    /// Waits until a question is queued.
    async fn until_queued(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.queue().is_empty() {
                return;
            }
            changed.await;
        }
    }

    /// Waits until `n` questions are queued or no task is about to ask, but no longer than `LINGER`.
    async fn gather(&self, n: usize) {
        let enough = async {
            loop {
                let changed = self.changed.notified();
                if self.queue().len() >= n || self.at_work.load(Ordering::Relaxed) == 0 {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(LINGER, enough).await;
    }

    fn first(&self, n: usize) -> Vec<Question> {
        self.queue().iter().take(n).map(|w| w.question.clone()).collect()
    }

    /// Takes the questions of the next request from the queue, the oldest first: at most `n`, and no more than each
    /// of them allows by its own `most`. The first is always taken. Each further one is taken only if `fits` returns
    /// `true` for the questions taken before and that one.
    fn take(&self, n: usize, fits: impl Fn(&[Question], &Question) -> bool) -> Vec<Waiter> {
        let mut queue = self.queue();
        let mut taken: Vec<Waiter> = Vec::new();
        let mut questions: Vec<Question> = Vec::new();
        let mut most = n.max(1);
        let mut left = VecDeque::with_capacity(queue.len());
        for waiter in queue.drain(..) {
            let bears = taken.len() < most.min(waiter.most.max(1));
            if bears && (taken.is_empty() || fits(&questions, &waiter.question)) {
                most = most.min(waiter.most.max(1));
                questions.push(waiter.question.clone());
                taken.push(waiter);
            } else {
                left.push_back(waiter);
            }
        }
        *queue = left;
        taken
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

/// Marks a request as under way, from the moment it has its share of the bytes in flight until it is answered. Ends
/// when dropped.
pub(super) struct Moving(Arc<WaitingQuestions>);

impl Drop for Moving {
    fn drop(&mut self) {
        self.0.moving.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

/// A queued question, as its task holds it: receives the result, and removes the question from the queue when
/// dropped.
pub(super) struct QueuePlace<'s> {
    waiting: &'s WaitingQuestions,
    number: usize,
    answered: oneshot::Receiver<QuestionOutcome>,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.waiting.queue().retain(|w| w.number != self.number);
    }
}

/// The next request, once its turn under the limit has come, and the questions that it carries.
struct Batch<'s> {
    number: u64,
    waiters: Vec<Waiter>,
    hold: Option<Arc<OwnedSemaphorePermit>>,
    _slot: Option<SemaphorePermit<'s>>,
    _moving: Moving,
}

impl Source {
    /// Asks a queued question once, in a request with others, and returns its result. `place` is its entry in the
    /// queue; `most` is the most questions that the request may carry.
    pub(super) async fn ask_together<'s>(
        &'s self,
        mut place: QueuePlace<'s>,
        question: &Question,
        most: usize,
    ) -> QuestionOutcome {
        loop {
            tokio::select! {
                biased;
                answered = &mut place.answered => match answered {
                    Ok(answered) => return answered,
                    // The task that sent the question was dropped.
                    Err(_) => place = self.waiting.put(question.clone(), most),
                },
                batch = self.turn() => match batch {
                    Ok(batch) => self.carry(batch).await,
                    // No turn will come, so no task sends the question.
                    Err(e) => return QuestionOutcome {
                        generation: None,
                        outcome: Err(e),
                        together: 1,
                        beside_answers: false,
                        beside_its_own: false,
                        was_refused: false,
                    },
                },
            }
        }
    }

    /// Waits for the next turn under the limit and takes its questions from the queue. If this future is dropped
    /// before that, no request is used up.
    async fn turn(&self) -> Result<Batch<'_>> {
        loop {
            self.waiting.until_queued().await;
            let slot = self.in_flight.slot().await;
            self.waiting.gather(self.aliases.wanted()).await;
            let first = self.waiting.first(self.aliases.wanted());
            if first.is_empty() {
                continue;
            }
            let (hold, moving) = self.share(&first).await;
            let share = hold.as_ref().map_or(0, |h| h.num_permits());
            let fits = |taken: &[Question], next: &Question| {
                self.in_flight.expected(taken) + self.in_flight.expected(std::slice::from_ref(next)) <= share
            };
            let taken = self.budget.acquire_for(
                || !self.waiting.queue().is_empty(),
                || {
                    let taken = self.waiting.take(self.aliases.wanted(), fits);
                    self.aliases.take(taken.len());
                    taken
                },
            );
            if let Some((number, waiters)) = taken.await?.filter(|(_, waiters)| !waiters.is_empty()) {
                return Ok(Batch { number, waiters, hold, _slot: slot, _moving: moving });
            }
        }
    }

    /// Waits until the expected answers to these questions fit into the bytes in flight, and marks a request as under
    /// way. Returns the share of the bytes, or `None` if waiting for one would never end.
    pub(super) async fn share(&self, questions: &[Question]) -> (Option<Arc<OwnedSemaphorePermit>>, Moving) {
        let hold = tokio::select! {
            biased;
            hold = self.in_flight.hold(questions) => hold,
            // Pages that hold all the bytes wait for pages that were asked for with them. Going beyond the limit of
            // bytes is better than never going on.
            () = self.waiting.until_stalled() => None,
        };
        (hold, self.waiting.moving())
    }

    async fn carry(&self, batch: Batch<'_>) {
        let questions: Vec<Question> = batch.waiters.iter().map(|w| w.question.clone()).collect();
        let together = questions.len();
        self.budget.carries(batch.number, together);
        let (generation, outcomes) = self.send(batch.number, batch.hold, &questions).await;
        let refused = |o: &Result<Page>| o.as_ref().is_err_and(policy::may_be_of_other_questions);
        let was_refused = together > 1 && outcomes.iter().all(refused);
        if was_refused {
            let lasting = |o: &Result<Page>| o.as_ref().is_err_and(|e| !policy::is_slowness(&e.kind));
            self.aliases.refused(together, outcomes.iter().all(lasting));
        } else if outcomes.iter().any(Result::is_ok) {
            self.aliases.worked(together);
        }
        if !self.aliases.are_counted() && self.budget.counts_questions() {
            tracing::warn!("the limit falls by every question of a request: questions travel alone from here on");
            self.aliases.count_questions();
        }
        let answered: Vec<Stream> =
            questions.iter().zip(&outcomes).filter(|(_, o)| o.is_ok()).map(|(q, _)| q.stream).collect();
        for (waiter, outcome) in batch.waiters.into_iter().zip(outcomes) {
            let answered = QuestionOutcome {
                generation,
                outcome,
                together,
                beside_answers: !answered.is_empty(),
                beside_its_own: answered.contains(&waiter.question.stream),
                was_refused,
            };
            let _ = waiter.answer.send(answered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::query::{Select, Start};

    fn question(row: u64) -> Question {
        Question {
            stream: Stream::Contacts,
            parent: None,
            size: 10,
            start: Start::Row(row),
            select: Select::Whole,
            since: None,
        }
    }

    fn rows(taken: &[Waiter]) -> Vec<u64> {
        taken.iter().map(|w| if let Start::Row(row) = w.question.start { row } else { 99 }).collect()
    }

    #[test]
    fn the_first_go_first_and_nobody_has_more_company_than_they_bear() {
        let waiting = WaitingQuestions::default();
        let _places: Vec<QueuePlace<'_>> =
            [10, 10, 2, 10, 1, 10].into_iter().zip(0..).map(|(most, row)| waiting.put(question(row), most)).collect();
        let all = |_: &[Question], _: &Question| true;
        // The third question goes with one other at most, so it stays for the next request.
        assert_eq!(rows(&waiting.take(4, all)), [0, 1, 3, 5]);
        assert_eq!(rows(&waiting.take(4, all)), [2]);
        assert_eq!(rows(&waiting.take(4, all)), [4]);
        assert!(waiting.take(4, all).is_empty());
    }

    #[test]
    fn one_goes_however_large_and_a_place_that_is_given_up_is_free() {
        let waiting = WaitingQuestions::default();
        let places: Vec<QueuePlace<'_>> = (0..3).map(|row| waiting.put(question(row), 10)).collect();
        assert_eq!(rows(&waiting.take(10, |_, _| false)), [0]);
        drop(places);
        assert!(waiting.take(10, |_, _| true).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_standstill_is_when_nobody_moves() {
        let waiting = Arc::new(WaitingQuestions::default());
        let (at_work, moving) = (waiting.at_work(), waiting.moving());
        let quarter = Duration::from_secs(15);
        assert!(tokio::time::timeout(quarter, waiting.until_stalled()).await.is_err());
        drop(at_work);
        assert!(tokio::time::timeout(quarter, waiting.until_stalled()).await.is_err());
        drop(moving);
        waiting.until_stalled().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_waits_for_those_at_work_but_not_for_long() {
        let waiting = Arc::new(WaitingQuestions::default());
        let begun = tokio::time::Instant::now();
        waiting.gather(10).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "nobody is at work");
        let at_work = waiting.at_work();
        waiting.gather(10).await;
        assert_eq!(begun.elapsed(), LINGER);
        let done = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            drop(at_work);
        };
        tokio::join!(waiting.gather(10), done);
        assert!(begun.elapsed() < LINGER * 2);
    }

    async fn stands_still_after(waiting: &WaitingQuestions) -> Option<Duration> {
        let began = tokio::time::Instant::now();
        let stood = tokio::time::timeout(Duration::from_secs(3600), waiting.until_stalled()).await;
        stood.is_ok().then(|| began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_bytes_that_their_holders_will_not_give_back_goes_on() {
        let waiting = Arc::new(WaitingQuestions::default());
        assert_eq!(stands_still_after(&waiting).await, Some(Duration::ZERO));
        // The task that announced a question waits for bytes, too, so nobody gives any back.
        let at_work = waiting.at_work();
        assert_eq!(stands_still_after(&waiting).await, Some(STALLED));
        let moving = waiting.moving();
        assert_eq!(stands_still_after(&waiting).await, None, "an answer is to come");
        let answered = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(moving);
        };
        let (stood, ()) = tokio::join!(stands_still_after(&waiting), answered);
        assert_eq!(stood, Some(Duration::from_secs(60) + STALLED));
        drop(at_work);
    }
}
