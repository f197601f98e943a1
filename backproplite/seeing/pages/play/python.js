// The Python that builds and trains what is on the screen, as a person would write it.
//
// The data set and the network bring their own text along; what happened to them since is in the trainer's
// log. Run, it gives the losses of the page.

const WIDTH = 88; // of a line
const MOST_WRITTEN = 500; // numbers of data that are given in full

// `described` is {layers, loss, optimizer, seed, dtype, start}: texts, the last of lines that follow; or
// {given}, a text in the place of a network that cannot be built anew, such as one that was trained before.
function pythonOf(set, described, trainer) {
  const { log, begun } = trainer;
  const given = log[0]?.what === "points" ? [log[0]] : []; // before there was a network
  const later = log.slice(given.length);
  if (begun.length) later.push({ what: "steps", batches: begun });
  const points = { set, added: [] };
  const added = given.flatMap((event) => pythonOfEvent(event, points));
  const parts = [
    [set.code ?? dataInPython(set), ...(holdsOut(set) ? HOLDING_OUT : []), ...added],
    [described.given ?? networkInPython(described), ...(described.start ?? [])],
    later.flatMap((event) => pythonOfEvent(event, points)),
    printing(set, log),
  ];
  const body = parts.filter((part) => part.length).map((part) => part.join("\n")).join("\n\n");
  const imports = ["import backproplite as bp", ...(/\bnp\./.test(body) ? ["import numpy as np"] : [])];
  return `${imports.join("\n")}\n\n${body}\n`;
}

const holdsOut = (set) => set.X.some((_, i) => isHeld(set, i));
const validates = (set) => Boolean(set.validation) || holdsOut(set);

// Data of one's own, in full where they are few.
function dataInPython({ X, y, validation }) {
  const lines = Object.entries({ X, y }).map(([name, rows]) => (rows.flat().length > MOST_WRITTEN
    ? `${name} = ...  # the ${name} that you gave`
    : `${name} = np.array(${JSON.stringify(rows).replaceAll(",", ", ")})`));
  if (validation) lines.push("validation = ...  # the validation data that you gave");
  return lines.join("\n");
}

const HOLDING_OUT = [
  `held_out = np.arange(len(X)) % ${HELD} == ${HELD - 1}`,
  "validation = X[held_out], y[held_out]",
  "X, y = X[~held_out], y[~held_out]",
];

function networkInPython({ layers, loss, optimizer, seed, dtype = "float64" }) {
  return [
    "network = bp.Network(",
    ...filled("    [", layers, "],").split("\n"),
    `    loss=${loss},`,
    `    optimizer=${optimizer},`,
    `    seed=${seed},`,
    ...(dtype === "float64" ? [] : [`    dtype="${dtype}",`]),
    ")",
  ].join("\n");
}

function pythonOfEvent(event, points) {
  switch (event.what) {
    case "epochs": return [fitting(event, points.set)];
    case "steps": return [
      filled("for rows in [", event.batches.map((rows) => filled("[", rows, "]")), "]:"),
      "    network.train_step(X[rows], y[rows])",
    ];
    case "rate": return [`network.optimizer.learning_rate = ${event.rate}`];
    case "parameters": return editing(event.values);
    case "points": {
      const before = points.added;
      points.added = event.added;
      return changingPoints(before, event.added, points.set);
    }
  }
}

function fitting({ count, batchSize }, set) {
  const size = batchSize ? `, batch_size=${batchSize}` : "";
  return `network.fit(X, y, epochs=${count}${size}${validates(set) ? ", validation_data=validation" : ""})`;
}

function editing(values) {
  const places = Object.keys(values), numbers = Object.values(values);
  if (places.length === 1) return [`network.parameters[${places[0]}] = ${numbers[0]}`];
  return [filled(filled("network.parameters[[", places, "]] = ["), numbers, "]")];
}

// Points are taken away at the end, back to where the two lists agree, and then added.
function changingPoints(before, after, set) {
  const agree = before.findIndex((point, i) => String(point) !== String(after[i]));
  const kept = agree < 0 ? before.length : agree;
  const gone = before.length - kept, added = after.slice(kept);
  const lines = gone ? [`X, y = X[:-${gone}], y[:-${gone}]`] : [];
  if (!added.length) return lines;
  const row = (numbers) => `[${numbers.join(", ")}]`;
  const inputs = added.map((point) => row(point.slice(0, -1))), targets = added.map((point) => point.at(-1));
  return [
    ...lines,
    filled("X = np.vstack([X, [", inputs, "]])"),
    Array.isArray(set.y[0]) ? filled("y = np.vstack([y, [", targets.map(row), "]])")
      : filled("y = np.append(y, [", targets, "])"),
  ];
}

function printing(set, log) {
  if (!log.some((event) => event.what === "epochs")) return ["print(network.evaluate(X, y))"];
  const names = ["loss", ...(validates(set) ? ["val_loss"] : [])];
  return names.map((name) => `print("${name}", network.history["${name}"][-1])`);
}

// A list within a line, over several lines where one is too short for it.
function filled(before, items, after = "") {
  const line = `${before}${items.join(", ")}${after}`;
  if (line.length <= WIDTH) return line;
  const indent = " ".repeat(before.match(/^ */)[0].length + 4);
  const lines = [before];
  let current = indent;
  for (const item of items) {
    if (current.length + String(item).length + 1 > WIDTH && current !== indent) {
      lines.push(current.trimEnd());
      current = indent;
    }
    current += `${item}, `;
  }
  return [...lines, current.trimEnd(), indent.slice(4) + after].join("\n");
}
