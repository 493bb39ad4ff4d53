#!/usr/bin/env bash
# Correct: the callback goes to another process, which leaves what came in a folder.
source "$(dirname "$0")/shell_correct.sh"

wait_for() {
  local left
  for left in $(seq 400); do
    if [ -e "$work/$1" ]; then return; fi
    sleep 0.1
  done
  give_up "nothing came"
}

wait_for_end() {
  wait_for "$task_id"
  cp "$work/$task_id" "$work/answer"
  [ "$(jq -r .status "$work/answer")" = completed ] || give_up "$(jq -c .error "$work/answer")"
}

python3 "$(dirname "$0")/beside/receiver.py" "$work" &
trap 'kill %1; rm -rf "$work"' EXIT
wait_for url
body=$(jq -c --arg url "$(cat "$work/url")" '. + {callback_url: $url}' <<<"$body")
main
