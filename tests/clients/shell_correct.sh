#!/usr/bin/env bash
# Correct: bash, curl and jq. The others of this language source it and differ in one mistake each.
set -euo pipefail

poll_seconds=${POLL_SECONDS:-3}
answer_seconds=3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
body='{"model": "kling-o1-video-edit-fast", "prompt": "Make it snow", "video_urls": ["https://example.com/street.mp4"]}'

give_up() {
  echo "failed: $*" >&2
  exit 1
}

# The seconds that the last answer asked to wait.
told_to_wait() {
  local value
  value=$(sed -n 's/^[Rr]etry-[Aa]fter: *\(.*[^\r]\)\r*$/\1/p' "$work/headers" | tail -n 1)
  case $value in
    '') echo "$poll_seconds" ;;
    *[!0-9]*) echo $(($(date -d "$value" +%s) - $(date +%s) + 1)) ;;
    *) echo "$value" ;;
  esac
}

send() { # METHOD PATH [MORE OF CURL ...]: the status, or 000; the body in $work/answer
  local method=$1 path=$2
  shift 2
  : >"$work/headers"
  curl -sS --max-time "$answer_seconds" -X "$method" "$EVOLINK_BASE_URL$path" -H "Authorization: Bearer $EVOLINK_API_KEY" \
    -H 'Content-Type: application/json' -D "$work/headers" -o "$work/answer" -w '%{http_code}' "$@" || echo 000
}

call() { # As send; trouble that may pass is waited for, and then there is an answer in JSON.
  local status left
  for left in 4 3 2 1 0; do
    status=$(send "$@" 2>/dev/null)
    case $status in
      200) if jq -e . "$work/answer" >/dev/null 2>&1; then return; fi ;;
      429 | 500 | 502 | 503 | *000) ;;
      *) give_up "$status: $(cat "$work/answer")" ;;
    esac
    [ "$left" = 0 ] || sleep "$(told_to_wait)"
  done
  give_up "no answer"
}

submit() {
  call POST /v1/videos/generations -H "Idempotency-Key: $(date +%s)-$$-$RANDOM$RANDOM" -d "$body"
  task_id=$(jq -r .id "$work/answer")
}

wait_for_end() {
  local left
  for left in $(seq 300); do
    sleep "$poll_seconds"
    call GET "/v1/tasks/$task_id"
    case $(jq -r .status "$work/answer") in
      completed) return ;;
      pending | processing) ;;
      *) give_up "$(jq -c .error "$work/answer")" ;;
    esac
  done
  give_up "it takes too long"
}

fetch() {
  local link
  for link in $(jq -r '.results[]' "$work/answer"); do
    curl -sSfL --max-time "$answer_seconds" -o "$work/result" "$link" || give_up "the result is not there"
  done
}

main() {
  submit
  wait_for_end
  fetch
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then main; fi
