"""What was measured, as a page with tables, and as pictures."""

import re

TITLES = {
    "S1": "One training step",
    "S6": "A whole job",
    "S7": "Many networks at once",
    "S8": "Prediction",
    "S9": "A busy machine",
    "S10": "Size and memory",
    "S11": "Data larger than memory, and tables",
    "S12": "Model files",
    "growth": "How it grows",
}
COLOURS = {
    "bare NumPy": ("#555555", "s"),
    "scikit-learn": ("#c2570c", "o"),
    "PyTorch": ("#b3246b", "D"),
    "JAX": ("#0b6fb8", "^"),
    "one by one": ("#3d7a1f", "v"),
}
BEGIN, END = "<!-- written by python -m benchmarks -->", "<!-- to here -->"
INTRO = """\
# Speed

Measured by `python -m benchmarks`, which writes this page: losses are shown like gains. Each ratio
is ours / theirs, **below 1 we are faster** (or smaller): the median over rounds in which all take
turns, and in brackets its quartiles. Where the other library can start from the same weights, it
was first shown to do the same work: equal losses after 100 steps, to 1e-5 in float32 and 1e-10 in
float64. scikit-learn starts from weights of its own, and does a little less in S1 and S3 (a linear
output; one output for two classes). All run on one thread, but for S9.
"""


def number(value):
    """Return three digits of a number as text."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(row):
    """Return whether the goal of a row was met."""
    if row["goal"] is None:
        return ""
    return "met" if row["middle"] <= row["goal"] else "**short**"


def middle(row):
    """Return a ratio with its quartiles, as text; nothing if a row is no ratio."""
    spread = f"({number(row['low'])} to {number(row['high'])})"
    return f"{number(row['middle'])} {spread}" if row["theirs"] is not None else ""


def goal(row):
    """Return the goal of a row as text, with its unit if it is no ratio."""
    if row["goal"] is None:
        return ""
    return f"≤ {number(row['goal'])}" + (f" {row['unit']}" if row["theirs"] is None else "")


def line(row):
    """Return a row for the terminal."""
    beside = f" beside {row['beside']}: {number(row['theirs'])}" if row["theirs"] else ""
    said = f"{row['figure']} {row['work']}: {number(row['ours'])}{beside} {row['unit']}"
    wanted = f"goal {goal(row)}, {verdict(row).strip('*')}" if row["goal"] else ""
    return "  ".join(part for part in (said, middle(row), wanted) if part)


def in_order(figure):
    """Sort S2 before S10, and growth last."""
    return int(figure[1:]) if re.fullmatch(r"S\d+", figure) else 99


def merged(before, now):
    """Return stored results with those figures replaced that were measured now."""
    replaced = {row["figure"] for row in now["rows"]}
    rows = [row for row in before["rows"] if row["figure"] not in replaced] + now["rows"]
    rows.sort(key=lambda row: in_order(row["figure"]))
    missing = {k: v for k, v in before["missing"].items() if not replaced & set(k.split())}
    return now | {"rows": rows, "missing": missing | now["missing"]}


def table(rows):
    """Return rows as a Markdown table."""
    text = (
        "| | what | beside | ours | theirs | ratio | goal | |\n|---|---|---|--:|--:|--:|--:|---|\n"
    )
    last = None
    for row in rows:
        theirs = f"{number(row['theirs'])} {row['unit']}" if row["theirs"] is not None else ""
        what = row["work"] if row["work"] != last else "″"
        last = row["work"]
        cells = row["figure"].replace("growth", ""), what, row["beside"]
        cells += f"{number(row['ours'])} {row['unit']}", theirs, middle(row), goal(row)
        text += f"| {' | '.join(cells)} | {verdict(row)} |\n"
    return text


def sections(rows):
    """Return the rows by the title under which they stand; S2 to S5 stand under S1's."""
    found = {}
    for row in rows:
        figure = row["figure"] if row["figure"] in TITLES else "S1"
        found.setdefault(TITLES[figure], []).append(row)
    return found


def page(results):
    """Return the page of the documentation."""
    head, rows = results["head"], results["rows"]
    goals = [row for row in rows if row["goal"] is not None]
    met = sum(verdict(row) == "met" for row in goals)
    versions = ", ".join(f"{name} {v}" for name, v in head["versions"].items() if v)
    text = [
        INTRO,
        f"{head['date']}, {head['processor']}, {head['cores']} cores, "
        f"{head['system']}; {versions}. "
        f"**{met} of {len(goals)} goals are met.**",
    ]
    if head["quick"]:
        text.append("Few rounds on a machine at work: not the figures to quote.")
    text.append(f"![{alt_text(rows)}](_static/speed.svg)")
    for title, of_title in sections(rows).items():
        text.append(f"## {title}")
        if title == TITLES["growth"]:
            alt = "Time of a step against width, depth, batch and number of networks"
            text.append(f"![{alt}](_static/growth.svg)")
        text.append(table(of_title).rstrip())
    for figures, why in results["missing"].items():
        text.append(f"Not measured: {figures} ({why}).")
    return "\n\n".join(text) + "\n"


