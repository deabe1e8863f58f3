//! A TLS server with a self-signed certificate (`self-signed/`, made for these tests).
#![allow(dead_code)] // each test binary uses its part

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

/// A listening server. Its threads end with the test process.
pub struct SelfSigned {
    /// The address to give to `--endpoint`.
    pub endpoint: String,
    heard: Arc<Mutex<Vec<u8>>>,
    visits: Arc<Mutex<usize>>,
}

impl SelfSigned {
    /// Starts a server on a free port.
    pub fn start() -> SelfSigned {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("self-signed/cert.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("self-signed/key.pem")).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a pair");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("https://{}/api/v1", listener.local_addr().expect("an address"));
        let server = SelfSigned { endpoint, heard: Arc::default(), visits: Arc::default() };
        let (heard, visits) = (server.heard.clone(), server.visits.clone());
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                *visits.lock().expect("no panic while it was held") += 1;
                let mut connection = ServerConnection::new(config.clone()).expect("a connection");
                let mut bytes = Vec::new();
                // A client that does not trust the certificate leaves in the middle of the handshake.
                let _ = Stream::new(&mut connection, &mut socket).read_to_end(&mut bytes);
                heard.lock().expect("no panic while it was held").append(&mut bytes);
            }
        });
        server
    }

    /// Returns everything that clients sent inside TLS.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().expect("no panic while it was held").clone()
    }

    /// Returns the number of connections.
    pub fn visits(&self) -> usize {
        *self.visits.lock().expect("no panic while it was held")
    }
}
