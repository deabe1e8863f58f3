//! Fault injection: decides which requests fail, and how.
//!
//! Whether a request fails depends only on the seed, the operation, its arguments, and how often that question was
//! asked before. It does not depend on time or on other clients, so two runs of the same client meet the same
//! failures. A retry succeeds eventually, because a rule applies only to the first attempts of a question.
//!
//! There is one exception: a rule can name the n-th different question since the server started (`questions`), so
//! that a short demonstration is sure to meet the fault.

pub mod adversary;

use std::time::Duration;

use serde::Deserialize;

use super::StartError;
use crate::sandbox::account::rng::RandomTable;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal),* $(,)?) => {
        /// A way for a request to fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault { $($(#[doc = $doc])* $variant),* }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Fault] = &[$(Fault::$variant),*];

            /// Returns the name used in plans, counts and the log.
            pub fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name),* }
            }
        }
    };
}

faults! {
    /// The error `TOKEN_EXPIRED`. The token is invalid from then on.
    TokenExpired = "token_expired",
    /// HTTP 429 with `Retry-After` and `X-RateLimit-Reset`.
    RateLimitedStatus = "rate_limited_status",
    /// HTTP 200 with `TOO_MANY_REQUESTS` in the body.
    RateLimitedBody = "rate_limited_body",
    /// HTTP 500 with an HTML page.
    Error500 = "error_500",
    /// HTTP 502 with an HTML page.
    Error502 = "error_502",
    /// HTTP 503 with an HTML page.
    Error503 = "error_503",
    /// HTTP 400 with a GraphQL body whose error goes away by itself.
    BadRequestGraphql = "bad_request_graphql",
    /// HTTP 401 with a GraphQL body that reports an invalid token.
    UnauthorizedGraphql = "unauthorized_graphql",
    /// HTTP 200 with errors and no data.
    Errors200 = "errors_200",
    /// HTTP 200 without `errors`, but one root field reports `success: false`.
    SuccessFalse = "success_false",
    /// HTTP 200 with errors and half of one list's rows.
    PartialData = "partial_data",
    /// JSON that ends in the middle, with a `Content-Length` that matches the shortened body.
    Truncated = "truncated",
    /// The connection closes before the request is executed.
    CutBefore = "cut_before",
    /// The request is executed, half of the answer is sent, then the connection closes.
    CutAfter = "cut_after",
    /// The answer comes late, by the plan's delay.
    Slow = "slow",
    /// One list shows the previous page's rows again.
    RepeatedPage = "repeated_page",
    /// One list omits its total.
    MissingTotal = "missing_total",
    /// The error `INSUFFICIENT_SCOPES`, only once while the server runs.
    InsufficientScopes = "insufficient_scopes",
}

impl Fault {
    /// Returns the fault with this name.
    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.name() == name)
    }

    /// Returns `true` if only a request for a list can fail this way. A token request cannot.
    pub fn needs_list(self) -> bool {
        matches!(
            self,
            Fault::SuccessFalse
                | Fault::PartialData
                | Fault::RepeatedPage
                | Fault::MissingTotal
                | Fault::InsufficientScopes
        )
    }

    /// Returns `true` if only a request that needs a token can fail this way.
    pub fn needs_token(self) -> bool {
        self.needs_list() || matches!(self, Fault::TokenExpired | Fault::UnauthorizedGraphql)
    }
}

/// When one fault occurs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    fault: String,
    /// The share of attempts that fail, from 0 to 1.
    #[serde(default)]
    rate: f64,
    /// The root fields that the rule applies to. Empty means all.
    #[serde(default)]
    operations: Vec<String>,
    /// The number of first attempts of a question that can fail. `None` means the plan's number.
    first_attempts: Option<u32>,
    /// The questions that certainly fail at their first attempt, by their position among all different questions
    /// since the server started, counted from 1.
    #[serde(default)]
    questions: Vec<u64>,
}

/// Which requests fail, and how: rules for faults, and defaults for the rules.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default)]
    seed: u64,
    #[serde(default = "one")]
    first_attempts: u32,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default = "slow")]
    slow_ms: u64,
    #[serde(default)]
    rates: std::collections::BTreeMap<String, f64>,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

