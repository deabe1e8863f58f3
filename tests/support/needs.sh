#!/bin/sh
# Installs what the tests need beside Rust: python3 (reads the CSV files back), node and npm (the reference GraphQL
# implementation), a PostgreSQL server and a pooler (PgBouncer), Java 17 (for Spark), systemd (its `systemd-analyze verify`), sqlite3 (what the
# benchmark compares with), and Python packages in .test-needs/venv. Called by `make test` and `make bench`; does nothing
# when all of it is there.
set -eu
cd "$(dirname "$0")/../.."

missing=""
command -v python3 >/dev/null 2>&1 || missing="$missing python3"
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v sqlite3 >/dev/null 2>&1 || missing="$missing sqlite3"
command -v java >/dev/null 2>&1 || missing="$missing openjdk-17-jre-headless"
command -v systemd-analyze >/dev/null 2>&1 || missing="$missing systemd"
# Debian keeps the server's programs off PATH.
set -- /usr/lib/postgresql/*/bin/initdb
command -v initdb >/dev/null 2>&1 || [ -x "$1" ] || missing="$missing postgresql"
command -v pgbouncer >/dev/null 2>&1 || [ -x /usr/sbin/pgbouncer ] || missing="$missing pgbouncer"
if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        # shellcheck disable=SC2086 # a list of packages
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
    else
        echo "the tests need:$missing. Install them, for example: sudo apt-get install$missing" >&2
        exit 1
    fi
fi
tests/support/npm.sh graphql-js
# A newer server than Debian's: there are packages of it for these machines alone.
if [ "$(uname -s) $(uname -m)" = "Linux x86_64" ]; then
    tests/support/npm.sh postgres-17
fi

# The stamp is the list that was installed, written last; a Python that is gone makes a new environment.
venv=.test-needs/venv
if ! cmp -s tests/support/requirements.txt "$venv/installed.txt" || ! "$venv/bin/python" -c '' >/dev/null 2>&1; then
    echo "installing the tests' Python packages into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement tests/support/requirements.txt
    cp tests/support/requirements.txt "$venv/installed.txt"
fi
