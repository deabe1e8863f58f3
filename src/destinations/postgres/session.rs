//! A connection that is used from a thread without an async runtime. A background thread reads and writes the socket,
//! so that the connection may be idle for the hours that a run reads. Both ends send keep-alives, so that neither
//! waits for a peer that is gone.
//!
//! The session holds an advisory lock on its schema, so that two runs never write to one schema. A killed run's
//! session ends by itself within moments, and the next run waits for that.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt as _;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, CopyInSink, NoTls, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Trust};
use crate::destinations::background::{Background, wait};
use crate::destinations::postgres::error;
use crate::error::{Cause, Error, Kind, Result};

/// The parameters of an SQL statement.
pub type Parameters<'p> = &'p [&'p (dyn ToSql + Sync)];

/// The number of bytes of a COPY that are sent together.
const CHUNK: usize = 256 * 1024;

/// How long connecting may take if the URL names no `connect_timeout`.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first half of the keys of this program's advisory locks. The second half is a hash of the schema's name.
const LOCK: i32 = 0x7170_696e;

/// A session with the server.
pub struct Session {
    background: Background,
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
    place: String,
}

impl Session {
    /// Connects, but makes no settings: `startup.rs` does that. `application` is the name that the server's list of
    /// sessions shows.
    pub fn connect(address: &Address, application: &str) -> Result<Session> {
        let place = address.place().to_owned();
        let failed = |why: String| Error::new(Kind::DestinationUnwritable, format!("{place}: {why}"));
        let tls = tls(address.trust()).map_err(&failed)?;
        let background = Background::start("postgres")?;
        let mut config = address.config();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        config.application_name(application.chars().take(60).collect::<String>());
        config.keepalives_idle(Duration::from_secs(60)).keepalives_interval(Duration::from_secs(10));
        config.keepalives_retries(6).tcp_user_timeout(Duration::from_secs(120));
        // `connect` must run on the runtime that watches the sockets.
        let connected = background.run(async move {
            let drive = tokio::spawn::<Pin<Box<dyn Future<Output = ()> + Send>>>;
            Ok::<_, tokio_postgres::Error>(match tls {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, drive(Box::pin(async { drop(connection.await) })))
                }
                Some(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    (client, drive(Box::pin(async { drop(connection.await) })))
                }
            })
        });
        let (client, driver) = connected?.map_err(|e| told(&place, &e))?;
        Ok(Session { background, client: Some(client), driver: Some(driver), place })
    }

    /// Runs a query without preparing it, and returns the first value as a string.
    pub fn plain(&self, sql: &str) -> Result<String> {
        let messages = wait(self.client()?.simple_query(sql)).map_err(|e| self.told(&e))?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(row.unwrap_or_default().to_owned())
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| self.failed("the session has ended"))
    }

    /// Returns whether the connection is broken or was closed.
    pub fn is_lost(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    /// Makes an error whose message names the destination.
    pub fn failed(&self, why: impl std::fmt::Display) -> Error {
        Error::new(Kind::DestinationUnwritable, format!("{}: {why}", self.place))
    }

    fn told(&self, error: &tokio_postgres::Error) -> Error {
        told(&self.place, error)
    }

    /// Runs one or more SQL statements.
    pub fn run(&self, sql: &str) -> Result<()> {
        wait(self.client()?.batch_execute(sql)).map_err(|e| self.told(&e))
    }

    /// Runs one statement. Returns the number of rows that it affected.
    pub fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64> {
        wait(self.client()?.execute(sql, parameters)).map_err(|e| self.told(&e))
    }

    /// Runs a query, and returns its rows.
    pub fn rows(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        wait(self.client()?.query(sql, parameters)).map_err(|e| self.told(&e))
    }

    /// Runs a query that returns one row with one value, and returns the value.
    pub fn value<T: for<'r> tokio_postgres::types::FromSql<'r>>(&self, sql: &str, p: Parameters<'_>) -> Result<T> {
        let row = wait(self.client()?.query_one(sql, p)).map_err(|e| self.told(&e))?;
        row.try_get(0).map_err(|e| self.told(&e))
    }

    /// Locks a schema against other sessions of this program, for as long as this session lives. If another session
    /// keeps the lock, returns a `Locked` error that names it.
    pub fn lock(&self, schema: &str) -> Result<()> {
        // The holder may be dead and the server about to notice, so this waits for some seconds.
        let key = i32::from_be_bytes(
            xxhash_rust::xxh3::xxh3_64(schema.as_bytes()).to_be_bytes()[..4].try_into().unwrap_or_default(),
        );
        let take = format!("BEGIN; SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_lock({LOCK}, {key}); COMMIT");
        let Err(error) = wait(self.client()?.batch_execute(&take)) else { return Ok(()) };
        let _ = self.run("ROLLBACK");
        if error.code() != Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) {
            return Err(self.told(&error));
        }
        let holders = self.rows(
            "SELECT coalesce(application_name, 'another session') FROM pg_locks JOIN pg_stat_activity USING (pid)
             WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND classid::bigint = $1 AND objid::bigint = $2::bigint & 4294967295",
            &[&i64::from(LOCK), &i64::from(key)],
        )?;
        let holder: String = holders.first().and_then(|row| row.try_get(0).ok()).unwrap_or_else(|| "another".into());
        Err(Error::new(Kind::Locked, format!("the schema {schema} of {} is held by {holder}", self.place)))
    }

    /// Begins a binary COPY with the statement `sql`.
    pub fn copy(&self, sql: &str) -> Result<Copy<'_>> {
        let sink = wait(self.client()?.copy_in(sql)).map_err(|e| self.told(&e))?;
        let mut buffer = BytesMut::with_capacity(CHUNK * 2);
        super::wire::begin(&mut buffer);
        Ok(Copy { session: self, sink: Box::pin(sink), buffer })
    }
}

