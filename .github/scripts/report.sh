#!/usr/bin/env bash
# report.sh LABEL: opens one issue for a failure, comments on it while it lasts, closes it when all
# is well again. Reads CODE (exit code, empty if there was none), RESULT (of the job or step),
# RUN_URL; calls WEBHOOK_URL when an issue opens or closes, and HEARTBEAT_URL when all is well, if
# they are set.
set -euo pipefail

label=$1
declare -A titles=(
  [production-run]="The production run fails"
  [production-overdue]="No production run has been done for too long"
  [parity]="DuckDB and Snowflake give different marts"
  [nightly-tests]="The nightly tests fail"
)
declare -A meanings=(
  [1]="It failed."
  [2]="A setting is wrong."
  [3]="The audit failed or the release was held back; nothing was published, readers see the version before."
  [4]="Files were loaded, but rows or files were rejected beyond the allowed share."
  [overdue]="Look at the runs of the workflow Production run, and whether its schedule is on."
  [parity]="The log says which relations and columns."
  [tests]="The log says which tests."
)

tell() {
  [ -z "${WEBHOOK_URL:-}" ] && return
  jq -n --arg text "$1" '{text: $text}' |
    curl --silent --show-error --fail --max-time 20 -H "Content-Type: application/json" \
      --data @- "$WEBHOOK_URL" >/dev/null
}

open=$(gh issue list --label "$label" --state open --limit 1 --json number --jq '.[0].number // empty')

if [ "$RESULT" = success ] && [ "${CODE:-}" = 75 ]; then
  echo "Another run was at work: nothing to say"
elif [ "$RESULT" = success ]; then
  if [ -n "$open" ]; then
    gh issue close "$open" --comment "All is well again: $RUN_URL"
    tell "Recovered: ${titles[$label]}. $RUN_URL"
  fi
  if [ -n "${HEARTBEAT_URL:-}" ]; then
    curl --silent --show-error --fail --max-time 20 "$HEARTBEAT_URL" >/dev/null
  fi
else
  body="${meanings[${CODE:-none}]:-It ended before it was done ($RESULT).} $RUN_URL"
  if [ -n "$open" ]; then
    gh issue comment "$open" --body "$body"
  else
    gh label create "$label" --force --description "Opened and closed by a workflow"
    gh issue create --title "${titles[$label]}" --label "$label" --body "$body"
    tell "${titles[$label]}. $body"
  fi
fi
