#!/bin/sh
# anoseg predict on 8 nodes of Slurm, and a job that merges the results:
#
#   sh predict.sh MODEL IMAGES RESULTS
#
# It goes on where it was stopped if it is called again. RESULTS/all must not exist.
set -eu
if [ $# -ne 3 ]; then
    echo "usage: sh predict.sh MODEL IMAGES RESULTS" >&2
    exit 2
fi
model=$1 images=$2 results=$3
mkdir -p -- "$results"
# Exit code 3 tells images that could not be read: their verdicts say so, and merging goes on.
predict='code=0
anoseg predict "$1" "$2" --output "$3/$SLURM_ARRAY_TASK_ID" --shard "$SLURM_ARRAY_TASK_ID/8" --resume || code=$?
[ "$code" -eq 3 ] || exit "$code"'
merge='anoseg merge "$1/all" "$1"/[0-7]'

job=$(sbatch --parsable --array=0-7 --cpus-per-task=2 --mem=4G --job-name=anoseg-predict \
    --output="$results/predict-%a.log" /dev/stdin "$model" "$images" "$results" <<END
#!/bin/sh
$predict
END
)
sbatch --dependency="afterok:${job%%;*}" --mem=2G --job-name=anoseg-merge \
    --output="$results/merge.log" /dev/stdin "$results" <<END
#!/bin/sh
$merge
END
