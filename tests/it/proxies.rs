//! A proxy that the environment names never sees requests to this machine's own addresses: it would get the client
//! secret and the token in clear text.

use crate::support::foreign::{Answer, Foreign, Server};
use crate::support::overhearing::RecordingProxy;
use crate::support::{Outcome, Sandbox, Work};

/// Every variable that names a proxy, in both spellings.
const VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

fn sandbox() -> Sandbox {
    let size = ["--contacts", "60", "--persons", "3", "--conversations", "5", "--messages", "40"];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat())
}

/// Runs against an address while these variables name the proxy.
fn run(work: &Work, proxy: &RecordingProxy, variables: &[&str], endpoint: &str) -> Outcome {
    let mut command = work.command(&["run", "job.toml", "-vv", "--endpoint", endpoint]);
    for name in variables {
        command.env(name, format!("http://{}", proxy.address));
    }
    // `NO_PROXY` names another host, so it does not keep these requests from the proxy.
    command.env("NO_PROXY", "intranet.example");
    Outcome::of(&command.output().expect("a run"))
}

#[test]
fn no_variable_leads_the_secret_to_a_proxy() {
    let (sandbox, proxy) = (sandbox(), RecordingProxy::start());
    for variable in VARIABLES {
        run(&Work::new(""), &proxy, &[variable], &sandbox.endpoint).expect(0);
        assert_eq!(proxy.heard(), Vec::<String>::new(), "{variable}");
    }
}

#[test]
fn every_way_to_write_this_machine_is_this_machine() {
    let (sandbox, proxy) = (sandbox(), RecordingProxy::start());
    let port = sandbox.address.rsplit(':').next().expect("a port");
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
        "127.1",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let endpoint = sandbox.endpoint.replace(&sandbox.address, &format!("{host}:{port}"));
        run(&Work::new(""), &proxy, &VARIABLES, &endpoint).expect(0);
        assert_eq!(proxy.heard(), Vec::<String>::new(), "{host}");
    }
    for host in ["localhost.example", "api.example"] {
        let endpoint = sandbox.endpoint.replace(&sandbox.address, &format!("{host}:{port}"));
        let refused = run(&Work::new(""), &proxy, &VARIABLES, &endpoint).expect(2);
        assert!(refused.stderr.contains("is not encrypted"), "{}", refused.stderr);
        assert_eq!(proxy.heard(), Vec::<String>::new(), "{host}");
    }
}

/// If the proxy refuses to connect, the run says so at once.
#[test]
fn a_proxy_that_refuses_is_named_at_once() {
    for (status, told) in [
        ("407 Proxy Authentication Required", "asks for a login"),
        ("403 Forbidden", "does not let through"),
        ("502 Bad Gateway", "does not let through"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let _ = std::io::Read::read(&mut client, &mut [0; 2048]);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                let _ = std::io::Write::write_all(&mut client, answer.as_bytes());
            }
        });
        let work = Work::new("");
        let mut command = work.command(&["run", "job.toml", "--endpoint", "https://api.example/api/v1"]);
        let begun = std::time::Instant::now();
        let run =
            Outcome::of(&command.env("HTTPS_PROXY", format!("http://{address}")).output().expect("a run")).expect(6);
        let why = "the proxy that HTTPS_PROXY or ALL_PROXY names refuses to connect to api.example:443";
        assert!(run.stderr.contains(why) && run.stderr.contains(told), "{status}: {}", run.stderr);
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{status}");
    }
}

/// The run reaches any other machine through the proxy. The proxy learns the address, and nothing of what is sent.
#[test]
fn another_machine_is_reached_through_the_proxy() {
    let proxy = RecordingProxy::start();
    let work = Work::new("retry_for = \"1s\"");
    run(&work, &proxy, &["HTTPS_PROXY"], "https://api.example/api/v1").expect(6);
    let heard = proxy.heard();
    assert!(!heard.is_empty() && heard.iter().all(|one| one.starts_with("CONNECT api.example:443 ")), "{heard:?}");
    assert!(heard.iter().all(|one| !one.contains("sandbox-secret")), "{heard:?}");
}

#[test]
fn every_command_goes_past_the_proxy() {
    let (sandbox, proxy) = (sandbox(), RecordingProxy::start());
    let work = Work::new("");
    for command in ["check", "discover", "plan", "run"] {
        let mut command = work.command(&[command, "job.toml", "--endpoint", &sandbox.endpoint]);
        let outcome = Outcome::of(&command.envs(VARIABLES.map(|name| (name, &proxy.address))).output().expect("a run"));
        assert_eq!((outcome.code, proxy.heard()), (0, Vec::new()), "{outcome:?}");
    }
    let mut demo = work.command(&["demo"]);
    Outcome::of(&demo.envs(VARIABLES.map(|name| (name, &proxy.address))).output().expect("a run")).expect(0);
    assert_eq!(proxy.heard(), Vec::<String>::new());
}

/// The run reaches a store on this machine directly, and also a service on this machine that gives it credentials.
#[cfg(feature = "objects")]
#[test]
fn a_store_on_this_machine_is_asked_past_the_proxy() {
    let job = "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
               [[destination]]\nkind = \"csv\"\npath = \"s3://bucket/p\"\nretry_for = \"1s\"\n";
    let (source, _) = Foreign::default().start();
    let proxy = RecordingProxy::start();
    // This server gives credentials to a request with the pod's token, and refuses everything else as a store does.
    let store = Server::start(|asked| match asked.headers.get("authorization").map(String::as_str) {
        Some("POD-TOKENMARKER") => Answer::json(
            200,
            &serde_json::json!({"AccessKeyId": "k", "SecretAccessKey": "s", "Token": "t", "Expiration": "2999-01-01T00:00:00Z"}),
        ),
        _ => Answer::new(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>"),
    });
    let address = store.endpoint.trim_end_matches("/api/v1");
    let call = |endpoint: &str, key: &[(&str, &str)]| {
        let work = Work::with_job(job);
        std::fs::write(work.path("pod-token"), "POD-TOKENMARKER").expect("a token");
        let mut command = work.command(&["run", "job.toml", "--endpoint", &source.endpoint]);
        command.envs(VARIABLES.map(|name| (name, format!("http://{}", proxy.address))));
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ALLOW_HTTP", "true").envs(key.iter().copied());
        Outcome::of(&command.output().expect("a run")).expect(1)
    };
    let key = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_SESSION_TOKEN", "TOKENMARKER")];
    for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        let before = store.asked().len();
        call(&address.replace("127.0.0.1", host), &key);
        assert!(store.asked().len() > before, "the store was asked at {host}");
        assert_eq!(proxy.heard(), Vec::<String>::new(), "{host}");
    }
    let uri = format!("{address}/credentials");
    let pod = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*uri), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "pod-token")];
    call(address, &pod);
    let asked = store.asked();
    assert!(asked.iter().any(|asked| asked.headers.get("authorization").is_some_and(|a| a == "POD-TOKENMARKER")));
    assert_eq!(proxy.heard(), Vec::<String>::new());
    // A store on another machine is reached through the proxy.
    call("http://store.example", &key);
    assert!(proxy.heard().iter().any(|heard| heard.contains("store.example")), "{:?}", proxy.heard());
}
