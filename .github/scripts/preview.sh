#!/usr/bin/env bash
# preview.sh BASE CHANGE OUT: builds the checkout BASE on sample data, in a database file of its own,
# and writes to OUT, as Markdown, what the checkout CHANGE would do to it, and to the marts.
set -euo pipefail

base=$(realpath "$1") change=$(realpath "$2") out=$(realpath -m "$3")
landing=$(dirname "$out")/landing
export MOVIELENS_HOME; MOVIELENS_HOME=$(dirname "$out")/home

make --no-print-directory -C "$base" setup >&2
make --no-print-directory -C "$change" setup >&2
"$base/.venv/bin/movielens" data generate "$landing" --ratings "${RATINGS:-20000}" --seed 1 >&2
MOVIELENS_PROJECT=$base "$base/.venv/bin/movielens" run --source "$landing" >&2

export MOVIELENS_PROJECT=$change
movielens=$change/.venv/bin/movielens
"$movielens" plan --source "$landing" --markdown >"$out"
echo >>"$out"
code=0
problem=$("$movielens" build 2>&1 >&2) || code=$?
if [ "$code" = 0 ]; then
  "$movielens" diff --markdown >>"$out"
else
  { echo "### Build"; echo; echo "It ends with exit code $code:"; echo; echo '```'; echo "$problem"; echo '```'; } >>"$out"
fi
