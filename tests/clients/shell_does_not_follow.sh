#!/usr/bin/env bash
# Mistake: curl without --location saves the redirect as the video.
source "$(dirname "$0")/shell_correct.sh"

fetch() {
  curl -sSf --max-time 3 -o "$work/result" "$(jq -r '.results[0]' "$work/answer")" || give_up "the result is not there"
}

main
