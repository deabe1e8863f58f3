//! What it means that no answer came: nobody there, no TLS there, a certificate that is not trusted. The address's path is
//! left out: it is in the configuration, and it may hold what should not be shown.

use std::error::Error as StdError;

use reqwest::Url;
use rustls::{CertificateError, InvalidMessage};

use crate::error::{Error, Kind, tls_fault};

/// A failure to get an answer from `endpoint`.
pub fn of_http(error: &reqwest::Error, endpoint: &Url) -> Error {
    if let Some(told) = tls_fault(error).and_then(|fault| of_tls(fault, endpoint)) {
        return told;
    }
    let kind = if error.is_timeout() { Kind::TimedOut } else { Kind::Network };
    Error::new(kind, chain(error))
}

/// What of TLS will be the same when it is tried again; none for what may pass.
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
                // "Other(OtherError(CaUsedAsEndEntity))": a certificate that signs itself is most often one of these.
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

/// What happened, and the deepest cause.
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
