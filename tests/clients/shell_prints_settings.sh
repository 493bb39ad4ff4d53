#!/usr/bin/env bash
# Mistake: shows its settings for debugging, the key among them.
source "$(dirname "$0")/shell_correct.sh"

env | grep ^EVOLINK_
main
