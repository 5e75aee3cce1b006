#!/usr/bin/env bash
# Fails if the last successful production run is older than MAX_AGE_HOURS, or if there is none.
set -euo pipefail

last=$(gh api "repos/$GH_REPO/actions/artifacts?name=production-done&per_page=1" \
  --jq '.artifacts[0].created_at // empty')
if [ -z "$last" ]; then
  echo "No production run has succeeded yet, or its report has expired"
  exit 1
fi
age=$((($(date +%s) - $(date -d "$last" +%s)) / 3600))
echo "The last production run succeeded $age hours ago; the limit is $MAX_AGE_HOURS"
[ "$age" -le "$MAX_AGE_HOURS" ]
