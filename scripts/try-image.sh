#!/bin/bash
# Builds the image of the Dockerfile and tries it as an operator would: it serves, says that it is healthy, keeps its data, and
# goes when it is told to. Needs root, buildah and debootstrap, and no Docker: a small Debian with this machine's Node takes the
# place of the official image, because image registries may be out of reach. Arguments: the target, else the usual one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
work=$(mktemp -d)
root=$work/storage
base=localhost/livellm-base image=localhost/livellm-tried

main() {
  trap clean EXIT
  make_base
  build "$@"
  try_it
  echo "the image serves, is healthy, and ends as it should"
}

images() { buildah --root "$root" --runroot "$work/run" "$@"; }

make_base() {
  echo "-- base image"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" >"$work/debootstrap.log" ||
    { tail -n 20 "$work/debootstrap.log"; return 1; }
  cp -L "$(command -v node)" "$work/base/usr/local/bin/node"
  mkdir -p "$work/base/usr/local/lib/node_modules"
  cp -RL "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$work/base/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/base/usr/local/bin/npm"
  cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
  local container
  container=$(images from scratch)
  images copy --quiet "$container" "$work/base" / >/dev/null
  images config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
  images commit --quiet --rm "$container" "$base" >/dev/null
}

build() {
  echo "-- build"
  images build --quiet --format docker --build-arg NODE_IMAGE="$base" ${1:+--target "$1"} --tag "$image" . >"$work/build.log" 2>&1 ||
    { tail -n 40 "$work/build.log"; return 1; }
}

try_it() {
  echo "-- run"
  local status
  container=$(images from "$image")
  images inspect --type image "$image" | grep -q Healthcheck
  port=$(node -p 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); }); ""' | head -n 1)
  inside node bin/livellm.js serve >"$work/gateway.log" 2>&1 &
  gateway=$!
  until inside node bin/livellm.js healthcheck; do
    kill -0 "$gateway" || { cat "$work/gateway.log"; return 1; }
  done
  call | grep -q '"text":"Hello!"'
  inside sh -c 'test -s /data/livellm.db && ! touch /app/changed 2>/dev/null'
  stop
  wait "$gateway" && status=0 || status=$?
  ((status == 0)) || { cat "$work/gateway.log"; echo "it ended with $status"; return 1; }
  ! inside node bin/livellm.js healthcheck 2>/dev/null
}

# PROGRAM ARGUMENT…: runs a program in the container as the image's own user.
inside() {
  images run --env PORT="$port" --env LIVELLM_ADMIN_TOKEN=an-administrators-token "$container" -- "$@"
}

call() {
  curl --silent --fail --header 'authorization: Bearer an-administrators-token' --header 'content-type: application/json' \
    --data '{"route":{"targets":[{"provider":"local","model":"echo"}]},"messages":[{"text":"Hello!"}]}' \
    "http://127.0.0.1:$port/livellm.v1.AgentService/Run"
}

# The gateway's own process, which is below several of buildah's.
stop() {
  local process
  for process in $(pgrep --full 'livellm.js serve'); do
    if [[ $(readlink "/proc/$process/exe") == */node ]] && grep -qzx "PORT=$port" "/proc/$process/environ"; then
      kill -TERM "$process"
    fi
  done
}

clean() {
  [[ -z ${port:-} ]] || stop 2>/dev/null || true
  images rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}

main "$@"
