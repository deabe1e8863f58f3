"""Reads a CSV file by a line of README.md, and prints what pandas, polars or DuckDB made of two columns, as JSON.

    readers.py TOOL LINE
"""

import json
import sys

import duckdb
import pandas
import polars  # noqa: F401 - the lines name it


def rows(tool, line):
    if tool == "DuckDB":
        return duckdb.sql(f"SELECT _id, firstName FROM ({line})").fetchall()
    frame = eval(line)  # noqa: S307 - of our own README
    columns = [frame["_id"].to_list(), frame["firstName"].to_list()]
    return [[None if pandas.isna(cell) else cell for cell in row] for row in zip(*columns)]


print(json.dumps(rows(*sys.argv[1:])))
