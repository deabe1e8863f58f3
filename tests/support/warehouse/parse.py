"""Parses SQL files in a dialect: parse.py DIALECT FILE... prints how many statements each has.

A statement that the parser only carries along unread (a Command) counts as an error, and so does one that it cannot read.
"""

import json
import logging
import sys

import sqlglot
from sqlglot import exp

logging.disable(logging.CRITICAL)  # it warns of a Command; here that is an error
counts = []
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        statements = [s for s in sqlglot.parse(file.read(), dialect=sys.argv[1]) if s is not None]
    unread = [s.sql()[:200] for s in statements if s.find(exp.Command)]
    if unread:
        sys.exit(f"{path}: not understood: {unread}")
    counts.append(len(statements))
json.dump(counts, sys.stdout)
