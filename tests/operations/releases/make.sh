#!/bin/sh
# Makes the small shop of a release that tests/operations/test_upgrade.py restores and migrates, as a backup:
#
#   tests/operations/releases/make.sh 07d87b1 1.0.0
#
# The release's own code makes the shop: six products of the sample catalogue, indexed and with a trained head. This
# checkout's code backs it up, for 1.0.0 could not yet. The network is untrained, so that no weights are needed.
set -eu
commit=$1 version=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../../.." && pwd)
work=$(mktemp -d)
python=${PYTHON:-$root/.venv/bin/python}
trap 'git -C "$root" worktree remove --force "$work/code"; rm -rf "$work"' EXIT
git -C "$root" worktree add --detach "$work/code" "$commit"

export LAMPLIGHT_VAR="$work/var" LAMPLIGHT_BACKBONE=resnet18 LAMPLIGHT_WEIGHTS=random
unset DATABASE_URL REDIS_URL
cd "$work/code"
grep -E '^sku,|^(BED|LAM)-00[1-3],' demo/catalog/catalog.csv > "$work/part.csv"
"$python" manage.py migrate --verbosity 0
"$python" manage.py prepare
"$python" manage.py import_catalog "$work/part.csv" --photos demo/catalog --quiet
"$python" manage.py index

rm -rf "$here/$version"
cd "$root"
"$python" manage.py backup "$here/$version"
rm "$here/$version/backup.lock"
