"""A small account of three nights, made by hand, as change files.

    account.py FOLDER

writes FOLDER/parquet/N and FOLDER/jsonl/N, the feed as it is after night N (1, 2, 3), and FOLDER/KIND/gap, that of night 3
without the files of night 2, FOLDER/KIND/other, that of another mirror, and two that are not what their manifest says: in
FOLDER/KIND/lost the messages of night 2 are named and not there, in FOLDER/KIND/short their last row is not in the file.
The right answers stand in tests/it/warehouse/by_hand.rs.
"""

import hashlib
import json
import pathlib
import re
import sys

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[3]
TABLES = (ROOT / "sql/warehouse/duckdb/tables.sql").read_text()  # generated from src/streams/
COLUMNS = {  # of each stream: the columns of its change files, each with its type
    stream: [
        line.strip().split(" ", 1) for line in columns.split(",\n") if not line.strip().startswith("_file ")
    ]
    for stream, columns in re.findall(r"qpien\.changes_(\w+) \((.*?)\n\);", TABLES, re.DOTALL)
}


def tags(*names):
    return json.dumps([{"_id": f"t-{n}", "name": n, "color": None} for n in names], ensure_ascii=False)


def message(conversation, side, at, name=None, channel="WHATSAPP", **more):
    sender = json.dumps({"name": name, "avatar": "a"}, ensure_ascii=False) if name else None
    return {"conversation": conversation, "senderType": side, "createdAt": at and f"{at}Z", "sender": sender,
            "channelType": channel, "messageType": "TEXT", **more}  # fmt: skip


GONE = None
NIGHTS = [
    [
        # Spark refuses moments before 1900 that nobody has told it to take as they are.
        ("contacts", "k1", {"firstName": "Ali", "lastName": "Veli", "tags": tags("vip", "b2b"), "email": "", "createdAt": "1871-05-04T03:02:01Z"}),
        ("contacts", "k2", {"firstName": "Zoe", "phoneUsagePermission": True}),
        ("contacts", "k3", {"firstName": "Gone"}),
        ("customer_persons", "p1", {"type": "PERSON", "status": "ACTIVE", "firstName": "Ayşe", "lastName": "Yılmaz"}),
        ("conversations", "c1", {"status": "OPEN", "joinedPerson": "k1", "joinedCPerson": "p1", "tags": tags("return")}),
        ("conversations", "c2", {"status": "PENDING", "joinedPerson": "k2", "joinedCPerson": "p1", "isStarred": False}),
        ("conversations", "c4", {"status": "OPEN", "joinedPerson": "k3"}),
        ("messages", "m1", message("c1", "CUSTOMER", "2024-03-01T10:00:00", "Ali", content='a "quoted",\nsecond line; \'x\'')),
        ("messages", "m2", message("c1", "BOT", "2024-03-01T10:00:05", "Robo")),
        ("messages", "m3", message("c1", "AGENT", "2024-02-29T10:09:00", "Ayşe")),
        ("messages", "m6", message("c2", "AGENT", "2024-03-01T09:00:00", channel="EMAIL", content="")),
        ("messages", "m7", message("c2", "CUSTOMER", "2024-03-01T09:30:00", "Zoe", "EMAIL")),
        ("messages", "m13", message("c4", "CUSTOMER", "2024-03-01T08:00:00", "Gone")),
        ("messages", "m14", message("c4", "CUSTOMER", "2024-02-28T08:00:00", "Gone")),
        ("messages", "m0", message("c2", "SYSTEM", "2023-12-31T23:59:59")),
    ],
    [
        # The answer's moment is corrected, into another month; a contact that goes, and one that goes and comes back.
        ("messages", "m3", message("c1", "AGENT", "2024-03-01T10:02:30.500", "Ayşe")),
        ("contacts", "k3", GONE),
        ("contacts", "k2", GONE),
        ("messages", "m8", message("c2", "AGENT", "2024-03-01T23:59:59.999999", channel="EMAIL", sender='{"name":null}')),
        ("messages", "m13", GONE),
    ],
    [
        ("contacts", "k2", {"firstName": "Zoë", "tags": tags()}),
        ("messages", "m4", message("c1", "CUSTOMER", "2024-03-02T11:00:00", "Ali")),
        ("messages", "m5", message("c1", "CUSTOMER", "2024-03-02T11:05:00", "Ali")),
        ("messages", "m12", message("c1", "CUSTOMER", None, "Ali", _extra='{"createdAt":"soon"}')),
        ("conversations", "c1", {"status": "PENDING", "joinedPerson": "k1", "joinedCPerson": "p1", "tags": tags("return", "late")}),
        ("conversations", "c3", {"status": "SOLVED", "joinedPerson": "k9"}),
        ("messages", "m9", message("c3", "CUSTOMER", "2024-03-02T12:00:00", "Kim")),
        ("messages", "m10", message("c3", "agent", "2024-03-02T12:00:01", "Ayşe")),
        ("messages", "m11", message("c3", "GHOST", "2024-03-02T12:00:02")),
        ("conversations", "c4", GONE),
        ("messages", "m14", GONE),
    ],
]  # fmt: skip


def write(path, stream, rows):
    names = COLUMNS[stream]
    if path.suffix == ".jsonl":
        lines = [json.dumps({n: row.get(n) for n, _ in names}, ensure_ascii=False) for row in rows]
        path.write_text("".join(line + "\n" for line in lines))
        return
    table = duckdb.connect()
    table.execute("SET TimeZone = 'UTC'")
    table.execute(f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, t in names)})")
    table.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", [[row.get(n) for n, _ in names] for row in rows])
    table.execute(f"COPY (FROM t ORDER BY _seq) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def feed(folder, kind, nights, missing=None, mirror="a", broken=None):
    seq, began, known = 0, dict.fromkeys(COLUMNS, 1), set()
    streams = {stream: {"files": []} for stream in COLUMNS}
    for night, changes in enumerate(nights):
        rows = {stream: [] for stream in COLUMNS}
        for stream, id, fields in changes:
            seq += 2  # the seqs of a range may have gaps
            op = "delete" if fields is GONE else "update" if id in known else "insert"
            known.add(id)
            last = {"_seq": seq, "_op": op, "_synced_at": f"2024-04-0{night + 1}T01:00:00Z", "_run_id": night + 1}
            rows[stream].append({"_id": id, **(fields or {}), **last})
        seq += 1
        for stream, found in rows.items():
            if not found:
                continue
            path = folder / stream / f"changes-{began[stream]:012}-{seq:012}.{kind}"
            began[stream] = seq + 1
            if night == missing:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            of_broken = broken is not None and (stream, night) == ("messages", 1)
            write(path, stream, found[:-1] if of_broken else found)
            data = path.read_bytes()
            if of_broken and broken == "lost":
                path.unlink()
            streams[stream]["files"].append(
                {"path": f"{stream}/{path.name}", "rows": len(found), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            )
    (folder / "manifest.json").write_text(json.dumps({"mirror": mirror, "content": "changes", "streams": streams}))


def main():
    for kind in ("parquet", "jsonl"):
        for night in (1, 2, 3):
            feed(pathlib.Path(sys.argv[1]) / kind / str(night), kind, NIGHTS[:night])
        feed(pathlib.Path(sys.argv[1]) / kind / "gap", kind, NIGHTS, missing=1)
        feed(pathlib.Path(sys.argv[1]) / kind / "other", kind, NIGHTS, mirror="b")
        for broken in ("lost", "short"):
            feed(pathlib.Path(sys.argv[1]) / kind / broken, kind, NIGHTS, broken=broken)


main()
