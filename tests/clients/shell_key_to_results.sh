#!/usr/bin/env bash
# Mistake: one set of headers for every curl, so the key goes to the host of the results.
source "$(dirname "$0")/shell_correct.sh"

fetch() {
  curl -sSf --max-time 3 -H "Authorization: Bearer $EVOLINK_API_KEY" -o "$work/result" \
    "$(jq -r '.results[0]' "$work/answer")" || give_up "the result is not there"
}

main
