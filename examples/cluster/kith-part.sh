#!/bin/sh
# One part of a range, as a guest of a cluster's own engine:
#
#   kith-part.sh DIR --workload goldbach --from 4 --to 1e12
#
# Which part comes from the environment: ranks of Open MPI or PMI, a Slurm array or srun, an indexed
# job of Kubernetes (JOB_COMPLETIONS must be set to its completions). DIR, which all parts share,
# gets part-I.json and part-I.journal; a part that is started again goes on from its journal, and
# one that is done is left alone. Behind the last part: kith compute merge DIR/part-*.json
#
# $KITH names the program (kith).
set -eu

if [ $# -lt 2 ]; then
  echo "usage: kith-part.sh DIR --workload NAME --from N --to N [...]" >&2
  exit 2
fi
dir=$1
shift

if [ -n "${OMPI_COMM_WORLD_SIZE:-}" ]; then
  index=$OMPI_COMM_WORLD_RANK count=$OMPI_COMM_WORLD_SIZE
elif [ -n "${PMI_SIZE:-}" ]; then
  index=$PMI_RANK count=$PMI_SIZE
elif [ -n "${SLURM_ARRAY_TASK_COUNT:-}" ]; then
  index=$(((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN) / ${SLURM_ARRAY_TASK_STEP:-1}))
  count=$SLURM_ARRAY_TASK_COUNT
elif [ -n "${JOB_COMPLETION_INDEX:-}" ]; then
  index=$JOB_COMPLETION_INDEX
  count=${JOB_COMPLETIONS:?must be set to the number of completions of the job}
elif [ -n "${SLURM_NTASKS:-}" ]; then
  index=$SLURM_PROCID count=$SLURM_NTASKS
else
  echo "kith-part.sh: neither Open MPI, PMI, Slurm nor Kubernetes says which part this is" >&2
  exit 2
fi

part=$((index + 1))
mkdir -p "$dir"
out=$dir/part-$part.json
[ ! -s "$out" ] || exit 0
# Under another name until it is whole: a part that was killed leaves no half of a report.
"${KITH:-kith}" --json --quiet compute run --part "$part/$count" \
  --journal "$dir/part-$part.journal" "$@" >"$out.$$"
mv "$out.$$" "$out"
