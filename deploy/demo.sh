#!/usr/bin/env bash
# The demo: deploy/demo.sh FOLDER CONFIG. Every stage through the real spark-submit of its job.
set -euo pipefail
folder=${1:?usage: demo.sh FOLDER CONFIG}
config=${2:?usage: demo.sh FOLDER CONFIG}
rows=${DEMO_ROWS:-50000}
work=$folder/work

submit() { spark-submit --master 'local[*]' --driver-memory 4g --conf spark.ui.enabled=false \
  --conf spark.ui.showConsoleProgress=false \
  --driver-java-options "-Dlog4j2.configurationFile=file://$PWD/conf/log4j2.properties" "$@"; }

# A new demo starts from a new table and an empty book: its people do not exist.
rm -rf "$folder"
mkdir -p "$folder"
echo "== 0/6 the demo's own lake table: $rows people who do not exist"
submit jobs/make_demo_table.py --folder "$folder/lake" --rows "$rows"
step=0
for job in scan_pii mask prepare train generate evaluate; do
  step=$((step + 1))
  echo "== $step/6 spark-submit jobs/$job.py"
  SECONDS=0
  submit "jobs/$job.py" --config "$config" --workdir "$work"
  echo "   $SECONDS s"
done
