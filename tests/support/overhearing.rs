//! An HTTP proxy that records every request and answers 502. What reaches it has left the machine in clear text.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The proxy.
pub struct RecordingProxy {
    /// `127.0.0.1:PORT`
    pub address: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl RecordingProxy {
    /// Starts to listen on a free port.
    pub fn start() -> RecordingProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = heard.clone();
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || {
                    let _ = client.set_read_timeout(Some(Duration::from_secs(5)));
                    let mut bytes = vec![0; 64 * 1024];
                    let n = client.read(&mut bytes).unwrap_or(0);
                    kept.lock().expect("no panic").push(String::from_utf8_lossy(&bytes[..n]).into_owned());
                    let _ = client.write_all(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                });
            }
        });
        RecordingProxy { address, heard }
    }

    /// Returns the beginning of every connection so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}
