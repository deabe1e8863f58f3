//! Executes one valid operation: checks the token and the scopes, then answers its root fields in order.

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::{Value, json};

use crate::sandbox::account::cursor;
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::list::List;
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::api::{Api, lock};
use crate::sandbox::faults::Fault;
use crate::sandbox::graphql::execute::{AnswerWriter, EnvelopeContent, ServedPage};
use crate::sandbox::graphql::outcome::{DocumentOutcome, Problem};
use crate::sandbox::graphql::plan::Root;
use crate::sandbox::graphql::question::{PageRequest, PageStart, SandboxQuestion};
use crate::sandbox::graphql::schema::Prepared;
use crate::sandbox::graphql::selection::{FieldMeaning, SelectedField};
use crate::sandbox::token::TokenState;

/// The number of bytes reserved for an answer. Most answers need no more.
const EXPECTED_ANSWER: usize = 64 * 1024;

/// An empty list. It is served for a conversation that does not exist, and instead of a list that a test withholds.
const EMPTY_LIST: List = List::Messages(u64::MAX);

/// An answer that is being written.
struct Answering<'a> {
    api: &'a Api,
    fault: Option<Fault>,
    now: Instant,
    /// `true` as long as no list was read for this request.
    first_list: bool,
    out: JsonWriter,
    errors: Vec<Problem>,
    code: Option<String>,
    rows: u64,
}

impl Api {
    /// Executes a valid operation. `fault` is a fault with which the operation is still executed, such as a missing
    /// total.
    pub(in crate::sandbox) fn execute(
        &self,
        prepared: &Prepared,
        authorization: Option<&str>,
        fault: Option<Fault>,
        now: Instant,
    ) -> DocumentOutcome {
        if prepared.roots.iter().any(|r| r.question.needs_token()) {
            let problem = match lock(&self.tokens).standing(authorization, now) {
                TokenState::Valid(_) => None,
                TokenState::Expired(_) => Some(Problem::documented("Token expired", "TOKEN_EXPIRED")),
                TokenState::Unknown => Some(Problem::documented("Missing or invalid access token", "UNAUTHORIZED")),
            };
            if let Some(problem) = problem {
                return DocumentOutcome::failed(200, &[problem]);
            }
        }
        let refusals: Vec<_> = prepared.roots.iter().map(|root| self.denied(root, fault)).collect();
        if let (Some(Some(scope)), true) = (refusals.first(), refusals.iter().all(Option::is_some)) {
            return DocumentOutcome::failed(200, &[Problem::scope(scope)]);
        }
        let introspected = if prepared.roots.iter().any(Root::is_introspection) {
            match self.schema.introspect(prepared) {
                Ok(data) => data,
                Err(refusal) => return refusal,
            }
        } else {
            apollo_compiler::response::JsonMap::default()
        };
        let twisted = twisted_root(&prepared.roots, fault);
        let signature = self.options.signed.then(|| self.signatures.fetch_add(1, Ordering::Relaxed));
        let out = JsonWriter { bytes: Vec::with_capacity(EXPECTED_ANSWER), signature, ..JsonWriter::default() };
        let mut answering =
            Answering { api: self, fault, now, first_list: true, out, errors: Vec::new(), code: None, rows: 0 };
        answering.out.raw("{\"data\":{");
        for (n, (root, refusal)) in prepared.roots.iter().zip(refusals).enumerate() {
            if n > 0 {
                answering.out.raw(",");
            }
            answering.out.raw(&root.pick.key);
            if let Some(scope) = refusal {
                answering.errors.push(Problem::scope(scope).at(vec![json!(root.pick.alias)]));
                answering.out.raw("null");
            } else if let Some(wrong) = &root.wrong {
                let problem = Problem::new(wrong, "INTERNAL_SERVER_ERROR").at(vec![json!(root.pick.alias)]);
                answering.errors.push(problem);
                answering.out.raw("null");
            } else if root.question != SandboxQuestion::Meta {
                if let Err(problem) = answering.root(root, twisted == Some(n)) {
                    return DocumentOutcome::failed(200, &[problem]);
                }
            } else if let Some(value) = introspected.get(root.pick.alias.as_str()) {
                // Writing into memory cannot fail.
                serde_json::to_writer(&mut answering.out.bytes, value).unwrap_or_default();
            } else {
                answering.out.text(&root.pick.on);
            }
        }
        answering.out.raw("}}");
        answering.finish()
    }

