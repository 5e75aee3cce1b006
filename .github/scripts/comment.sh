#!/usr/bin/env bash
# comment.sh NUMBER FILE: keeps one comment on a pull request up to date with a file.
# Both come from a run of the pull request's own code and are not to be trusted: the request has to be
# the one whose commit was run (HEAD_SHA), and the text mentions nobody and hides nothing.
set -euo pipefail

number=$1 file=$2
mark="<!-- preview -->"

[[ $number =~ ^[0-9]{1,9}$ ]] || { echo "Not the number of a pull request: ${number:0:20}" >&2; exit 1; }
head=$(gh api "repos/$GH_REPO/pulls/$number" --jq .head.sha)
if [ "$head" != "$HEAD_SHA" ]; then
  echo "Pull request $number is at another commit by now: nothing to say"
  exit 0
fi
{
  echo "$mark"
  head -c 60000 "$file" | sed -e 's/@/@\xe2\x80\x8b/g' -e 's/<!--/\&lt;!--/g'
  printf '\n\nOn generated data, in a database file that is gone by now: %s\n' "$RUN_URL"
} >"$RUNNER_TEMP/comment.md"
known=$(gh api "repos/$GH_REPO/issues/$number/comments" --paginate \
  --jq ".[] | select(.user.login == \"github-actions[bot]\") | select(.body | startswith(\"$mark\")) | .id" |
  head -n 1)
if [ -n "$known" ]; then
  gh api --method PATCH "repos/$GH_REPO/issues/comments/$known" -F body=@"$RUNNER_TEMP/comment.md" >/dev/null
else
  gh api --method POST "repos/$GH_REPO/issues/$number/comments" -F body=@"$RUNNER_TEMP/comment.md" >/dev/null
fi
