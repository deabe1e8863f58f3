//! Describes why no answer came: no connection, no TLS, or a certificate that is not trusted. The descriptions leave
//! out the path of the URL. It is in the configuration, and it may hold what should not be shown.

use std::error::Error as StdError;

use reqwest::Url;
use rustls::{CertificateError, InvalidMessage};

use crate::error::{Error, Kind, tls_fault};

/// Returns the error for a request to `endpoint` that got no answer.
pub fn of_http(error: &reqwest::Error, endpoint: &Url) -> Error {
    if let Some(told) = tls_fault(error).and_then(|fault| of_tls(fault, endpoint)) {
        return told.caused_by(error);
    }
    if let Some(refused) = of_proxy(error, endpoint) {
        return refused;
    }
    let kind = if error.is_timeout() { Kind::TimedOut } else { Kind::Network };
    Error::new(kind, chain(error)).caused_by(error)
}

/// Returns the error for a proxy that refuses to connect to the endpoint (`CONNECT`), or `None` for any other
/// failure. The words of the HTTP library's error decide, because there is no other sign.
fn of_proxy(error: &reqwest::Error, endpoint: &Url) -> Option<Error> {
    let said = causes(error).join(": ").to_ascii_lowercase();
    let asks_for_login =
        said.contains("proxy authorization required") || said.contains("proxy authentication required");
    if !asks_for_login && !said.contains("tunnel") {
        return None;
    }
    let host = endpoint.host_str().unwrap_or_default();
    let port = endpoint.port_or_known_default().unwrap_or(443);
    let why = if asks_for_login {
        "asks for a login: write it into the variable, http://USER:PASSWORD@PROXY"
    } else {
        "does not let through what it is asked for: let it pass CONNECT to that host, or name the host in NO_PROXY"
    };
    Some(Error::new(
        Kind::TurnedAway { is_unauthorized: false },
        format!(
            "cannot connect: the proxy that HTTPS_PROXY or ALL_PROXY names refuses to connect to {host}:{port}; it {why}"
        ),
    ))
}

/// Returns the messages of an error and of each of its causes, outermost first.
fn causes(error: &reqwest::Error) -> Vec<String> {
    let (mut all, mut next): (_, Option<&dyn StdError>) = (Vec::new(), Some(error));
    while let Some(cause) = next {
        all.push(cause.to_string());
        next = cause.source();
    }
    all
}

/// Returns the error for a TLS failure that a retry cannot repair, or `None` for one that may be temporary.
fn of_tls(fault: &rustls::Error, endpoint: &Url) -> Option<Error> {
    let host = endpoint.host_str().unwrap_or_default();
    let place = format!("{host}:{}", endpoint.port_or_known_default().unwrap_or(443));
    Some(match fault {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Error::new(
            Kind::WrongEndpoint,
            format!("cannot connect: {place} does not speak TLS, and https:// needs it"),
        ),
        rustls::Error::InvalidCertificate(why) => {
            let why = match why {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet".into()
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    format!("it is not for {host}")
                }
                CertificateError::UnknownIssuer => "nobody this system trusts has signed it".into(),
                // rustls says `Other(OtherError(CaUsedAsEndEntity))`, most often of a certificate that signs itself.
                CertificateError::Other(_) => {
                    "nobody this system trusts has signed it, or it is none for servers".into()
                }
                other => format!("{other:?}"),
            };
            Error::new(Kind::Untrusted, format!("cannot connect: the certificate of {place} is not trusted: {why}"))
        }
        _ => return None,
    })
}

/// Describes a failed request in words, with the message of its innermost cause.
pub fn chain(error: &reqwest::Error) -> String {
    let said = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_body() || error.is_decode() {
        "the answer was cut"
    } else {
        "the request got no answer"
    };
    let mut deepest: &dyn StdError = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if std::ptr::addr_eq(deepest, std::ptr::from_ref(error)) { said.to_owned() } else { format!("{said}: {deepest}") }
}
