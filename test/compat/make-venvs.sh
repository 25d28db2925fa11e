#!/bin/sh
# Makes one virtual environment for each version of the Python package `livellm` that the tests drive, with `requests` beside
# it, which the documents of the older systems use. What is there stays.
set -eu
cd "$(dirname "$0")/../.."
for version in 1.3.6 1.7.5 1.8.0; do
  folder=".venv-livellm-$version"
  [ -x "$folder/bin/python" ] && "$folder/bin/python" -c 'import livellm, requests' 2>/dev/null && continue
  python3 -m venv "$folder"
  echo '*' > "$folder/.gitignore"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "livellm==$version" requests
done
