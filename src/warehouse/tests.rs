use std::path::Path;

use super::*;
use crate::streams::{ALL, DEFAULT};

fn wish(engine: Engine) -> Wish<'static> {
    Wish { engine, schema: SCHEMA, feed: None, streams: &DEFAULT }
}

#[test]
fn the_committed_files_are_what_the_generator_writes() {
    for engine in ENGINES {
        let folder = format!("sql/warehouse/{engine}");
        for script in scripts(&wish(engine)).expect("scripts") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder).join(script.name);
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                there == script.text,
                "{folder}/{} is not what the generator writes: `make sql` writes it again",
                script.name
            );
        }
    }
}

#[test]
fn every_hole_is_filled_and_every_column_is_named_unquoted() {
    let holes = [
        "schema",
        "feed",
        "stream",
        "columns",
        "typed",
        "change_columns",
        "change_typed",
        "change_quoted",
        "values",
        "updates",
        "excluded",
    ];
    for engine in ENGINES {
        let all = scripts(&Wish { streams: &ALL, ..wish(engine) }).expect("scripts");
        for script in &all {
            for hole in holes {
                assert!(!script.text.contains(&format!("{{{hole}}}")), "{engine} {}", script.name);
            }
            assert!(!script.text.contains("--each") && !script.text.contains("--end"), "{engine} {}", script.name);
        }
        for stream in ALL {
            for column in stream.columns() {
                let tables = &all[0].text;
                assert!(tables.contains(&format!("    {} ", column.name)), "{engine}: {stream} lacks {}", column.name);
                assert!(!tables.contains(&format!("\"{}\"", column.name)), "{engine}: {stream} quotes {}", column.name);
            }
        }
    }
}

#[test]
fn what_cannot_stand_in_sql_is_refused() {
    for schema in ["", "7days", "a b", "x;drop", "a.b", "\"q\""] {
        let refused = scripts(&Wish { schema, ..wish(Engine::Postgres) }).expect_err("no plain name");
        assert!(refused.detail.contains("is no plain name"), "{refused}");
    }
    for feed in ["", "/", "out/it's", "$HOME/feed", "a\\b"] {
        scripts(&Wish { feed: Some(feed), ..wish(Engine::Spark) }).expect_err("not written into SQL");
    }
    let other = Wish { schema: "qpien_shop", feed: Some("gs://b/feed/"), ..wish(Engine::BigQuery) };
    let load = &scripts(&other).expect("scripts")[1].text;
    assert!(
        load.contains("'gs://b/feed/contacts/changes-*.parquet'") && load.contains(" qpien_shop.changes_contacts ")
    );
}
