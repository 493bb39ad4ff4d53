#!/usr/bin/env bash
# Mistake: no sleep in the loop; that starting curl takes longer than a moment hides it.
source "$(dirname "$0")/shell_correct.sh"

wait_for_end() {
  while true; do
    send GET "/v1/tasks/$task_id" >"$work/status"
    case $(jq -r .status "$work/answer") in
      completed) return ;;
      failed) give_up "the task has failed" ;;
    esac
  done
}

main
