//! What a source has seen so far, for the screen, the summary and the checklist.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Source;
use super::response_names::IGNORED;
use super::server_clock::{self, Skew};
use super::token::Lifetime;
use crate::streams::Stream;

impl Source {
    /// The API's address.
    pub fn endpoint(&self) -> &str {
        self.http.endpoint()
    }

    /// The public part of the API key.
    pub fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// The host of the API's address.
    pub fn host(&self) -> String {
        self.http.host()
    }

    /// Tokens generated so far.
    pub fn token_generations(&self) -> u64 {
        self.tokens.generations()
    }

    /// Age of the current token.
    pub fn token_age(&self) -> Option<Duration> {
        self.tokens.age()
    }

    /// How long the current token lives.
    pub fn token_lifetime(&self) -> Option<Lifetime> {
        self.tokens.lifetime()
    }

    /// How far this machine's clock is from the server's; none until an answer says what time it is.
    pub fn clock_skew(&self) -> Option<Skew> {
        self.http.clock.skew()
    }

    /// What time it is for the server, in milliseconds since 1970; by this machine's clock until an answer tells.
    pub fn now(&self) -> i64 {
        self.http.clock.now()
    }

    /// What a run is to tell of the server: clocks that differ, aliases that are ignored.
    pub fn notes(&self) -> Vec<String> {
        let clocks = server_clock::note(self.http.clock.ahead());
        clocks.into_iter().chain(self.names.are_ignored().then(|| IGNORED.into())).collect()
    }

    /// Whether a sensible answer has come.
    pub fn contacted(&self) -> bool {
        self.contacted.load(Ordering::Relaxed)
    }

    /// Requests sent for a stream.
    pub fn attempts(&self, stream: Stream) -> u64 {
        self.attempts[stream].load(Ordering::Relaxed)
    }

    /// Attempts that failed and were made again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}
