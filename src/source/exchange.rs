//! Makes one exchange with the server: sends a request whose turn has come, lets the budget learn what the answer's
//! headers say, and notes what the outcome means for every request.
//!
//! Three callers make an attempt: for a token, for a document of discovery, for the pages of lists. They differ in
//! what they write and in how they read the answer. All else is here, so that no caller can forget to hide a secret,
//! to obey a 429 or to tell an outage from a wrong address.

use std::sync::atomic::Ordering;

use super::Source;
use super::client::{self, Received};
use super::envelope::HttpAnswer;
use super::rate_limit::{Headers, Purpose};
use super::token::Token;
use crate::error::{Error, Result};
use crate::policy::{self, Subject};
use crate::secret::Secret;

/// A request that was sent.
pub(super) struct Sent<'s> {
    source: &'s Source,
    /// Its number in the budget.
    number: u64,
    /// The token that it carried.
    token: Option<Token>,
    /// What the answer's headers say of the limit. Without an answer they say nothing.
    headers: Headers,
}

impl Source {
    /// Sends a request body, with a token or without. `number` is the request's turn in the budget; `of` is what the
    /// request asks for. Returns the answer as it came, and the [`Sent`] that judges the outcome.
    pub(super) async fn exchange(
        &self,
        number: u64,
        of: Purpose,
        token: Option<Token>,
        body: String,
    ) -> (Result<HttpAnswer>, Sent<'_>) {
        let dialect = self.dialect();
        let header = |token: &Token| format!("{}{}", dialect.authorization_prefix, token.secret.reveal());
        let authorization = token.as_ref().map(|token| Secret::new(header(token)));
        let under_way = self.under_way.begin();
        let answer = self.http.post(body, authorization.as_ref());
        let answer = self.waits().through("answer", "the answer to a request", client::WHOLE, answer).await;
        drop(under_way);
        let (answer, headers) = match answer {
            Ok(Received { answer, headers }) => {
                self.budget.observe(number, headers, of);
                (Ok(answer), headers)
            }
            Err(error) => (Err(error), Headers::default()),
        };
        (answer, Sent { source: self, number, token, headers })
    }
}

impl Sent<'_> {
    /// Notes what an outcome means for every request, and returns it. A sensible answer proves the address. A 429
    /// pauses every request, unless other questions of the same request are answered (`is_beside_answers`): then the
    /// limit is the question's own. The error's text holds none of our secrets.
    pub fn judge<T>(&self, outcome: Result<T>, is_beside_answers: bool) -> Result<T> {
        let source = self.source;
        let mut error = match outcome {
            Ok(value) => {
                source.contacted.store(true, Ordering::Relaxed);
                source.budget.answered();
                source.waits().answered();
                return Ok(value);
            }
            Err(error) => error,
        };
        error.detail = self.hide(&error.detail);
        error.wait = self.headers.wait(&error.kind);
        if policy::subject(&error.kind) == Subject::Limit && !is_beside_answers {
            self.block(&error);
        }
        if source.contacted.load(Ordering::Relaxed) {
            error.kind = policy::at_a_known_address(error.kind);
        }
        // Something in front of the API may refuse an expired token, so the next attempt brings a new one.
        if let Some(token) = self.token.as_ref().filter(|_| policy::may_be_of_the_token(&error.kind)) {
            source.tokens.refused(token.generation);
        }
        Err(error)
    }

    /// Returns a text without our secrets. A server's words may quote what it was sent: graphql-js quotes the value
    /// of a variable that does not fit.
    pub fn hide(&self, text: &str) -> String {
        let hidden = self.source.settings.client_secret.hide_in(text);
        match &self.token {
            Some(token) => token.secret.hide_in(&hidden),
            None => hidden,
        }
    }

    /// Pauses every request after a 429. If the server asks for a longer pause than the job allows, every later
    /// request fails.
    fn block(&self, error: &Error) {
        let (budget, limits) = (&self.source.budget, &self.source.settings.limits);
        match (error.wait, limits.asked_too_much(error.wait)) {
            (Some(wait), Some(_)) => {
                budget.block(self.number, None);
                budget.refuse_until(wait.time, error.clone());
            }
            (wait, _) => budget.block(self.number, wait.map(|wait| wait.time)),
        }
    }
}
