#!/bin/sh
# Installs what the tests need beside Rust: python3 (reads the CSV files back), node and npm (the reference GraphQL
# implementation). Called by `make test`; does nothing when all of it is there.
set -eu
cd "$(dirname "$0")/../.."

missing=""
command -v python3 >/dev/null 2>&1 || missing="$missing python3"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
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
if [ -x tests/support/graphql-js/install.sh ]; then
    tests/support/graphql-js/install.sh
fi
