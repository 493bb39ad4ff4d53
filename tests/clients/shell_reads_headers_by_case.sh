#!/usr/bin/env bash
# Mistake: looks for `Retry-After:` in this spelling only; over HTTP/2 it is written `retry-after:`.
source "$(dirname "$0")/shell_correct.sh"

told_to_wait() {
  local value
  value=$(sed -n 's/^Retry-After: *\([0-9]*\)\r*$/\1/p' "$work/headers")
  echo "${value:-$poll_seconds}"
}

main
