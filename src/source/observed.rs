//! Reports what a source has seen so far, for the screen, the summary and the checks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Source;
use super::response_names::IGNORED;
use super::server_clock::{self, Skew};
use super::token::Lifetime;
use crate::streams::Stream;

impl Source {
    /// Returns the API's URL.
    pub fn endpoint(&self) -> &str {
        self.http.endpoint()
    }

    /// Returns the client id, which is the public part of the API key.
    pub fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// Returns the host name in the API's URL.
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

    /// Returns the lifetime of the current token, or `None` before the first one.
    pub fn token_lifetime(&self) -> Option<Lifetime> {
        self.tokens.lifetime()
    }

    /// Returns how far this machine's clock is from the server's, or `None` until an answer shows the server's time.
    pub fn clock_skew(&self) -> Option<Skew> {
        self.http.clock.skew()
    }

    /// Returns the server's time, in milliseconds since 1970, for deciding which records may have changed. Returns
    /// this machine's time until an answer shows the server's.
    pub fn now(&self) -> i64 {
        self.http.clock.now()
    }

    /// Returns the notes about the server that a run shows: clocks that differ, aliases that are ignored.
    pub fn notes(&self) -> Vec<String> {
        let clocks = server_clock::note(self.http.clock.ahead());
        clocks.into_iter().chain(self.names.are_ignored().then(|| IGNORED.into())).collect()
    }

    /// Returns whether the endpoint has answered as the API does, in this run or an earlier one.
    pub fn contacted(&self) -> bool {
        self.contacted.load(Ordering::Relaxed)
    }

    /// Returns how often questions of a stream were sent, retries included.
    pub fn attempts(&self, stream: Stream) -> u64 {
        self.attempts[stream].load(Ordering::Relaxed)
    }

    /// Returns how often something that failed was asked for again: a question, a token or a document.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}
