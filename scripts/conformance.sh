#!/bin/sh
# Runs the Connect project's conformance runner against our transport: all of Connect, gRPC and gRPC-Web over HTTP/1.1 and
# HTTP/2, with no list of known failures. Needs Go; the runner and its descriptors come from the Go module proxy at a
# pinned version and are kept in test/conformance/fetched, which git ignores. Arguments go to the runner (`--run PATTERN`).
set -eu
version=v1.0.5
module=connectrpc.com/conformance
cd "$(dirname "$0")/.."
fetched="$PWD/test/conformance/fetched/$version"
if [ ! -e "$fetched/descriptors.binpb" ]; then
  mkdir -p "$fetched"
  GOBIN="$fetched" go install "$module/cmd/connectconformance@$version"
  source=$(cd "$fetched" && go mod download -json "$module@$version" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
  node_modules/.bin/buf build "$source/proto" --output "$fetched/descriptors.binpb"
fi
exec "$fetched/connectconformance" --mode server --conf test/conformance/config.yaml "$@" -- \
  node test/conformance/server.ts "$fetched/descriptors.binpb"
