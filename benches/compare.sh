#!/usr/bin/env bash
# Whole processes against cfssl and cfssljson, in one run, taking turns; prints a table, and writes it into
# docs/performance.md. It is done in $TMPDIR, or /tmp. Usage: benches/compare.sh [--quick] [--only TEXT]
# Needs cfssl 1.6 and cfssljson on PATH or from tests/peers, openssl and python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
peers=${ETCDPKI_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/etcdpki-peers}
for folder in "$peers" "$peers"/*; do
    if [[ -x $folder/cfssl ]]; then PATH=$folder:$PATH; fi
done
for program in cfssl cfssljson openssl python3; do
    command -v "$program" >/dev/null || { echo "compare: $program is missing" >&2; exit 1; }
done
ETCDPKI=$(./build-static --quiet)
export ETCDPKI
cargo bench --quiet --profile dist -p pki-benches --bench floor --no-run
exec python3 benches/compare.py "$@"
