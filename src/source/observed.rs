//! Tells what a source has seen so far, for the screen, the summary and the checklist.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Source;
use super::response_names::IGNORED;
use super::server_clock::{self, Skew};
use super::token::Lifetime;
use crate::streams::Stream;

impl Source {
    /// Returns the API's address.
    pub fn endpoint(&self) -> &str {
        self.http.endpoint()
    }

    /// Returns the public part of the API key.
    pub fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// Returns the host of the API's address.
    pub fn host(&self) -> String {
        self.http.host()
    }

    /// Returns how many tokens were generated so far.
    pub fn token_generations(&self) -> u64 {
        self.tokens.generations()
    }

    /// Returns the age of the current token, or `None` before the first one.
    pub fn token_age(&self) -> Option<Duration> {
        self.tokens.age()
    }

    /// Returns how long the current token lives, or `None` before the first one.
    pub fn token_lifetime(&self) -> Option<Lifetime> {
        self.tokens.lifetime()
    }

    /// Returns how far this machine's clock is from the server's, or `None` until an answer tells the time.
    pub fn clock_skew(&self) -> Option<Skew> {
        self.http.clock.skew()
    }

    /// Returns the server's time that decides what may have changed, in milliseconds since 1970. Until an answer
    /// tells it, it is this machine's.
    pub fn now(&self) -> i64 {
        self.http.clock.now()
    }

    /// Returns what a run has to tell about the server: clocks that differ, aliases that are ignored.
    pub fn notes(&self) -> Vec<String> {
        let clocks = server_clock::note(self.http.clock.ahead());
        clocks.into_iter().chain(self.names.are_ignored().then(|| IGNORED.into())).collect()
    }

    /// Returns whether this address has answered sensibly, in this run or an earlier one.
    pub fn contacted(&self) -> bool {
        self.contacted.load(Ordering::Relaxed)
    }

    /// Returns how often questions of a stream were sent.
    pub fn attempts(&self, stream: Stream) -> u64 {
        self.attempts[stream].load(Ordering::Relaxed)
    }

    /// Returns how many failed attempts were made again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}