    /// Returns the scope that a root field needs and the client lacks. Returns `None` if it lacks none.
    fn denied(&self, root: &Root, fault: Option<Fault>) -> Option<&'static str> {
        let scope = root.question.scope()?;
        let all = fault == Some(Fault::InsufficientScopes);
        (all || self.options.denied_scopes.iter().any(|s| s == scope)).then_some(scope)
    }
}

impl Answering<'_> {
    fn root(&mut self, root: &Root, twisted: bool) -> Result<(), Problem> {
        let (pick, twist) = (&root.pick, self.fault.filter(|_| twisted));
        let content = self.content(&root.question, twist)?;
        match &content {
            Some(EnvelopeContent::Page(page)) if twist == Some(Fault::PartialData) => {
                let mut path = vec![json!(pick.alias)];
                path.extend(path_to_rows(pick).unwrap_or_default());
                path.push(json!(page.rows.len()));
                self.errors.push(Problem::new("Internal server error", "INTERNAL_SERVER_ERROR").at(path));
            }
            Some(EnvelopeContent::Failed(code, message)) => {
                self.code = Some((*code).to_owned());
                if !payload_reports_failure(&root.question) {
                    let problem = Problem::new(message, "INTERNAL_SERVER_ERROR").at(vec![json!(pick.alias)]);
                    self.errors.push(problem);
                    self.out.raw("null");
                    return Ok(());
                }
            }
            Some(EnvelopeContent::One(None)) if pick.part == FieldMeaning::Record && pick.non_null => {
                return Err(Problem::new("Record not found", "NOT_FOUND"));
            }
            _ => {}
        }
        let mut writer = AnswerWriter { world: &self.api.world, out: &mut self.out };
        match content {
            Some(content) => {
                writer.root(pick, &content);
                self.rows += content.rows();
            }
            None => writer.nothing(pick),
        }
        Ok(())
    }

    /// Returns what the answer to a question contains. Returns `None` if the sandbox does not know the purpose of the
    /// field. `twist` is the fault that affects this root field.
    fn content(
        &mut self,
        question: &SandboxQuestion,
        twist: Option<Fault>,
    ) -> Result<Option<EnvelopeContent>, Problem> {
        let api = self.api;
        Ok(match question {
            SandboxQuestion::Token { client_id, client_secret } => {
                if *client_id != api.options.client_id || *client_secret != api.options.client_secret {
                    return Err(Problem::documented("Invalid client id or client secret", "INVALID_CLIENT"));
                }
                let (text, seconds) = lock(&api.tokens).issue(self.now);
                Some(EnvelopeContent::Token { text, seconds })
            }
            SandboxQuestion::Page(stream, paging) => Some(self.page(List::of(*stream), paging, twist)?),
            SandboxQuestion::Messages(conversation, paging) => {
                let list = lock(&api.lists).messages_of(conversation);
                Some(self.page(list.unwrap_or(EMPTY_LIST), paging, twist)?)
            }
            SandboxQuestion::One(stream, id) => {
                let found = lock(&api.lists).position(List::of(*stream), id);
                Some(EnvelopeContent::One(found.map(|(_, row)| row)))
            }
            SandboxQuestion::Meta | SandboxQuestion::Unknown => None,
        })
    }

    fn page(&mut self, list: List, paging: &PageRequest, twist: Option<Fault>) -> Result<EnvelopeContent, Problem> {
        let refused = u64::from(self.api.options.refuse_page_size);
        if refused > 0 && paging.limit.is_some_and(|limit| limit > refused) {
            return Err(Problem::new(&format!("limit must not be greater than {refused}"), "BAD_USER_INPUT"));
        }
        let mut lists = lock(&self.api.lists);
        let list = if lists.is_withheld(list) { EMPTY_LIST } else { list };
        if list != EMPTY_LIST {
            lists.pass_time(list, std::mem::take(&mut self.first_list));
        }
        let mut adversaries = lock(&self.api.adversaries);
        let largest = adversaries.largest(u64::from(self.api.options.max_page_size.max(1)));
        let limit = paging.limit.map_or(u64::MAX, |limit| limit.min(largest));
        if let Some(moment) = paging.since {
            return Ok(EnvelopeContent::Page(lists.changed_since(list, moment, paging, limit)));
        }
        let asked = (list, paging.place.clone(), limit);
        if let Some(page) = adversaries.given(&asked) {
            return Ok(EnvelopeContent::Page(page));
        }
        let start = match &paging.place {
            PageStart::Page(number) => number.saturating_mul(limit),
            PageStart::Offset(rows) => *rows,
            PageStart::After(text) => {
                let (stood, id) = cursor::read(text).ok_or_else(|| Problem::new("Invalid cursor", "BAD_USER_INPUT"))?;
                // A row that is gone has left its position to the row after it.
                lists.position(list, &id).map_or(stood, |(at, _)| at + 1)
            }
        };
        let total = lists.len(list);
        let start = adversaries.start(start, limit, total);
        let more = start.saturating_add(limit) < total;
        let shown = if twist == Some(Fault::RepeatedPage) { start.saturating_sub(limit) } else { start };
        let mut rows = adversaries.rows(&lists, list, shown, limit);
        lists.shows(list, shown, limit);
        match twist {
            Some(Fault::SuccessFalse) => return Ok(EnvelopeContent::Failed("500", "Something went wrong")),
            Some(Fault::PartialData) => rows.truncate(rows.len() / 2),
            _ => {}
        }
        let total = (twist != Some(Fault::MissingTotal)).then_some(total);
        let page = ServedPage { rows, total, more, start, limit, counts_from: paging.page_from };
        if twist.is_none() {
            adversaries.give(asked, &page);
        }
        Ok(EnvelopeContent::Page(page))
    }

    /// Returns the complete answer. If there are errors, `errors` comes before `data`.
    fn finish(self) -> DocumentOutcome {
        let Answering { out, errors, code, rows, .. } = self;
        if errors.is_empty() {
            return DocumentOutcome { status: 200, body: out.bytes, html: false, code, rows };
        }
        let mut outcome = DocumentOutcome { rows, ..DocumentOutcome::failed(200, &errors) };
        outcome.body.pop();
        outcome.body.push(b',');
        outcome.body.extend_from_slice(&out.bytes[1..]);
        outcome
    }
}

