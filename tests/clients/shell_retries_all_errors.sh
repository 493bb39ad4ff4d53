#!/usr/bin/env bash
# Mistake: `curl --retry --retry-all-errors` for a submission, without an Idempotency-Key.
source "$(dirname "$0")/shell_correct.sh"

submit() {
  curl -sSf --max-time 3 --retry 3 --retry-delay 1 --retry-all-errors -o "$work/answer" -d "$body" \
    -H "Authorization: Bearer $EVOLINK_API_KEY" -H 'Content-Type: application/json' \
    "$EVOLINK_BASE_URL/v1/videos/generations" || give_up "no answer"
  task_id=$(jq -re .id "$work/answer") || give_up "no id"
}

main
