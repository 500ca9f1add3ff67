#!/bin/bash
# SPDX-FileCopyrightText: The Thole authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs what is missing of tests/packages.list: tests/install.sh PURPOSE...
# apt-get runs only when something is missing; without that nothing on the machine is touched.
set -eu
list=$(dirname "$0")/packages.list

missing=
for purpose in "$@"; do
  while read -r what package; do
    [ "$what" = "$purpose" ] || continue
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  done <"$list"
done
if [ -z "$missing" ]; then
  echo "packages: all there"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "missing packages:$missing: run this with sudo" >&2
  exit 1
fi
echo "packages: installing$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "apt-get failed; its whole output is in $log" >&2
  exit 1
fi
rm -f "$log"
