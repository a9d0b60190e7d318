#!/bin/bash
# A Slurm array: 64 parts of a range, a core each; resubmitting it goes on where parts were killed.
#
#   sbatch examples/cluster/slurm-array.sh
#   kith compute merge goldbach-1e12/part-*.json      (when all are done)
#
#SBATCH --job-name=kith-goldbach
#SBATCH --array=0-63
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@60
#SBATCH --output=kith-%A-%a.log
set -eu
# SIGTERM, a minute before the time is up, ends the part cleanly; its journal has all that is done.
exec srun --ntasks=1 "${KITH_EXAMPLES:-examples}/cluster/kith-part.sh" goldbach-1e12 \
  --workload goldbach --from 4 --to 1e12 --threads "${SLURM_CPUS_PER_TASK:-1}" --normal-priority
