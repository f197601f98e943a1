#!/usr/bin/env bash
# Mutation testing: break each line of a module in many small ways, and see whether its tests notice.
#
#   benchmarks/mutation.sh [module ...]      (such as layers or seeing/written; all, if none is named)
#
# CHILDREN=1 lets it run in one process, beside other work; as many as there are processors else.
# MUTANTS='*[38]' takes a fifth of them, as a sample: those whose number ends so.
#
# It works on a copy in a temporary folder, with a virtual environment of its own, and prints the
# change that each survivor made. Some behave just as the original does, and no test could tell:
#
# - a bound moved to where both branches give the same bits: `>` for `>=` at 0, at the limit of a
#   clip, at a label sum, in Dropout; -31 for -30 where GELU is flat; `min(x, 1)` in a branch of ELU
#   that is not taken; 401 for 400 where exp has long been 0; another branch of `norm`
# - a short cut taken more or less often: `row_maximum`, `current_rate`, `reset` before a first step
# - another spelling: axis 0 or None for -2 or the last one where there are two axes, -2 for -1 in
#   `reshape`, None for False, a dtype left to its default where the array has it already,
#   `strict=` of a zip whose sides are made equal a line above, letters added to a string that is
#   searched, the generator of a draw that is thrown away
#
# Others are only not seen: what a module does when it is imported, such as the tables of
# seeing/written, and what it keeps from earlier calls, such as the lines that were read there, is
# done before a mutant is let in.
set -euo pipefail
cd "$(dirname "$0")/.."
export OPENBLAS_NUM_THREADS=1

# The tests of a module have its name; these have to be asked as well, or instead.
declare -A tests=(
  [functions]="test_functions test_activations"
  [losses]="test_losses test_numbers test_bad_input"
  [layers]="test_layers test_axes test_configurable test_network test_training test_bad_input"
  [checks]="test_checks test_bad_input files/test_whole"
  [parameters]="test_parameters test_layers test_record"
  [record]="test_record test_training test_faults"
  [training]="test_training test_faults files/test_networks"
  [callbacks]="test_callbacks test_faults"
  [network]="test_network test_record test_training test_bad_input test_faults"
  [datasets/__init__]="test_datasets"
  [__main__]="test_main"
  [files/objects]="files/test_objects files/test_networks files/test_strangers"
  [files/networks]="files/test_networks files/test_objects files/test_strangers files/test_checkpoints"
  [checking/subjects]="checking/test_subjects checking/test_check seeing/test_tracing"
  [plots/shared]="plots/test_shared plots/test_refusals plots/test_losses plots/test_descent plots/test_landscape"
  [seeing/pages]="seeing/test_pages seeing/test_tracing"
  [seeing/equations]="seeing/test_equations seeing/test_tracing seeing/test_pages"
  [seeing/written]="seeing/test_written seeing/test_equations"
  [seeing/findings]="seeing/test_diagnosis"
  [seeing/health]="seeing/test_diagnosis"
)
modules=("${@:-}")
[ -n "${modules[0]}" ] || mapfile -t modules < <(
  cd backproplite && find . -name '*.py' ! -name '__init__.py' -o -path './datasets/*.py' | sed 's|^./||; s|.py$||' | sort
)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q '.[test]' mutmut==3.8.1
"$scratch/venv/bin/pip" uninstall -q -y backproplite # so that nothing but the mutants is found

for module in "${modules[@]}"; do
  rm -rf "$scratch/copy"
  mkdir "$scratch/copy"
  cp -r backproplite tests README.md pyproject.toml "$scratch/copy"
  own="$(dirname "$module")/test_$(basename "$module")"
  if [[ $module == plots/* ]]; then own+=" plots/test_refusals plots/test_shared"; fi
  selection=$(printf '"tests/%s.py", ' ${tests[$module]:-${own#./}})
  cat >>"$scratch/copy/pyproject.toml" <<END

[tool.mutmut]
source_paths = ["backproplite"]
only_mutate = ["backproplite/$module.py"]
also_copy = ["README.md"]
pytest_add_cli_args_test_selection = [$selection]
# The first and the last of these would not see the mutants; one finds the stack too full of them, and
# one passes but once in a process.
pytest_add_cli_args = ["-k", "not another_process and not too_deep and not a_seed_is_an_int and not from_a_zip"]
END
  printf '\n== %s\n' "$module"
  (
    cd "$scratch/copy"
    "$scratch/venv/bin/mutmut" run --max-children "${CHILDREN:-$(nproc)}" ${MUTANTS:+"$MUTANTS"} >run.log 2>&1 || { tail -n 30 run.log; exit 0; }
    tr '\r' '\n' <run.log | grep -F '🎉' | tail -n 1
    "$scratch/venv/bin/mutmut" results | { grep -v ': killed\|: not checked' || true; } | while IFS=: read -r mutant verdict; do
      echo "-- ${mutant// /}:$verdict"
      "$scratch/venv/bin/mutmut" show "${mutant// /}" | grep '^[-+] ' || true
    done
  )
done
