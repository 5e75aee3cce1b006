#!/usr/bin/env bash
# Fails if the last production run that was done is older than MAX_AGE_HOURS, or if there is none.
set -euo pipefail

last=$(gh api "repos/$GH_REPO/actions/artifacts?name=production-done&per_page=1" \
  --jq '.artifacts[0].created_at // empty')
if [ -z "$last" ]; then
  echo "No production run has ever been done, or its report is no longer kept"
  exit 1
fi
age=$((($(date +%s) - $(date -d "$last" +%s)) / 3600))
echo "The last production run was done $age hours ago; $MAX_AGE_HOURS are allowed"
[ "$age" -le "$MAX_AGE_HOURS" ]