impl Drop for Session {
    /// Ends the connection. Waits up to two seconds for its end, so that the lock is free when this function returns.
    fn drop(&mut self) {
        self.client = None;
        if let Some(driver) = self.driver.take() {
            let farewell = async { drop(tokio::time::timeout(Duration::from_secs(2), driver).await) };
            drop(self.background.run(farewell));
        }
    }
}

/// A COPY in progress. If [`Copy::end`] is not called, the server discards the rows.
pub struct Copy<'s> {
    session: &'s Session,
    sink: Pin<Box<CopyInSink<Bytes>>>,
    buffer: BytesMut,
}

impl Copy<'_> {
    /// Adds a row, which `write` appends to the buffer. Sends the buffer if it is full.
    pub fn row<T>(&mut self, write: impl FnOnce(&mut BytesMut) -> T) -> Result<T> {
        let written = write(&mut self.buffer);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(written)
    }

    fn send(&mut self) -> Result<()> {
        let chunk = self.buffer.split().freeze();
        wait(self.sink.send(chunk)).map_err(|e| self.session.told(&e))
    }

    /// Ends the COPY. Returns the number of rows that the server has stored.
    pub fn end(mut self) -> Result<u64> {
        super::wire::end(&mut self.buffer);
        self.send()?;
        wait(self.sink.as_mut().finish()).map_err(|e| self.session.told(&e))
    }
}

fn told(place: &str, error: &tokio_postgres::Error) -> Error {
    let told = Error::new(error::kind(error), format!("{place}: {}", error::told(error)));
    match error.code() {
        Some(state) => told.with_cause(Cause::Postgres(state.code().into())),
        None => told.caused_by(error),
    }
}

/// Sets up TLS with the system's root certificates or with those of a file. Returns `None` for a connection without
/// TLS.
fn tls(trust: &Trust) -> std::result::Result<Option<MakeRustlsConnect>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|e| e.to_string())?;
    let config = match trust {
        Trust::Plain => return Ok(None),
        Trust::System => builder.with_platform_verifier().map_err(|e| e.to_string())?.with_no_client_auth(),
        Trust::File(path) => {
            let unread = |why: String| format!("sslrootcert {}: {why}", path.display());
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unread(e.to_string()))? {
                let certificate = certificate.map_err(|e| unread(e.to_string()))?;
                roots.add(certificate).map_err(|e| unread(e.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unread("there is no certificate in it".into()));
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    Ok(Some(MakeRustlsConnect::new(config)))
}
