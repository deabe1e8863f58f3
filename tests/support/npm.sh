#!/bin/sh
# Installs the npm packages of tests/support/NAME where the tests look for them, in .test-needs/NAME; does nothing when they are
# there.
set -eu
from=$(cd "$(dirname "$0")" && pwd)/$1
to=$from/../../../.test-needs/$1
if [ -d "$to/node_modules" ] && cmp -s "$from/package-lock.json" "$to/installed.json"; then
    exit 0
fi
mkdir -p "$to"
rm -f "$to/installed.json"
cp "$from/package.json" "$from/package-lock.json" "$to/"
(cd "$to" && npm ci --no-audit --no-fund --omit-lockfile-registry-resolved)
cp "$from/package-lock.json" "$to/installed.json"
