"""Compares Parquet files of ours, read by DuckDB, with the truth (JSON Lines), cell for cell and type for type; change
files are merged first: of each id the row with the highest _seq counts.
usage: parquet.py FOLDER STREAM TRUTH.jsonl"""

import datetime
import json
import sys

import duckdb

TYPES = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "json": "VARCHAR",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "integer": "BIGINT",
}
OF_A_CHANGE = ["_seq", "_op", "_synced_at", "_run_id"]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


# Numbers are compared as they were sent (1.50 is not 1.5): they travel as marked texts.
def number(text):
    return "\ue000" + text


def parsed(text):
    return json.loads(text, parse_int=number, parse_float=number)


def cell(kind, value):
    """A value as the cell of its column."""
    if kind == "timestamp" and value is not None:
        return (datetime.datetime.fromisoformat(value) - EPOCH) // datetime.timedelta(microseconds=1)
    return value


def main(folder, stream, truth_path):
    with open(truth_path, encoding="utf-8", newline="\n") as lines:
        truth = {record["_id"]: record for record in map(parsed, lines)}
    with open(f"{folder}/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    entry = manifest["streams"][stream]
    is_changes = manifest["content"] == "changes"
    kinds = {column["name"]: column["type"] for column in entry["columns"]}
    wanted = list(next(iter(truth.values()))) + ["_extra"] + (OF_A_CHANGE if is_changes else [])
    if list(kinds) != wanted:
        sys.exit(f"the columns are {list(kinds)}, not {wanted}")
    files = [f"{folder}/{file['path']}" for file in entry["files"]]
    for path, file in zip(files, entry["files"]):
        described = duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()
        types = [(name, kind) for name, kind, *_ in described]
        if types != [(name, TYPES[kind]) for name, kind in kinds.items()]:
            sys.exit(f"{path}: the types are {types}")
        ((count,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()
        if count != file["rows"]:
            sys.exit(f"{path}: {count} rows, the manifest says {file['rows']}")
    shown = ", ".join(f"epoch_us({name})" if kind == "timestamp" else name for name, kind in kinds.items())
    rows = duckdb.sql(f"SELECT {shown} FROM read_parquet({files})").fetchall()
    rows = [dict(zip(kinds, row)) for row in rows]
    order = [row["_seq"] if is_changes else row["_id"].encode() for row in rows]
    if any(a >= b for a, b in zip(order, order[1:])):
        sys.exit("the rows are out of order")
    current, deletions = {}, 0
    for row in rows:
        if row.get("_op") == "delete":
            deletions += 1
            if any(row[name] is not None for name in truth[next(iter(truth))] if name != "_id"):
                sys.exit(f"the deletion of {row['_id']} holds more than its id")
            current.pop(row["_id"], None)
        else:
            current[row["_id"]] = row
    if current.keys() != truth.keys():
        sys.exit(f"{len(current.keys() ^ truth.keys())} records are missing, or there and not in the truth")
    for key, record in truth.items():
        row = current[key]
        for name, value in record.items():
            found = row[name]
            if kinds[name] == "json" and found is not None:
                found = parsed(found)
            if found != cell(kinds[name], value):
                sys.exit(f"{key}: {name} differs")
        # It holds what no page documents. A documented value stands there only if it does not fit its column.
        aside = set(json.loads(row["_extra"] or "{}")) & set(kinds)
        if aside:
            sys.exit(f"{key} has {aside} in _extra")
        if is_changes and (row["_synced_at"] is None or row["_run_id"] is None):
            sys.exit(f"{key} does not say when it landed")
    print(f"{len(truth)} records equal in {len(files)} files, {deletions} deletions")


main(*sys.argv[1:])
