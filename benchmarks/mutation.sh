#!/usr/bin/env bash
# Mutation testing: break each line of a module in many small ways, and see whether its tests notice.
#
#   benchmarks/mutation.sh [module ...]      (all of those below, if none is named)
#
# It works on a copy in a temporary folder, with a virtual environment of its own, and prints the
# change that each survivor made. Some survivors behave just as the original does ("equivalent");
# benchmarks/README.md has our verdict on each.
set -euo pipefail
cd "$(dirname "$0")/.."
export OPENBLAS_NUM_THREADS=1

declare -A tests=(
  [functions]="functions activations"
  [activations]="activations"
  [losses]="losses numbers bad_input"
  [optimizers]="optimizers"
  [layers]="layers configurable"
  [checks]="checks bad_input"
  [parameters]="parameters layers"
  [initializers]="initializers"
  [schedules]="schedules"
)
modules=("${@:-}")
[ -n "${modules[0]}" ] || modules=(functions activations losses optimizers layers checks parameters initializers schedules)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q '.[test]' mutmut==3.8.1
"$scratch/venv/bin/pip" uninstall -q -y backproplite # so that nothing but the mutants is found

for module in "${modules[@]}"; do
  rm -rf "$scratch/copy"
  mkdir "$scratch/copy"
  cp -r backproplite tests README.md pyproject.toml "$scratch/copy"
  selection=$(printf '"tests/test_%s.py", ' ${tests[$module]:-$module})
  cat >>"$scratch/copy/pyproject.toml" <<END

[tool.mutmut]
source_paths = ["backproplite"]
only_mutate = ["backproplite/$module.py"]
also_copy = ["README.md"]
pytest_add_cli_args_test_selection = [$selection]
pytest_add_cli_args = ["-k", "not another_process"] # which would not see the mutants
END
  printf '\n== %s\n' "$module"
  (
    cd "$scratch/copy"
    "$scratch/venv/bin/mutmut" run --max-children "$(nproc)" >run.log 2>&1 || { tail -n 30 run.log; exit 0; }
    tr '\r' '\n' <run.log | grep -F '🎉' | tail -n 1
    "$scratch/venv/bin/mutmut" results | grep -v ': killed' | while IFS=: read -r mutant verdict; do
      echo "-- ${mutant// /}:$verdict"
      "$scratch/venv/bin/mutmut" show "${mutant// /}" | grep '^[-+] ' || true
    done
  )
done
