#!/usr/bin/env bash
# Mistake: `until ... completed` never ends for a task that has failed.
source "$(dirname "$0")/shell_correct.sh"

wait_for_end() {
  until [ "$(jq -r .status "$work/answer")" = completed ]; do
    sleep "$poll_seconds"
    call GET "/v1/tasks/$task_id"
  done
}

main
