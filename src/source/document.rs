//! Sends single GraphQL documents for discovery, which finds out how the API is spelled. Returns the answer without
//! interpreting it. Failures of transport, token and budget are retried as for any other request.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Source;
use super::envelope;
use super::error_words::ErrorWords;
use super::rate_limit::Purpose;
use super::retry::Failures;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::policy::{self, Action, Subject};
use crate::source::classify;
use crate::source::server::{Reply, Server};
use crate::source::surrogates;

/// Gives discovery access to the server through a source. Requests carry a token if `signed_in` is set, which is
/// possible once the mutation that generates a token is known.
pub struct Documents<'s> {
    source: &'s Source,
    signed_in: bool,
}

impl<'s> Documents<'s> {
    /// Creates an access whose requests carry a token (`signed_in`) or none.
    pub fn new(source: &'s Source, signed_in: bool) -> Documents<'s> {
        Documents { source, signed_in }
    }

    /// Sends a document once, and returns the answer or the failure. No failure is retried.
    pub async fn once(&self, document: &str, variables: &Value) -> Result<Reply> {
        let source = self.source;
        let number = source.budget.acquire().await?;
        let token = if self.signed_in { Some(source.token().await?) } else { None };
        let generation = token.as_ref().map(|token| token.generation);
        let body = json!({ "query": document, "variables": variables }).to_string();
        let (answer, sent) = source.exchange(number, Purpose::Another, token, body).await;
        let outcome = answer.and_then(|mut answer| {
            surrogates::mend(&mut answer.body);
            let unreadable = || classify::unreadable(answer.status, &answer.body);
            let text = std::str::from_utf8(&answer.body).map_err(|_| unreadable())?;
            envelope::open(&source.dialect(), answer.status, text)?;
            let mut reply = Reply::read(text).ok_or_else(unreadable)?;
            // A server's message is shown to people, and may quote the secrets that it was sent.
            for said in &mut reply.errors {
                said.message = sent.hide(&said.message);
            }
            self.not_about_spelling(answer.status, &reply).map_or(Ok(reply), Err)
        });
        if let (Some(generation), Err(error)) = (generation, &outcome)
            && matches!(policy::decide(&error.kind).action, Action::Renew | Action::RenewOnce)
        {
            source.tokens.refused(generation);
        }
        sent.judge(outcome, false)
    }

    /// Returns the first error of a reply that is not about the spelling of the API, because it is temporary or
    /// concerns the caller. Discovery can learn nothing from it. Returns `None` if there is no such error. `status`
    /// is the HTTP status.
    fn not_about_spelling(&self, status: u16, reply: &Reply) -> Option<Error> {
        let dialect = self.source.dialect();
        reply.errors.iter().find_map(|said| {
            let words = ErrorWords { message: Some(said.message.clone()), ..ErrorWords::read(&said.extensions) };
            let error = classify::by_words(&dialect, &words, status)?;
            let is_to_learn_from = match policy::subject(&error.kind) {
                Subject::Query | Subject::Scope => true,
                Subject::Token => !self.signed_in,
                _ => false,
            };
            (!is_to_learn_from).then_some(error)
        })
    }
}

/// The same access for documents that nothing depends on: no failure is retried.
pub struct CuriousDocuments<'s>(pub Documents<'s>);

impl Server for CuriousDocuments<'_> {
    async fn ask(&self, document: &str, variables: Value) -> Result<Reply> {
        self.0.once(document, &variables).await
    }
}

impl Server for Documents<'_> {
    fn expected_dialect(&self) -> Option<Arc<Dialect>> {
        Some(self.source.dialect())
    }

    async fn ask(&self, document: &str, variables: Value) -> Result<Reply> {
        let mut failures = Failures::default();
        loop {
            match self.once(document, &variables).await {
                Ok(reply) => return Ok(reply),
                Err(error) => self.source.after_failure(&mut failures, error, true).await?,
            }
        }
    }
}