/// Returns `true` if the payload has a member that can report a failure, such as `success`.
fn payload_reports_failure(question: &SandboxQuestion) -> bool {
    match question {
        SandboxQuestion::Page(_, paging) | SandboxQuestion::Messages(_, paging) => paging.tells,
        _ => false,
    }
}

/// Returns the response keys that lead from a field down to its rows. Returns `None` if it has no rows.
fn path_to_rows(pick: &SelectedField) -> Option<Vec<Value>> {
    if matches!(pick.part, FieldMeaning::Rows | FieldMeaning::Edges) {
        return Some(Vec::new());
    }
    pick.picks.iter().find_map(|inner| {
        let mut path = vec![json!(inner.alias)];
        path.extend(path_to_rows(inner)?);
        Some(path)
    })
}

/// Returns the index of the root field that a fault affects if it affects only one list. The choice depends on the
/// arguments of the root fields.
fn twisted_root(roots: &[Root], fault: Option<Fault>) -> Option<usize> {
    fault?;
    let lists: Vec<usize> = (0..roots.len()).filter(|n| roots[*n].question.is_list()).collect();
    let name = |n: &usize| Value::Object(roots[*n].arguments.clone()).to_string();
    let dice = lists.iter().fold(RandomTable::new(0), |dice, n| dice.named(&name(n)));
    lists.get(usize::try_from(dice.below(lists.len() as u64)).unwrap_or(0)).copied()
}
