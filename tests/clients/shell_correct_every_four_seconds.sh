#!/usr/bin/env bash
# Correct: asks every four seconds, whatever anybody says.
source "$(dirname "$0")/shell_correct.sh"

sleep() {
  command sleep "$(jq -n "[$1, 4] | max")"
}

main