def summary(rows):
    """Return the ratios to other libraries as a small table for README; the goal in brackets."""
    libraries = [name for name in COLOURS if name != "one by one"]
    text = f"| ours / theirs | {' | '.join(libraries)} |\n|---|{'--:|' * len(libraries)}\n"
    lines = {}
    for row in drawn(rows):
        if row["figure"] != "S7":
            cell = number(row["middle"]) + (f" ({goal(row)})" if row["goal"] else "")
            lines.setdefault(place_of(row), {})[library(row["beside"])] = cell
    for place, cells in lines.items():
        text += f"| {place} | {' | '.join(cells.get(name, '') for name in libraries)} |\n"
    return text


def with_summary(readme, results):
    """Return README with the table of these results between its two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{summary(results['rows'])}{END}{after}"


def alt_text(rows):
    """Return in words what the picture of ratios shows."""
    ratios = [row["middle"] for row in drawn(rows)]
    faster = sum(ratio < 1 for ratio in ratios)
    return f"Our time over that of others: in {faster} of {len(ratios)} comparisons we are faster"


def drawn(rows):
    """Return the rows that are in the picture of ratios."""
    return [
        row
        for row in rows
        if row["figure"] in ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8")
        if row["theirs"] is not None and library(row["beside"])
        if "partial_fit" not in row["beside"] and "memory" not in row["work"]
    ]


def library(beside):
    """Return which library a row stands beside, or None."""
    return next((name for name in COLOURS if beside.startswith(name)), None)


def draw_ratios(results):
    """Draw each ratio beside another library on one logarithmic axis."""
    from matplotlib.figure import Figure

    rows = drawn(results["rows"])
    works = list(dict.fromkeys(map(place_of, rows)))
    figure = Figure(figsize=(11, 1.3 + 0.42 * len(works)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for row in rows:
        place = works.index(place_of(row))
        colour, marker = COLOURS[library(row["beside"])]
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.5)
        axes.plot(row["middle"], place, marker, color=colour, markersize=9)
    for name, (colour, marker) in COLOURS.items():
        if any(library(row["beside"]) == name for row in rows):
            axes.plot([], [], marker, color=colour, label=name, markersize=9)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("our time / theirs        (left of 1 we are faster)", fontsize=12)
    axes.set_yticks(range(len(works)), works, fontsize=11)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.grid(axis="both", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=len(COLOURS), fontsize=12, frameon=False)
    return figure


def place_of(row):
    """Return the label of the line on which a row is drawn: one for each way of JAX."""
    _, _, way = row["beside"].partition("JAX, ")
    return f"{row['figure']}  {short(row['work'])}" + (f", beside {way}" if way else "")


def short(work):
    """Return what is done in few words."""
    work = work.replace("exclusive or", "XOR").replace("from a fresh process", "as a job")
    for word in (" sigmoid, squared error,", ", full batch", " ReLU, float32,", " float32,"):
        work = work.replace(word, "")
    return re.sub(r" \([\d.]+% right\)|, an epoch|, gradient descent", "", work)


def draw_growth(results):
    """Draw the time of a step against width, depth, batch and members."""
    from matplotlib.figure import Figure

    rows = [row for row in results["rows"] if row["figure"] == "growth"]
    figure = Figure(figsize=(10, 7.5), layout="constrained", facecolor="white")
    panels = dict(
        zip(("width", "depth", "batch", "members"), figure.subplots(2, 2).flat, strict=True)
    )
    seen = {}
    for what, axes in panels.items():
        lines = {}
        for row in rows:
            name, _, size = row["work"].partition(" ")
            if name == what:
                lines.setdefault("backproplite", {})[int(size)] = row["ours"]
                lines.setdefault(library(row["beside"]), {})[int(size)] = row["theirs"]
        for name, points in lines.items():
            colour, marker = COLOURS.get(name, ("black", "*"))
            (seen[name],) = axes.plot(
                [*points], [*points.values()], color=colour, marker=marker, markersize=8
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks([*lines.get("backproplite", [])])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel({"members": "networks at once (2-4-1)"}.get(what, what), fontsize=12)
        axes.set_ylabel("µs a network-step" if what == "members" else "µs a step", fontsize=12)
        axes.tick_params(labelsize=11)
        axes.grid(color="#dddddd", linewidth=0.8)
    figure.legend(
        seen.values(), seen, loc="outside upper center", ncols=6, fontsize=12, frameon=False
    )
    return figure


def write(results, docs, readme):
    """Write the page, its pictures, and the table of README."""
    import matplotlib as mpl

    text = with_summary(readme.read_text(encoding="utf-8"), results)
    readme.write_text(text, encoding="utf-8")
    (docs / "speed.md").write_text(page(results), encoding="utf-8")
    with mpl.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "path"}):
        for name, draw in (("speed", draw_ratios), ("growth", draw_growth)):
            path = docs / "_static" / f"{name}.svg"
            draw(results).savefig(path, metadata={"Date": None})
