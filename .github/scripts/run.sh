#!/usr/bin/env bash
# The production run: writes its report to run.json and its exit code to the step's output. Another
# run in progress (75) is not a failure; if that persists, watch.yml reports it.
set -uo pipefail

options=()
[ "${FULL_REFRESH:-}" = true ] && options+=(--full-refresh)
[ "${ACCEPT_RELEASE:-}" = true ] && options+=(--accept-release)

.venv/bin/movielens run --target prod --json "${options[@]}" >run.json
code=$?
echo "code=$code" >>"$GITHUB_OUTPUT"
[ "$code" = 75 ] && exit 0
exit "$code"
