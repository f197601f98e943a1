// The part that is chosen: its numbers, as far as they are known, and the nudge.

let pointed = null; // the id under the pointer
let kept = null; // the id chosen by a click or by keys

function addPart(part) {
  const { group, id } = part;
  group.classList.add("part");
  group.tabIndex = parts.size ? -1 : 0; // one stop for Tab: the first unit, or the part last visited
  group.addEventListener("pointerenter", () => point(id));
  group.addEventListener("pointerleave", () => point(null));
  group.addEventListener("focus", () => keep(id));
  group.addEventListener("click", () => {
    group.focus(); // in browsers that give it no focus
    openBox(part);
  });
  parts.set(id, part);
}

function point(id) {
  pointed = id;
  showChosen();
}

function keep(id) {
  kept = id;
  const part = parts.get(id);
  if (part) for (const { group } of parts.values()) group.tabIndex = group === part.group ? 0 : -1;
  showChosen();
}

// A symbol of a formula lights a whole column or layer, a number its own part.
function lights(id, name) {
  if (id === null || name === id) return name === id;
  const within = id[0] === "l" ? [`e${id.slice(1)}.`, `b${id.slice(1)}.`] : [`${id}.`];
  return within.some((start) => name.startsWith(start));
}

const chosenId = () => pointed ?? kept;

// Lights a part and all that formulas say of it.
function showChosen() {
  const id = chosenId();
  for (const [name, { group }] of parts) group.classList.toggle("chosen", lights(id, name));
  for (const factor of document.querySelectorAll("#equations [data-ref]")) {
    factor.classList.toggle("chosen", factor.dataset.ref === id);
  }
  showFacts();
}

function showFacts() {
  const part = parts.get(chosenId());
  const box = at("told");
  box.replaceChildren();
  at("nudge").hidden = !(part && targetOf(part));
  if (!part) return void element("p", hint(), box, "hint");
  const { head, pairs } = factsInWords(part);
  if (head) element("p", head, box, "head");
  const list = element("dl", "", box);
  for (const [name, value] of pairs) {
    const pair = element("div", "", list);
    element("dt", name, pair);
    element("dd", value, pair);
  }
  if (!at("nudge").hidden) showNudge(part);
  const image = at(`into.${chosenId()}`);
  if (image) showCloser(image, box);
}

// The weights that lead to a unit, where they are drawn as an image, so large that one sees what they look for.
function showCloser(image, parent) {
  const { x, y, width } = image.getBBox();
  const closer = make("svg", { class: "closer", viewBox: `${x} ${y} ${width} ${width}`, "aria-hidden": true }, parent);
  make("use", { href: `#${image.id}` }, closer);
}

function hint() {
  if (!page.alive) return "Point at a unit or an edge for its numbers.";
  return "Point at a unit or an edge for its numbers. Click on an input, a weight, a bias or a target to change it.";
}

// ---- In words: pairs of a symbol and its number

function entrySymbol(i, row) {
  const { symbol, kind } = page.columns[i];
  if (kind === "loss") return symbolOfLoss();
  return `${symbol}[${page.samples > 1 ? `${sample}, ` : ""}${row}]`;
}

const symbolOfLoss = () => (page.samples > 1 ? `${OWN_LOSS}[${sample}]` : "loss");

function factsInWords(part) {
  const { head, pairs } = FACTS[part.kind](part, factsOf(part));
  return { head, pairs: pairs.filter(([, value]) => value) };
}

const FACTS = {
  unit({ column }, unit) {
    const name = entrySymbol(column, unit.index);
    const gradient = told(unit.gradient, gradientAt(column), unit.id);
    const after = column > 0 && column <= lossAt() ? told(unit.after, afterAt(), unit.id) : "";
    const value = told(unit.value, valueAt(column), unit.id);
    return { head: value ? "" : `${name} is not computed yet.`, pairs: [[name, value], [`∂loss/∂${name}`, gradient], [`new ${name}`, after]] };
  },

  edge({ wire }, edge) {
    const [start, end] = [[wire.from, edge.from], [wire.to, edge.to]].map((place) => entrySymbol(...place));
    const pairs = edge.weight ? parameterPairs(edge.weight, wire) : [];
    if (edge.slope) pairs.push([`∂${end}/∂${start}`, told(edge.slope, slopeAt(wire.from), edge.id)]);
    return { head: `${start} → ${end}`, pairs };
  },

  bias({ wire }, bias) {
    return { head: "", pairs: parameterPairs(bias, wire) };
  },

  band(_, link) {
    return { head: `${link.name}: from every unit to every unit`, pairs: [] };
  },
};

function parameterPairs({ id, symbol, value, gradient, after }, wire) {
  return [
    [symbol, value],
    [`∂loss/∂${symbol}`, told(gradient, slopeAt(wire.from), id)],
    [`new ${symbol}`, told(after, updateAt(), id)],
  ];
}

function spoken(part) {
  const { head, pairs } = factsInWords(part);
  return [head, ...pairs.map(([name, value]) => `${name} = ${value}`)].filter(Boolean).join("; ");
}

// ---- The nudge: what a small change does to the loss, and what the gradient promised

const SIGNED = ["0.001", "0.01", "0.1", "-0.001", "-0.01", "-0.1"].map((text) => (text[0] === "-" ? text : `+${text}`));

function showNudge(part) {
  const size = Number(at("size").value);
  const target = targetOf(part);
  const digits = page.digits;
  const before = network.trainingLoss();
  const value = target.get();
  target.set(value + size);
  const moved = network.trainingLoss() - before;
  target.set(value);
  const slope = target.slope();
  let promise = "what the gradient promises comes with the way back";
  if (slope === null) promise = "a step needs no gradient here";
  else if (target.known()) promise = `the gradient promised ${rounded(slope * size, digits)}`;
  at("moved").textContent = `here would move the loss by ${rounded(moved, digits)} (measured by a forward pass); ${promise}.`;
}

// ---- Keys that go through parts: of the drawing by themselves or by columns, of formulas one by one

function walk(event) {
  const direction = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!direction) return false;
  const inDrawing = event.target.closest(".part");
  const all = inDrawing ? [...parts.values()].map((part) => part.group) : [...document.querySelectorAll("#equations .factor")];
  const here = all.indexOf(event.target);
  if (here < 0) return false;
  let there = here + direction;
  if (inDrawing && event.shiftKey) {
    const columns = [...parts.values()].map((part) => part.column);
    while (columns[there] === columns[here]) there += direction;
  }
  all[there]?.focus();
  return true;
}
