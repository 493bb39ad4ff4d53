#!/usr/bin/env bash
# Correct: one minute for each answer.
source "$(dirname "$0")/shell_correct.sh"

answer_seconds=60

main