fn one() -> u32 {
    1
}

fn slow() -> u64 {
    300
}

/// One attempt of a request, from which [`Plan::hits`] decides whether it fails.
#[derive(Debug, Clone, Copy)]
pub struct RequestAttempt<'a> {
    /// The names of the root fields.
    pub operations: &'a [&'a str],
    /// The arguments of the root fields, as JSON text.
    pub arguments: &'a str,
    /// How often this question was asked, this attempt included.
    pub attempt: u32,
    /// The question's position among all different questions since the server started, counted from 1.
    pub question: u64,
    /// `true` if the request needs a token.
    pub needs_token: bool,
    /// `true` if the request asks for at least one list.
    pub has_list: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        let rates = std::collections::BTreeMap::new();
        Plan { seed: 0, first_attempts: 1, operations: Vec::new(), slow_ms: slow(), rates, rules: Vec::new() }
    }
}

impl Plan {
    /// The names that [`Plan::named`] accepts.
    pub const NAMES: &'static [&'static str] = &["none", "demo", "all", "flaky"];

    /// Returns a plan that comes with the sandbox, or `None` for an unknown name:
    ///
    /// - `none`: nothing fails.
    /// - `demo`: a 429, a 503, an expired token and a lost answer within the first nine questions.
    /// - `all`: every fault that a client can survive, each in 2 to 3 % of the attempts.
    /// - `flaky`: the faults of a bad network.
    pub fn named(name: &str) -> Option<Plan> {
        let text = match name {
            "none" => "",
            "demo" => include_str!("plans/demo.toml"),
            "all" => include_str!("plans/all.toml"),
            "flaky" => include_str!("plans/flaky.toml"),
            _ => return None,
        };
        Plan::from_toml(text).ok()
    }

    /// Parses a plan from TOML. The error says which part is invalid.
    pub fn from_toml(text: &str) -> Result<Plan, StartError> {
        let plan: Plan = toml::from_str(text).map_err(|e| StartError::Plan(e.to_string()))?;
        plan.check().map_err(StartError::Plan)?;
        Ok(plan)
    }

    /// Returns the same plan with another seed, with which other questions fail.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Plan {
        Plan { seed, ..self }
    }

    /// Returns the delay of an answer with the fault `slow`.
    pub fn slow(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }

    fn check(&self) -> Result<(), String> {
        let names = self.rates.keys().chain(self.rules.iter().map(|r| &r.fault));
        for name in names {
            if Fault::named(name).is_none() {
                let known: Vec<_> = Fault::ALL.iter().map(|f| f.name()).collect();
                return Err(format!("no fault is called `{name}`; there are: {}", known.join(", ")));
            }
        }
        let rates = self.rates.values().chain(self.rules.iter().map(|r| &r.rate));
        if rates.clone().any(|rate| !(0.0..=1.0).contains(rate)) {
            return Err("a rate is a share of the attempts, 0 to 1".to_owned());
        }
        let sum: f64 = rates.sum();
        if sum > 1.0 + 1e-9 {
            return Err(format!("the rates add up to {sum}: at most one fault hits an attempt, so 1 is the most"));
        }
        Ok(())
    }

    fn rules(&self) -> impl Iterator<Item = Rule> + '_ {
        let plain = self.rates.iter().map(|(fault, rate)| Rule {
            fault: fault.clone(),
            rate: *rate,
            operations: Vec::new(),
            first_attempts: None,
            questions: Vec::new(),
        });
        self.rules.iter().cloned().chain(plain)
    }

    /// Returns the fault with which this attempt fails, or `None` if it succeeds.
    pub fn hits(&self, asked: RequestAttempt<'_>) -> Option<Fault> {
        let matches = |wanted: &[String]| {
            wanted.is_empty() || asked.operations.iter().any(|name| wanted.iter().any(|w| w == name))
        };
        if !matches(&self.operations) {
            return None;
        }
        let dice = asked.operations.iter().fold(RandomTable::new(self.seed), |dice, name| dice.named(name));
        let drawn = dice.named(asked.arguments).at(u64::from(asked.attempt)).unit();
        let mut reached = 0.0;
        let mut hit = None;
        for rule in self.rules() {
            let fault = Fault::named(&rule.fault)?;
            let fits = matches(&rule.operations)
                && (asked.needs_token || !fault.needs_token())
                && (asked.has_list || !fault.needs_list());
            if fits && asked.attempt == 1 && rule.questions.contains(&asked.question) {
                return Some(fault);
            }
            let within = reached..reached + rule.rate;
            reached = within.end;
            let early = asked.attempt <= rule.first_attempts.unwrap_or(self.first_attempts);
            if hit.is_none() && fits && early && within.contains(&drawn) {
                hit = Some(fault);
            }
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(arguments: &str, attempt: u32) -> RequestAttempt<'_> {
        RequestAttempt {
            operations: &["getContactList"],
            arguments,
            attempt,
            question: 0,
            needs_token: true,
            has_list: true,
        }
    }

    fn share(plan: &Plan, fault: Fault, attempt: u32) -> f64 {
        let hits = (0..10_000).filter(|n| plan.hits(ask(&n.to_string(), attempt)) == Some(fault)).count();
        hits as f64 / 10_000.0
    }

    #[test]
    fn rates_are_kept_and_retries_get_through() {
        let plan = Plan::from_toml("first_attempts = 2\n[rates]\nerror_500 = 0.2\ncut_after = 0.1").unwrap();
        for attempt in [1, 2] {
            assert!((share(&plan, Fault::Error500, attempt) - 0.2).abs() < 0.02);
            assert!((share(&plan, Fault::CutAfter, attempt) - 0.1).abs() < 0.02);
        }
        assert_eq!(plan.hits(ask("1", 3)), None);
        assert_eq!(plan.hits(ask("1", 1)), plan.hits(ask("1", 1)));
    }

    #[test]
    fn rules_can_name_operations_and_questions() {
        let plan = Plan::from_toml("rule = [{fault = 'slow', rate = 1, operations = ['getMessages']}]").unwrap();
        assert_eq!(plan.hits(ask("x", 1)), None);
        assert_eq!(plan.hits(RequestAttempt { operations: &["a", "getMessages"], ..ask("x", 1) }), Some(Fault::Slow));
        let plan = Plan::from_toml("rule = [{fault = 'error_503', questions = [4]}]").unwrap();
        assert_eq!(plan.hits(RequestAttempt { question: 4, ..ask("x", 1) }), Some(Fault::Error503));
        assert_eq!(plan.hits(RequestAttempt { question: 4, ..ask("x", 2) }), None);
        assert_eq!(plan.hits(RequestAttempt { question: 5, ..ask("x", 1) }), None);
    }

    #[test]
    fn a_token_request_meets_only_what_it_can() {
        let plan = Plan::from_toml("[rates]\ntoken_expired = 0.5\nsuccess_false = 0.5").unwrap();
        assert!((0..100).all(|n| {
            plan.hits(RequestAttempt { needs_token: false, has_list: false, ..ask(&n.to_string(), 1) }).is_none()
        }));
    }

    #[test]
    fn plans_that_make_no_sense_are_refused() {
        assert!(Plan::from_toml("[rates]\nnope = 0.1").unwrap_err().to_string().contains("token_expired"));
        assert!(Plan::from_toml("[rates]\nslow = 2").is_err());
        assert!(Plan::from_toml("[rates]\nslow = 0.6\nerror_500 = 0.6").is_err());
        assert!(Plan::from_toml("sede = 7").is_err());
    }

    #[test]
    fn the_plans_that_come_along_are_readable_and_the_demo_meets_what_it_promises() {
        for name in Plan::NAMES {
            assert!(Plan::named(name).is_some(), "{name}");
        }
        assert_eq!(Plan::named("nope"), None);
        let demo = Plan::named("demo").unwrap();
        let met: Vec<_> =
            (1..10).filter_map(|question| demo.hits(RequestAttempt { question, ..ask("x", 1) })).collect();
        for fault in [Fault::RateLimitedStatus, Fault::Error503, Fault::TokenExpired, Fault::CutAfter] {
            assert!(met.contains(&fault), "{}", fault.name());
        }
    }
}
