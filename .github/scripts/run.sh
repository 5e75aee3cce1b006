#!/usr/bin/env bash
# The production run: writes its outline to outline.json and its exit code to the step's output.
# Another run in progress (75) is not a failure; if that persists, watch.yml reports it.
#
# Its report and its messages quote files and rows. Anybody may read a public repository's logs, so
# they go to a folder of this machine that is gone after the job.
set -uo pipefail

options=()
[ "${FULL_REFRESH:-}" = true ] && options+=(--full-refresh)
[ "${ACCEPT_RELEASE:-}" = true ] && options+=(--accept-release)

quoting=$(mktemp -d "$RUNNER_TEMP/run.XXXXXX")
.venv/bin/movielens run --target prod --json --outline outline.json "${options[@]}" \
  >"$quoting/run.json" 2>"$quoting/run.log"
code=$?
echo "code=$code" >>"$GITHUB_OUTPUT"
# Without an outline it did not get as far as reading anything: a setting is wrong.
[ -e outline.json ] || cat "$quoting/run.log" "$quoting/run.json" >&2
[ "$code" = 75 ] && exit 0
exit "$code"
