//! Turns an object store's errors into messages. Of an answer, a message repeats only the status and the code,
//! because the body may contain the key, the signed text, and whatever else a server quotes.

use std::error::Error as StdError;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Kind, quote, tls_fault};

/// Classifies an error: `DestinationUnreachable` if a later attempt may succeed (the store cannot be reached, fails,
/// or is overloaded), `DestinationUnwritable` otherwise.
pub fn kind(error: &Error) -> Kind {
    let text = error.to_string();
    let status = between(&text, "status code: ", " ").and_then(|s| s.parse::<u16>().ok());
    let passes = match transport(error) {
        Some(_) => tls_fault(error).is_none(),
        None => status.is_some_and(|status| status >= 500 || status == 429),
    };
    if passes { Kind::DestinationUnreachable } else { Kind::DestinationUnwritable }
}

/// Returns a message that says what went wrong and what to check. `address` is the store's URL.
pub fn told(error: &Error, bucket: &str, address: &str) -> String {
    if let Some(cut) = transport(error) {
        return format!("{address} {cut}");
    }
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>").filter(|c| c.chars().all(|c| c.is_ascii_alphanumeric()));
    let status = between(&text, "status code: ", " ").filter(|s| s.parse::<u16>().is_ok());
    let said = match (status, code) {
        (Some(status), Some(code)) => format!(" (HTTP {status}, {code})"),
        (Some(status), None) => format!(" (HTTP {status})"),
        (None, Some(code)) => format!(" ({code})"),
        (None, None) => String::new(),
    };
    let cause = match (code, error) {
        (Some("NoSuchBucket"), _) => format!("there is no bucket `{bucket}` at {address}: make it, or correct the path"),
        (Some("InvalidAccessKeyId" | "InvalidClientTokenId" | "InvalidToken" | "AuthFailure"), _) => {
            "the store does not know this key: look at AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN and AWS_ENDPOINT_URL".into()
        }
        (Some("SignatureDoesNotMatch"), _) => {
            "the store does not accept the signature: look at AWS_SECRET_ACCESS_KEY and AWS_REGION".into()
        }
        (Some("ExpiredToken" | "TokenRefreshRequired"), _) => "the credentials have expired: renew AWS_SESSION_TOKEN, with a life longer than a run's".into(),
        (Some("RequestTimeTooSkewed"), _) => "this machine's clock is wrong".into(),
        (Some("NoSuchUpload"), _) => "the upload is gone: somebody else has ended it".into(),
        _ if text.contains("kms:") || code.is_some_and(|code| code.starts_with("KMS")) => {
            "the key with which the bucket encrypts (KMS) refuses: let this key use kms:GenerateDataKey and kms:Decrypt of it"
                .into()
        }
        _ if text.contains("Object Lock") && text.contains("MD5") => {
            "the bucket has Object Lock, which wants a checksum with each file: set AWS_CHECKSUM_ALGORITHM=SHA256".into()
        }
        _ if text.contains("Object Lock") || text.contains("WORM") => {
            "the bucket keeps its files for a time (Object Lock), and a delivery replaces and removes its own: give it a bucket \
             or prefix without a retention"
                .into()
        }
        (_, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => {
            "access denied: the key needs s3:PutObject, GetObject, DeleteObject, AbortMultipartUpload and ListBucket here"
                .into()
        }
        (_, Error::NotFound { .. }) => "it is not there: does the bucket exist?".into(),
        _ if text.contains("redirect without LOCATION") => "the bucket is in another region: set AWS_REGION to its own".into(),
        _ if status.is_some() || code.is_some() => format!("{address} refuses it"),
        _ => format!("{address} answers what is none of S3's answers: look at AWS_ENDPOINT_URL"),
    };
    cause + &said
}

/// Returns what happened to the connection, for example `cannot be reached: ...`. Returns `None` if the error is not
/// about the connection.
pub fn transport(error: &Error) -> Option<String> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut met = None;
    let mut deepest = String::new();
    while let Some(inner) = cause {
        met = met.or_else(|| inner.downcast_ref::<HttpError>().map(HttpError::kind));
        if met.is_some() {
            deepest = inner.to_string();
        }
        cause = inner.source();
    }
    let what = match met? {
        HttpErrorKind::Connect => "cannot be reached",
        HttpErrorKind::Timeout => "does not answer in time",
        _ => "does not answer to the end",
    };
    Some(format!("{what}: {}", quote(&deepest)))
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}
