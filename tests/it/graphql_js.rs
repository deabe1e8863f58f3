//! The sandbox answers and refuses exactly as the reference implementation of GraphQL does
//! (`tests/support/graphql-js/`).

use std::path::Path;
use std::process::Command;

use crate::support::{Sandbox, needs};

/// Runs a script, asserts that it finds no difference, and returns its last line.
fn agreed(script: &str, sandbox: &Sandbox, sdl: &Path) -> serde_json::Value {
    let modules = needs().join("graphql-js/node_modules/graphql");
    assert!(modules.exists(), "{} is missing: `make test` installs it (tests/support/npm.sh)", modules.display());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("node")
        .arg(root.join("tests/support/graphql-js").join(script))
        .arg(&sandbox.endpoint)
        .arg(sdl)
        .output()
        .expect("node runs (`make test` needs node and npm)");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "they differ:\n{stdout}\n{stderr}");
    serde_json::from_str(stdout.lines().last().expect("the counts")).expect("the counts as JSON")
}

#[test]
fn every_dialect_answers_as_its_own_schema_demands() {
    for dialect in qpien_sync::sandbox::DIALECTS {
        let sandbox = Sandbox::start(&["--dialect", dialect, "--requests-per-minute", "0"]);
        let sdl = format!("src/sandbox/dialects/{dialect}.graphql");
        let sdl = Path::new(env!("CARGO_MANIFEST_DIR")).join(sdl);
        let counts = agreed("conforms.mjs", &sandbox, &sdl);
        println!("{dialect}: {counts}");
        assert!(counts["types"].as_u64() > Some(30) && counts["fields"].as_u64() >= Some(6), "{dialect}: {counts}");
    }
}

#[test]
fn the_sandbox_agrees_with_graphql_js() {
    let sandbox = Sandbox::start(&[
        "--contacts",
        "60",
        "--persons",
        "7",
        "--conversations",
        "25",
        "--messages",
        "400",
        "--requests-per-minute",
        "0",
    ]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let counts = agreed("compare.mjs", &sandbox, &root.join("src/sandbox/dialects/default.graphql"));
    println!("{counts}");
    for (what, least) in [("right", 350), ("refused", 450), ("worded", 200), ("types", 40)] {
        assert!(counts[what].as_u64().is_some_and(|n| n >= least), "at least {least} {what}: {counts}");
    }
}
