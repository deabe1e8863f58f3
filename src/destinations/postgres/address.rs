//! Parses the URL of a PostgreSQL database. Messages show only its host and its database.
//!
//! The password is sent only over TLS with a trusted certificate, or if the URL switches TLS off. The modes of libpq
//! in between (`prefer`, `allow`) would send the password to any server that answers first, so they are refused.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::destinations::location::canonical;

/// The parsed URL of a database.
#[derive(Clone)]
pub struct Address {
    config: Arc<Config>,
    place: String,
    trust: Trust,
}

/// Which certificates a connection trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// No TLS, so that others on the network can read the connection.
    Plain,
    /// The certificates that this system trusts.
    System,
    /// The root certificates in this file (PEM).
    File(PathBuf),
}

impl Address {
    /// Parses a URL. The error message says what is wrong with the URL and shows no part of it.
    pub fn read(url: &str) -> Result<Address, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("is no URL that begins with postgres://".into());
        }
        let (stem, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for option in query.split('&').filter(|o| !o.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(value),
                _ => others.push(option),
            }
        }
        // The library's message could quote a piece of a password that was not encoded.
        let mut config: Config = format!("{stem}?{}", others.join("&")).parse().map_err(|_| {
            "cannot be read: postgres://USER:PASSWORD@HOST/DATABASE, with special characters of the password as %XX"
        })?;
        let hosts = config.get_hosts().iter().zip(config.get_ports().iter().chain(std::iter::repeat(&5432)));
        let hosts: Vec<String> = hosts.map(|(host, port)| shown(host, *port)).collect();
        if hosts.is_empty() {
            return Err("names no host".into());
        }
        if hosts.iter().any(|host| host.contains(['@', '%', '?', '#', ' '])) {
            return Err("has a special character in its host: in a password it must be written as %XX".into());
        }
        let Some(database) = config.get_dbname() else { return Err("names no database".into()) };
        let place = format!("{}/{database}", hosts.join(","));
        let trust = trust(mode, roots, config.get_hosts().iter().all(is_here))?;
        config.ssl_mode(if trust == Trust::Plain { SslMode::Disable } else { SslMode::Require });
        Ok(Address { config: Arc::new(config), place, trust })
    }

    /// Returns `host/database`, for display.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Returns the settings of the connection, with the password.
    pub(super) fn config(&self) -> Config {
        Config::clone(&self.config)
    }

    /// Returns which certificates the connection trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// Returns the canonical name of a host, with the port unless it is 5432. A host name is in lower case without a dot
/// at its end, an IP address in its short form, and a folder of sockets is its real path.
fn shown(host: &Host, port: u16) -> String {
    let host = match host {
        Host::Tcp(name) => match name.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            Ok(IpAddr::V4(ip)) => ip.to_string(),
            Err(_) => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
        },
        #[cfg(unix)]
        Host::Unix(path) => canonical(path).display().to_string(),
    };
    if port == 5432 { host } else { format!("{host}:{port}") }
}

/// Returns whether a host is this machine, so that nobody else can read an unencrypted connection.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn trust(mode: Option<&str>, roots: Option<&str>, is_here: bool) -> Result<Trust, String> {
    let with_tls = || match roots {
        None | Some("system") => Trust::System,
        Some(file) => Trust::File(file.into()),
    };
    match mode {
        Some("disable") => Ok(Trust::Plain),
        None if is_here && roots.is_none() => Ok(Trust::Plain),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(with_tls()),
        Some("prefer" | "allow") => {
            Err("has an sslmode that trusts whoever answers: say sslmode=require, or sslmode=disable".into())
        }
        Some(_) => Err("has an unknown sslmode: say sslmode=require, or sslmode=disable".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_database_are_shown_and_nothing_else() {
        for (url, place, trust) in [
            ("postgres://u:p@db.example/w", "db.example/w", Trust::System),
            ("postgres://u:p@db.example:5433/w?sslmode=require", "db.example:5433/w", Trust::System),
            ("postgresql://u:p@db.example/w?sslmode=disable", "db.example/w", Trust::Plain),
            (
                "postgres://u:p@a,b:1/w?sslmode=verify-full&sslrootcert=/ca.pem",
                "a,b:1/w",
                Trust::File("/ca.pem".into()),
            ),
            ("postgres://u:p@localhost/w", "localhost/w", Trust::Plain),
            ("postgres://u:p@127.0.0.1/w?sslrootcert=system", "127.0.0.1/w", Trust::System),
            ("postgres://u:p%40%2F@[::1]:5/w", "[::1]:5/w", Trust::Plain),
            ("postgres:///w?host=/no/such/../place&user=u", "/no/place/w", Trust::Plain),
            ("postgres://u:p@DB.Example.:5432/w", "db.example/w", Trust::System),
            ("postgres://u:p@[0:0:0:0:0:0:0:1]:5432/w", "[::1]/w", Trust::Plain),
        ] {
            let address = Address::read(url).expect(url);
            assert_eq!((address.place(), address.trust()), (place, &trust), "{url}");
            assert_eq!(format!("{address:?}"), place);
            let wanted = if trust == Trust::Plain { SslMode::Disable } else { SslMode::Require };
            assert_eq!(address.config().get_ssl_mode(), wanted, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_a_piece_of_the_password() {
        for (url, told) in [
            ("mysql://u:s3cret@h/w", "postgres://"),
            ("postgres://u:s3cret@s3cret@h/w", "%XX"),
            ("postgres://u:p@h/w?s3cret=1", "%XX"),
            ("postgres://u:p@h:s3cret/w", "%XX"),
            ("postgres://u:s3cret@/w", "no host"),
            ("postgres://u:s3cret@h", "no database"),
            ("postgres://u:s3cret@h/w?sslmode=prefer", "sslmode=require"),
            ("postgres://u:s3cret@h/w?sslmode=s3cret", "sslmode=require"),
        ] {
            let why = Address::read(url).expect_err(url);
            assert!(why.contains(told) && !why.contains("s3cret"), "{url}: {why}");
        }
    }
}
