#!/usr/bin/env bash
# report.sh LABEL: opens one issue per failure, comments on it while it lasts, closes it on recovery.
# Reads CODE (exit code, empty if there was none), RESULT (of the job or step) and RUN_URL. If set,
# calls WEBHOOK_URL when an issue opens or closes, and HEARTBEAT_URL after each success.
set -euo pipefail

label=$1
declare -A titles=(
  [production-run]="The production run is failing"
  [production-overdue]="The production run is overdue"
  [vacuum]="The weekly vacuum is failing"
  [advisories]="A locked package has a known vulnerability"
  [parity]="DuckDB and Snowflake give different marts"
  [nightly-tests]="The nightly tests are failing"
  [second-opinion]="dbt and SQLMesh give different tables"
)
declare -A meanings=(
  [1]="It failed."
  [2]="A setting is wrong."
  [3]="The audit failed or the release was held back; nothing was published, readers keep the previous version."
  [4]="Files were loaded, but rows or files were rejected beyond the allowed share."
  [overdue]="Check the workflow Production run: its latest runs, and whether its schedule is enabled."
  [vacuum]="Nothing was removed; its log says why."
  [advisories]="The log names the package, or what could not be looked up; make lock takes newer ones."
  [parity]="The log names the relations and columns."
  [tests]="The log names the tests."
  [tables]="The log names the tables, or what SQLMesh could not do."
)

tell() {
  [ -z "${WEBHOOK_URL:-}" ] && return
  jq -n --arg text "$1" '{text: $text}' |
    curl --silent --show-error --fail --max-time 20 -H "Content-Type: application/json" \
      --data @- "$WEBHOOK_URL" >/dev/null
}

open=$(gh issue list --label "$label" --state open --limit 1 --json number --jq '.[0].number // empty')

if [ "$RESULT" = success ] && [ "${CODE:-}" = 75 ]; then
  echo "Another run is in progress: nothing to report"
elif [ "$RESULT" = success ]; then
  if [ -n "$open" ]; then
    gh issue close "$open" --comment "Recovered: $RUN_URL"
    tell "Resolved: ${titles[$label]}. $RUN_URL"
  fi
  if [ -n "${HEARTBEAT_URL:-}" ]; then
    curl --silent --show-error --fail --max-time 20 "$HEARTBEAT_URL" >/dev/null
  fi
else
  body="${meanings[${CODE:-none}]:-It ended early ($RESULT).} $RUN_URL"
  if [ -n "$open" ]; then
    gh issue comment "$open" --body "$body"
  else
    gh label create "$label" --force --description "Opened and closed by a workflow"
    gh issue create --title "${titles[$label]}" --label "$label" --body "$body"
    tell "${titles[$label]}. $body"
  fi
fi
