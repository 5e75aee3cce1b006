#!/usr/bin/env bash
# Fails if the last successful production run is older than MAX_AGE_HOURS, or if there is none.
#
# A run in progress elsewhere ends green too, so it takes the artifact of a run that did its work. Any
# workflow can upload one of that name, and so can a fork's pull request in a changed production.yml,
# from a branch named as the default branch. So it has to be of a run of production.yml that its
# schedule or a person started, on this repository's default branch.
set -euo pipefail

runs() {
  gh api "repos/$GH_REPO/actions/workflows/production.yml/runs?branch=$DEFAULT_BRANCH&status=success&per_page=100" \
    --jq ".workflow_runs[]
      | select(.event == \"schedule\" or .event == \"workflow_dispatch\")
      | select(.head_branch == \"$DEFAULT_BRANCH\" and .head_repository.full_name == \"$GH_REPO\")
      | .id"
}

last=""
for id in $(runs); do
  last=$(gh api "repos/$GH_REPO/actions/runs/$id/artifacts?name=production-done" \
    --jq '.artifacts[0].created_at // empty')
  [ -n "$last" ] && break
done
if [ -z "$last" ]; then
  echo "No production run has succeeded yet, or its report has expired"
  exit 1
fi
age=$((($(date +%s) - $(date -d "$last" +%s)) / 3600))
echo "The last production run succeeded $age hours ago; the limit is $MAX_AGE_HOURS"
[ "$age" -le "$MAX_AGE_HOURS" ]
