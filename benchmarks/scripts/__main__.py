"""`python -m benchmarks.scripts`: six scripts in another library and in this one, side by side.

Both of a pair read the same data and do the same work. Each is run in a fresh process, on one
thread; the two take turns, and the seconds are medians. They are the processor's, from start to
end, imports included: other work on the machine disturbs them less. The result is the last number
that a script prints; if ours is worse than theirs by more than the noise, that is an error.

--only grid_search digits    some of them
--rounds 3                   how often each runs, after a first time that does not count
--write                      store the results, and put the table into the documentation and README
"""

import argparse
import ast
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STORED = HERE / "results.json"
PAGES = ROOT / "docs" / "scripts.md", ROOT / "README.md"
BEGIN, END = "<!-- written by python -m benchmarks.scripts -->", "<!-- to here -->"


class Script(NamedTuple):
    """A pair: what it does, which library theirs uses, what it prints last, and its noise.

    The noise is about two standard deviations of the difference over seeds; below 0 where less
    is better.
    """

    work: str
    library: str
    measure: str
    noise: float

    def theirs(self, name):
        """Return the name of their script."""
        suffix = {"scikit-learn": "sklearn", "Keras": "keras", "PyTorch": "torch"}[self.library]
        return f"{name}_{suffix}"


SCRIPTS = {
    "grid_search": Script("grid search in a pipeline", "scikit-learn", "accuracy", 0.001),
    "learning_strategies": Script("eight ways to learn", "scikit-learn", "accuracy", 0.001),
    "imbalanced": Script("two in a hundred, weighted", "Keras", "average precision", 0.025),
    "regression": Script("regression, a line and a network", "Keras", "mean absolute error", -3.0),
    "digits": Script("images, saved and loaded", "PyTorch", "accuracy", 0.015),
    "tabular": Script("table, residual blocks", "PyTorch", "R²", 0.01),
}
WORDLESS = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def counted_lines(source):
    """Return how many lines of code there are: no blank ones, comments or docstrings."""
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in WORDLESS:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def lines_of(name):
    """Return the counted lines of a script."""
    return counted_lines((HERE / f"{name}.py").read_text(encoding="utf-8"))


def run(name):
    """Run a script in a fresh process and an empty folder; return its seconds and its result."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}
    environment |= dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"
    )
    environment |= {"MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(HERE / f"{name}.py")]
    with tempfile.TemporaryDirectory() as folder:
        before = os.times()
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
        )
        after = os.times()
    seconds = sum(after[2:4]) - sum(before[2:4])  # of the processes that it has waited for
    return seconds, float(re.findall(r"\d+\.\d+", done.stdout.decode("utf-8"))[-1])


def measure(name, rounds):
    """Return the row of a pair, its two in turns; the first round fills the caches."""
    script = SCRIPTS[name]
    names = {"ours": name, "theirs": script.theirs(name)}
    runs = [{who: run(script) for who, script in names.items()} for _ in range(1 + rounds)]
    row = {"script": name}
    for who, of_whom in names.items():
        seconds = statistics.median(each[who][0] for each in runs[1:])
        row[who] = {"lines": lines_of(of_whom), "seconds": seconds, "result": runs[0][who][1]}
    better = row["ours"]["result"] - row["theirs"]["result"]
    assert better * (1 if script.noise > 0 else -1) > -abs(script.noise), row
    return row


def table(rows):
    """Return the rows as Markdown."""
    text = (
        "| ours / theirs | from | lines | seconds | ratio | result |\n|---|---|--:|--:|--:|---|\n"
    )
    for row in rows:
        script, ours, theirs = SCRIPTS[row["script"]], row["ours"], row["theirs"]
        cells = [script.work, script.library, f"{ours['lines']} / {theirs['lines']}"]
        cells += [f"{ours['seconds']:.1f} / {theirs['seconds']:.1f}"]
        cells += [f"{ours['seconds'] / theirs['seconds']:.2f}"]
        cells += [f"{script.measure} {ours['result']:g} / {theirs['result']:g}"]
        text += f"| {' | '.join(cells)} |\n"
    return text


def write(rows):
    """Put the table between the marks of each page that has them."""
    for page in PAGES:
        before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        if begin:
            _, _, after = rest.partition(END)
            text = f"{before}{BEGIN}\n{table(rows)}{END}{after}"
            page.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scripts")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS, metavar="SCRIPT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = {row["script"]: row for row in json.loads(STORED.read_text(encoding="utf-8"))}
    for name in options.only:
        rows[name] = measure(name, options.rounds)
        print(table([rows[name]]).splitlines()[-1], flush=True)
    rows = [rows[name] for name in SCRIPTS if name in rows]
    print(table(rows))
    if options.write:
        STORED.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        write(rows)


if __name__ == "__main__":
    main()
