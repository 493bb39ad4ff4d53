#!/usr/bin/env bash
# Correct: the Idempotency-Key is that of the job, so that a second run gets what the first has paid for.
source "$(dirname "$0")/shell_correct.sh"

submit() {
  call POST /v1/videos/generations -H "Idempotency-Key: job-$(printf %s "$body" | sha256sum | cut -c 1-40)" -d "$body"
  task_id=$(jq -r .id "$work/answer")
}

main
