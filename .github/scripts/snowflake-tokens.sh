#!/usr/bin/env bash
# Keeps a fresh token of this job for each of the two users in a file that clients read at each login:
# GitHub's tokens expire within minutes, and a run logs in until its end. Without an argument: writes
# them once, exports their paths to later steps, and keeps refreshing them until the job ends.
set -euo pipefail

folder="$RUNNER_TEMP/snowflake"

write() {
  local audience
  for audience in movielens-transformer movielens-loader; do
    curl --silent --show-error --fail --max-time 20 \
      -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
      "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience" | jq -re .value >"$folder/$audience.new"
    # Atomic: a login reads the old token or the new one, never half of one.
    mv "$folder/$audience.new" "$folder/$audience"
  done
}

if [ "${1:-}" = refresh ]; then
  while sleep "${EVERY:-120}"; do
    write || echo "no new token; keeping the last one" >&2
  done
fi

umask 077
mkdir -p "$folder"
write
{
  echo "SNOWFLAKE_TOKEN_FILE_PATH=$folder/movielens-transformer"
  echo "SNOWFLAKE_LOADER_TOKEN_FILE_PATH=$folder/movielens-loader"
} >>"$GITHUB_ENV"
nohup "$0" refresh >"$folder/log" 2>&1 &
echo $! >"$folder/pid"
