// The part that is chosen: its numbers, as far as they are known, in the drawing and in formulas.

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
  const [, kind, number] = /^([ul])(\d+)$/.exec(id) ?? [];
  const letters = { u: ["u"], l: ["e", "b"] }[kind] ?? [];
  return name === id || letters.some((letter) => name.startsWith(`${letter}${number}.`));
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

// The weights that lead to a unit, where they are drawn as an image, once more, larger.
function showCloser(image, parent) {
  const { x, y, width } = image.getBBox();
  const closer = make("svg", { class: "closer", viewBox: `${x} ${y} ${width} ${width}` }, parent);
  closer.setAttribute("aria-hidden", true);
  make("use", { href: `#${image.id}` }, closer);
}

function hint() {
  const click = "Click on an input, a weight, a bias or a target to change it.";
  return `Point at a unit or an edge for its numbers. ${page.alive ? click : ""}`;
}

// ---- In words: pairs of a symbol and its number

function entrySymbol(i, row) {
  const { symbol, kind } = page.columns[i];
  const batch = page.samples > 1;
  if (kind === "loss") return batch ? `${OWN_LOSS}[${sample}]` : "loss";
  return `${symbol}[${batch ? `${sample}, ` : ""}${row}]`;
}

// What a part is called in formulas.
function symbolOf(part) {
  const facts = factsOf(part);
  if (part.kind === "unit") return entrySymbol(part.column, facts.index);
  return (facts.weight ?? facts).symbol ?? "";
}

function factsInWords(part) {
  const { head, pairs } = FACTS[part.kind](part, factsOf(part));
  return { head, pairs: pairs.filter(([, value]) => value) };
}

const FACTS = {
  unit({ column }, unit) {
    const name = entrySymbol(column, unit.index);
    const gradient = told(unit.gradient, gradientAt(column), unit.id);
    const after = told(unit.after, afterAt(), unit.id);
    const value = told(unit.value, valueAt(column), unit.id);
    const pairs = [[name, value], [`∂loss/∂${name}`, gradient], [`new ${name}`, after]];
    return { head: value ? "" : `${name} is not computed yet.`, pairs };
  },

  edge({ wire }, edge) {
    const [start, end] = [entrySymbol(wire.from, edge.from), entrySymbol(wire.to, edge.to)];
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
