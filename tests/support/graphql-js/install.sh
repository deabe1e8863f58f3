#!/bin/sh
# Installs the reference implementation of GraphQL where the tests look for it; does nothing when it is there.
set -eu
from=$(cd "$(dirname "$0")" && pwd)
to=$from/../../../.test-needs/graphql-js
if [ -d "$to/node_modules/graphql" ] && cmp -s "$from/package-lock.json" "$to/installed.json"; then
    exit 0
fi
mkdir -p "$to"
rm -f "$to/installed.json"
cp "$from/package.json" "$from/package-lock.json" "$to/"
(cd "$to" && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved)
cp "$from/package-lock.json" "$to/installed.json"
