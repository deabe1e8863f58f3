//! Exchanges one request and answer with the server: sends a request whose turn under the limit has come, passes the
//! answer's rate-limit headers to the budget, and records what the outcome means for all other requests.
//!
//! Three callers send requests: for a token, for a document of discovery, and for the pages of lists. They differ in
//! what they write and in how they read the answer. Everything else is here, so that no caller can forget to hide a
//! secret, to obey a 429 or to distinguish an outage from a wrong URL.

use std::sync::atomic::Ordering;

use super::Source;
use super::client::{self, Received};
use super::envelope::HttpAnswer;
use super::rate_limit::{Headers, Purpose};
use super::token::Token;
use crate::error::{Error, Result};
use crate::policy::{self, Subject};
use crate::secret::Secret;

/// A request that was sent, with what is needed to judge its outcome.
pub(super) struct Sent<'s> {
    source: &'s Source,
    /// The request's number in the budget.
    number: u64,
    /// The token that the request carried, or `None` if it carried none.
    token: Option<Token>,
    /// The rate-limit headers of the answer; all empty if no answer came.
    headers: Headers,
}

impl Source {
    /// Sends a request body, with a token or without. `number` is the request's turn in the budget; `of` is what the
    /// request asks for. Returns the answer uninterpreted, and a [`Sent`] with which the caller reports the outcome.
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
    /// Records what the outcome of this request means for all requests, and returns the outcome.
    ///
    /// - A success shows that the URL is that of the API.
    /// - A 429 pauses every request, unless other questions of the same request were answered (`is_beside_answers`).
    ///   Then the limit concerns that question only.
    /// - Our secrets are removed from an error's text.
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
        // Something in front of the API may refuse an expired token, so the next attempt uses a new one.
        if let Some(token) = self.token.as_ref().filter(|_| policy::may_be_of_the_token(&error.kind)) {
            source.tokens.refused(token.generation);
        }
        Err(error)
    }

    /// Returns `text` without the client secret and the token. A server's words may quote what it received:
    /// graphql-js quotes the value of a variable of the wrong type.
    pub fn hide(&self, text: &str) -> String {
        let hidden = self.source.settings.client_secret.hide_in(text);
        match &self.token {
            Some(token) => token.secret.hide_in(&hidden),
            None => hidden,
        }
    }

    /// Pauses every request after a 429. If the server asks for a longer pause than the job allows, every request
    /// fails until that pause is over.
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
