"""Compares a CSV file with the truth (JSON Lines), cell for cell, read by Python's csv module. The truth holds the
documented columns alone, so a last column `_extra` is left out of the comparison.
usage: compare.py FILE.csv TRUTH.jsonl [subset]
subset: of an object any part may be there, and nothing else; a server that hides its schema shows no more."""

import csv
import json
import re
import sys

csv.field_size_limit(1 << 30)


# Numbers are compared as they were sent (1.50 is not 1.5): they travel as marked texts.
MARK = "\ue000"
NUMBER = re.compile('"' + MARK + '([^"]*)"')


def number(text):
    return MARK + text


def cell(value):
    """A value as the cell that shows it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.removeprefix(MARK)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return NUMBER.sub(r"\1", json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    raise TypeError(type(value))


def part_of(text, value):
    """Whether a cell shows a part of an object or of a list of objects."""
    return text == "" or within(json.loads(text, parse_int=number, parse_float=number), value)


def within(part, value):
    if isinstance(part, dict) and isinstance(value, dict):
        return all(name in value and within(inner, value[name]) for name, inner in part.items())
    if isinstance(part, list) and isinstance(value, list):
        return len(part) == len(value) and all(map(within, part, value))
    return part == value


def main(path, truth_path, subset=""):
    with open(truth_path, encoding="utf-8", newline="\n") as lines:
        truth = {}
        for line in lines:
            record = json.loads(line, parse_int=number, parse_float=number)
            truth[record["_id"]] = record
    columns = list(next(iter(truth.values())))
    equal, last = 0, None
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows)
        has_extra = header[-1] == "_extra" and "_extra" not in columns
        if header[: len(header) - has_extra] != columns:
            sys.exit(f"the header is {header}, not {columns}")
        for row in rows:
            row = row[: len(row) - has_extra]
            key = row[0].encode()
            if last is not None and key <= last:
                sys.exit(f"{row[0]} is not after the record before it")
            last = key
            record = truth.pop(row[0], None)
            if record is None:
                sys.exit(f"{row[0]} is not in the truth, or stands there twice")
            wanted = [cell(record[name]) for name in columns]
            if subset:
                for n, name in enumerate(columns):
                    if isinstance(record[name], (dict, list)) and part_of(row[n], record[name]):
                        wanted[n] = row[n]
            if row != wanted:
                wrong = [name for name, a, b in zip(columns, row, wanted) if a != b]
                sys.exit(f"{row[0]}: {wrong} differ (or the number of cells, {len(row)})")
            equal += 1
    if truth:
        sys.exit(f"{len(truth)} records are missing, such as {next(iter(truth))}")
    print(f"{equal} records equal")


main(*sys.argv[1:])
