//! The sandbox answers, and refuses, what the reference implementation of GraphQL does (`tests/support/graphql-js/`).

use std::path::Path;
use std::process::Command;

use crate::support::{Sandbox, needs};

#[test]
fn the_sandbox_agrees_with_graphql_js() {
    let modules = needs().join("graphql-js/node_modules/graphql");
    assert!(
        modules.exists(),
        "{} is missing: `make test` installs it (tests/support/graphql-js/install.sh)",
        modules.display()
    );
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
    let output = Command::new("node")
        .arg(root.join("tests/support/graphql-js/compare.mjs"))
        .arg(&sandbox.endpoint)
        .arg(root.join("src/sandbox/dialects/default.graphql"))
        .output()
        .expect("node runs (`make test` needs node and npm)");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "they differ:\n{stdout}\n{stderr}");
    let counts: serde_json::Value =
        serde_json::from_str(stdout.lines().last().expect("the counts")).expect("the counts as JSON");
    println!("{counts}");
    for (what, least) in [("right", 350), ("refused", 450), ("worded", 200), ("types", 40)] {
        assert!(
            counts[what].as_u64().is_some_and(|n| n >= least),
            "at least {least} {what}: {counts}"
        );
    }
}
