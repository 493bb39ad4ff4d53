#!/usr/bin/env bash
# Mistake: `set -x` is left on, and the log shows the key.
source "$(dirname "$0")/shell_correct.sh"

set -x
main
