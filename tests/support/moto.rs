//! An S3 server for tests: moto, in a process that ends when this one ends. Buckets are created and objects are read
//! over plain HTTP here, so that a test's conclusions do not depend on the client under test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A program that serves until its standard input closes, however the test process ends.
const SERVE: &str = "import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])";

/// The key that tests sign with. The server accepts any key until [`Moto::must_be_known`].
pub const KEY: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "test-key"),
    ("AWS_SECRET_ACCESS_KEY", "SECRETMARKER-of-the-store"),
    ("AWS_REGION", "us-east-1"),
];

/// A signature that satisfies a server which checks none.
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test-key/20250101/us-east-1/s3/aws4_request";

/// The server.
pub struct Moto {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
}

impl Moto {
    /// Starts a server on a free port.
    pub fn start() -> Moto {
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/.test-needs/venv/bin/python");
        let mut child = Command::new(python)
            .args(["-c", SERVE])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto (make test installs it)");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let address = loop {
            let line = lines.next().expect("moto says where it listens").expect("a line");
            if let Some((_, address)) = line.split_once("Running on http://") {
                break address.trim().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Moto { child, address }
    }

    /// Creates a bucket.
    pub fn bucket(&self, name: &str) {
        assert_eq!(self.ask("PUT", &format!("/{name}"), b"").0, 200);
    }

    /// Returns the variables that lead a client to `address`: this server's, or that of a proxy to it.
    pub fn variables(address: &str) -> Vec<(String, String)> {
        let key = KEY.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let way =
            [("AWS_ENDPOINT_URL".to_owned(), format!("http://{address}")), ("AWS_ALLOW_HTTP".into(), "true".into())];
        key.chain(way).collect()
    }

    /// Returns all keys of a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let (status, body) = self.ask("GET", &format!("/{bucket}?list-type=2&max-keys=1000"), b"");
        assert_eq!(status, 200);
        let text = String::from_utf8(body).expect("XML");
        text.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
    }

    /// Returns the number of uploads that are neither completed nor aborted.
    pub fn uploads(&self, bucket: &str) -> usize {
        let (status, body) = self.ask("GET", &format!("/{bucket}?uploads"), b"");
        assert_eq!(status, 200);
        String::from_utf8(body).expect("XML").matches("<UploadId>").count()
    }

    /// Returns an object, or `None` if it does not exist.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (status, body) = self.ask("GET", &format!("/{bucket}/{key}"), b"");
        assert!(matches!(status, 200 | 404), "HTTP {status}");
        (status == 200).then_some(body)
    }

    /// Stores an object.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        assert_eq!(self.ask("PUT", &format!("/{bucket}/{key}"), bytes).0, 200);
    }

    /// Makes the server accept only keys that it knows (it knows none), or every key again.
    pub fn must_be_known(&self, must: bool) {
        let free: &[u8] = if must { b"0" } else { b"1000000" };
        assert_eq!(self.ask("POST", "/moto-api/reset-auth", free).0, 200);
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("moto listens");
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{SIGNED}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("headers") + 4;
        let body = answer.split_off(at);
        let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|s| s.parse().ok());
        (status.expect("a status"), body)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
