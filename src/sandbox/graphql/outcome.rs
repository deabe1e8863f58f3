//! The result of a request, and the forms of errors in it.

use serde::Serialize;
use serde_json::Value;

use crate::sandbox::faults::Fault;

/// The answer to a request, before a fault of the connection is applied to it.
#[derive(Debug)]
pub struct DocumentOutcome {
    /// The HTTP status.
    pub status: u16,
    /// The body, as bytes.
    pub body: Vec<u8>,
    /// `true` if the body is an HTML page instead of JSON.
    pub html: bool,
    /// The error code in the answer, for the log.
    pub code: Option<String>,
    /// The number of rows in the answer, for the log.
    pub rows: u64,
}

/// One entry of an answer's `errors`, with its members in the documented order.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// What is wrong, in words.
    pub message: String,
    /// The positions in the query that the error is about, each with line and column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Value>,
    /// The path to the field of the answer that the error is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Value>,
    /// The error code, and the data that belongs to it.
    pub extensions: Extensions,
    /// `Some(false)` in errors of the API itself, `None` in errors of the GraphQL library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
}

/// The machine-readable part of an error ([`Problem`]).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
    /// The error code, such as `TOKEN_EXPIRED`.
    pub code: &'static str,
    /// The scope that the API key lacks. Set for `INSUFFICIENT_SCOPES` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<&'static str>,
}

/// The body of an answer that consists of errors only.
#[derive(Serialize)]
struct Failed<'a> {
    errors: &'a [Problem],
}

impl Problem {
    /// Returns an error as the GraphQL library reports it.
    pub fn new(message: &str, code: &'static str) -> Problem {
        let extensions = Extensions { code, required_scope: None };
        Problem { message: message.to_owned(), locations: Vec::new(), path: Vec::new(), extensions, success: None }
    }

    /// Returns an error as the API itself reports it, in the documented form.
    pub fn documented(message: &str, code: &'static str) -> Problem {
        Problem { success: Some(false), ..Problem::new(message, code) }
    }

    /// Returns the error for an API key without the scope `scope`.
    pub fn scope(scope: &'static str) -> Problem {
        let mut problem = Problem::documented("Insufficient scopes for this operation", "INSUFFICIENT_SCOPES");
        problem.extensions.required_scope = Some(scope);
        problem
    }

    /// Sets the path to the field that the error is about.
    #[must_use]
    pub fn at(self, path: Vec<Value>) -> Problem {
        Problem { path, ..self }
    }
}

impl DocumentOutcome {
    /// Returns an answer that consists of errors only.
    pub fn failed(status: u16, errors: &[Problem]) -> DocumentOutcome {
        let body = serde_json::to_vec(&Failed { errors }).unwrap_or_default();
        let code = errors.first().map(|p| p.extensions.code.to_owned());
        DocumentOutcome { status, body, html: false, code, rows: 0 }
    }

    fn page(status: u16, title: &str) -> DocumentOutcome {
        let html = format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
        );
        DocumentOutcome { status, body: html.into_bytes(), html: true, code: None, rows: 0 }
    }

    /// Returns the answer to a request that exceeds the rate limit.
    pub fn too_many() -> DocumentOutcome {
        DocumentOutcome::failed(429, &[Problem::new("Too Many Requests", "TOO_MANY_REQUESTS")])
    }

    /// Returns the answer of a server that limits the aliases in a request, in the words of a well-known plugin.
    /// `most` is the limit, and `asked` the number in the request.
    pub fn too_many_questions(most: usize, asked: usize) -> DocumentOutcome {
        let message = format!("Syntax Error: Aliases limit of {most} exceeded, found {asked}.");
        DocumentOutcome::failed(400, &[Problem::new(&message, "GRAPHQL_VALIDATION_FAILED")])
    }

    /// Returns the answer that a fault gives instead of executing the request. Returns `None` if the request is
    /// executed in spite of the fault.
    pub fn instead(fault: Fault) -> Option<DocumentOutcome> {
        let internal = Problem::new("Internal server error", "INTERNAL_SERVER_ERROR");
        let unauthorized = Problem::documented("Missing or invalid access token", "UNAUTHORIZED");
        Some(match fault {
            Fault::RateLimitedStatus => DocumentOutcome::too_many(),
            Fault::RateLimitedBody => {
                DocumentOutcome::failed(200, &[Problem::documented("Too Many Requests", "TOO_MANY_REQUESTS")])
            }
            Fault::Error500 => DocumentOutcome::page(500, "Internal Server Error"),
            Fault::Error502 => DocumentOutcome::page(502, "Bad Gateway"),
            Fault::Error503 => DocumentOutcome::page(503, "Service Temporarily Unavailable"),
            Fault::BadRequestGraphql => DocumentOutcome::failed(400, &[internal]),
            Fault::UnauthorizedGraphql => DocumentOutcome::failed(401, &[unauthorized]),
            Fault::Errors200 => {
                let mut outcome = DocumentOutcome::failed(200, &[internal]);
                outcome.body.pop();
                outcome.body.extend_from_slice(b",\"data\":null}");
                outcome
            }
            Fault::CutBefore => DocumentOutcome { status: 0, body: Vec::new(), html: false, code: None, rows: 0 },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_scope_has_the_documented_form() {
        let outcome = DocumentOutcome::failed(200, &[Problem::scope("write_contacts")]);
        let documented = r#"{"errors":[{"message":"Insufficient scopes for this operation","extensions":{"code":"INSUFFICIENT_SCOPES","requiredScope":"write_contacts"},"success":false}]}"#;
        assert_eq!(String::from_utf8(outcome.body).unwrap(), documented);
    }

    #[test]
    fn errors_with_null_data_are_json() {
        let outcome = DocumentOutcome::instead(Fault::Errors200).unwrap();
        let body: Value = serde_json::from_slice(&outcome.body).unwrap();
        assert!(body["data"].is_null() && body["errors"].is_array());
    }
}
