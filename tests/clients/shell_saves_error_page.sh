#!/usr/bin/env bash
# Mistake: curl without --fail saves the error page as the video.
source "$(dirname "$0")/shell_correct.sh"

fetch() {
  curl -sS --max-time 3 -o "$work/result" "$(jq -r '.results[0]' "$work/answer")"
}

main
