#!/bin/sh
# A range over the ranks of mpirun, merged when all are done:
#
#   examples/cluster/mpirun.sh DIR RANKS --workload goldbach --from 4 --to 1e10
#
# DIR must be seen by all hosts. $MPIRUN has options too: MPIRUN="mpirun --hostfile hosts".
set -eu
if [ $# -lt 3 ]; then
  echo "usage: mpirun.sh DIR RANKS --workload NAME --from N --to N [...]" >&2
  exit 2
fi
dir=$1
ranks=$2
shift 2
here=$(dirname "$0")
# shellcheck disable=SC2086 # options are words
${MPIRUN:-mpirun} -n "$ranks" "$here/kith-part.sh" "$dir" --threads 1 "$@"
exec "${KITH:-kith}" --json compute merge "$dir"/part-*.json
