"use strict";
// What Python put in: columns of units, links between neighbouring columns (one for each layer),
// and stages. Every number is text already, rounded as in print. Text from it is only ever set as text.
const data = JSON.parse(document.getElementById("data").textContent);
const { columns, links, stages } = data;
const at = (id) => document.getElementById(id);
const svg = at("drawing").firstElementChild;
const lossAt = columns.length - 2;

// The loss is the last link; the targets come to it from the other side.
links.push({ name: "", wiring: "dense", from: lossAt + 1, to: lossAt, parameters: [] });
links.forEach((link, i) => { link.from ??= i; link.to ??= i + 1; });

const reachedAt = (way, layer) => stages.findIndex((s) => s.way === way && s.layer === layer);
columns.forEach((column, i) => {
  column.valueAt = i === 0 || i > lossAt ? 0 : reachedAt("forward", i - 1);
  column.gradientAt = column.gradients ? reachedAt("backward", i) : Infinity;
  column.shown = column.values[0].length;
  column.rows = column.shown + (column.size > column.shown ? 1 : 0);
  column.parameters = i > 0 && i < lossAt ? links[i - 1].parameters : [];
});

const { values: [[lossBefore]], after: [[lossAfter]] } = columns[lossAt];
const verdict = `Loss ${lossBefore} → ${lossAfter}. ${data.verdict}`;

let current = 0; // which stage
let sample = 0; // which sample is drawn
let chosen = null; // the part of the drawing whose numbers are shown
const parts = []; // units and edges, in the order in which the keys go through them

// ---- The drawing, made once

const rows = Math.max(...columns.map((column) => column.rows));
const roomy = rows <= 5; // value and gradient under each other, and weights on the edges
const pitch = roomy ? (rows <= 3 ? 88 : 68) : 29;
const boxHeight = roomy ? 50 : 24;
const middle = 62 + (rows * pitch) / 2;
const height = 100 + rows * pitch;

const longest = ({ values, gradients = [], after = [] }) =>
  Math.max(4, ...[values, gradients, after].flat(2).map((text) => text.length));

function gap({ wiring, weight }) {
  if (weight && roomy) return Math.max(112, 15.5 * longest(weight));
  return { dense: 112, each: 44, all: 90 }[wiring];
}

function make(tag, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

function placeColumns() {
  let x = 16;
  columns.forEach((column, i) => {
    column.width = longest(column) * 9.1 + 18;
    if (i) x += i >= lossAt ? 44 : gap(links[i - 1]);
    column.left = x;
    column.x = x + column.width / 2;
    x += column.width;
  });
  return x + 16;
}

const rowY = (column, row) => middle + (row - (column.rows - 1) / 2) * pitch;

function draw() {
  const width = placeColumns();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.setProperty("--width", `${width}px`);
  const names = columns.map((column) => `${column.symbol} (${column.size})`);
  svg.setAttribute("aria-label", `Columns of units: ${names.join(", ")}`);
  const back = make("g", {}, svg); // links lie under units
  const front = make("g", {}, svg);
  columns.forEach((column, i) => drawColumn(column, i, front));
  for (const link of links) drawLink(link, back);
  parts.sort((a, b) => a.column - b.column);
}

function drawColumn(column, i, parent) {
  column.group = make("g", {}, parent);
  make("text", { class: "symbol", x: column.x, y: 24 }, column.group, column.symbol);
  column.gradientName = make("text", { class: "gradient", x: column.x, y: 46 }, column.group);
  column.units = [];
  for (let row = 0; row < column.shown; row++) {
    const group = make("g", { class: "unit" }, column.group);
    const y = rowY(column, row);
    make("rect", { x: column.left, y: y - boxHeight / 2, width: column.width, height: boxHeight, rx: roomy ? 16 : 12 }, group);
    const value = make("text", { class: "number", x: column.x, y: y + (roomy ? -4 : 5) }, group);
    const gradient = make("text", { class: "number gradient", x: column.x, y: y + (roomy ? 16 : 5) }, group);
    column.units.push({ group, value, gradient, row });
    addPart(group, i, column.x, y, boxHeight / 2, () => unitFacts(column, row));
  }
  if (column.rows > column.shown) {
    make("text", { x: column.x, y: rowY(column, column.shown) + 5 }, column.group, `… ${column.size - column.shown} more`);
  }
}

function drawLink(link, parent) {
  const [from, to] = [columns[link.from], columns[link.to]];
  const ahead = from.left < to.left;
  const [x1, x2] = ahead ? [from.left + from.width + 3, to.left - 3] : [from.left - 3, to.left + to.width + 3];
  link.group = make("g", {}, parent);
  link.edges = [];
  const name = link.name.length > 19 ? link.name.slice(0, 18) + "…" : link.name;
  link.label = make("text", { class: "name", x: (x1 + x2) / 2, y: height - 14 }, link.group, name);
  const edge = (i, j) => {
    const [y1, y2] = [rowY(from, i), rowY(to, j)];
    const group = make("g", { class: "edge" }, link.group);
    const ends = { x1, y1, x2, y2 };
    const line = make("line", { class: "line", ...ends }, group);
    make("line", { class: "touch", ...ends }, group);
    link.edges.push({ group, line, i, j, x1, y1, x2, y2 });
    addPart(group, link.from + 0.5, (x1 + x2) / 2, (y1 + y2) / 2, 8, () => edgeFacts(link, from, to, i, j));
  };
  if (link.wiring === "all") drawBand(link, from, to, x1, x2);
  if (link.wiring === "each") from.units.forEach((_, i) => edge(i, i));
  if (link.wiring === "dense") from.units.forEach((_, i) => to.units.forEach((_, j) => edge(i, j)));
  link.few = link.edges.length <= 24;
  if (roomy && link.weight) labelEdges(link);
}

function drawBand(link, from, to, x1, x2) {
  const ends = ({ rows }) => [0, rows - 1].map((row) => rowY({ rows }, row));
  const [[a, b], [c, d]] = [ends(from), ends(to)];
  const group = make("g", {}, link.group);
  make("path", { class: "band", d: `M${x1 + 5} ${a} ${x2 - 5} ${c} ${x2 - 5} ${d} ${x1 + 5} ${b}Z` }, group);
  const facts = { head: `${link.name}: from every unit to every unit`, pairs: [] };
  addPart(group, link.from + 0.5, (x1 + x2) / 2, (a + b) / 2, 0, () => facts);
}

// Numbers stand on the edges where there is a place at which none covers another.
function labelEdges(link) {
  const place = [0.3, 0.25, 0.2, 0.35, 0.7, 0.5].find((share) => {
    const ys = link.edges.map((e) => e.y1 + (e.y2 - e.y1) * share).sort((a, b) => a - b);
    return ys.every((y, k) => k === 0 || y - ys[k - 1] >= 15);
  });
  if (place === undefined) return;
  const labels = make("g", { class: "labels" }, link.group);
  for (const e of link.edges) {
    e.text = make("text", { x: e.x1 + (e.x2 - e.x1) * place, y: e.y1 + (e.y2 - e.y1) * place + 5 }, labels);
  }
}

// ---- What is known of a unit or an edge: pairs of a symbol and its number

const number = (rows) => rows[Math.min(sample, rows.length - 1)];

function entry(symbol, row) {
  if (symbol === "loss") return symbol;
  return `${symbol}[${data.samples > 1 ? `${sample}, ` : ""}${row}]`;
}

function parameterFacts(parameter, index, take) {
  const name = `${parameter.symbol}[${index}]`;
  return [[name, take(parameter.values)], [`∂loss/∂${name}`, take(parameter.gradients)], [`new ${name}`, take(parameter.after)]];
}

function unitFacts(column, row) {
  const name = entry(column.symbol, row);
  const pairs = [[name, number(column.values)[row]]];
  if (column.gradients) pairs.push([`∂loss/∂${name}`, number(column.gradients)[row]]);
  if (column.after) pairs.push([`new ${name}`, number(column.after)[row]]);
  for (const parameter of column.parameters) pairs.push(...parameterFacts(parameter, row, (list) => list[row]));
  return { head: "", pairs };
}

function edgeFacts(link, from, to, i, j) {
  const [start, end] = [entry(from.symbol, i), entry(to.symbol, j)];
  let pairs = [];
  if (link.weight) pairs = parameterFacts(link.weight, `${i}, ${j}`, (list) => list[i][j]);
  else if (link.slopes) pairs = [[`∂${end}/∂${start}`, number(link.slopes)[i]]];
  else if (to.symbol === "loss" && from.gradients) pairs = [[`∂loss/∂${start}`, number(from.gradients)[i]]];
  return { head: `${start} → ${end}`, pairs };
}

const spoken = ({ head, pairs }) => [head, ...pairs.map(([name, value]) => `${name} = ${value}`)].filter(Boolean).join("; ");

function addPart(group, column, x, y, reach, facts) {
  const part = { group, column, x, y, reach, facts };
  group.classList.add("part");
  group.setAttribute("role", "img");
  group.tabIndex = parts.length ? -1 : 0; // one stop for Tab: the first unit, or the part last visited
  group.addEventListener("pointerenter", () => choose(part));
  group.addEventListener("pointerleave", () => choose(focusedPart()));
  group.addEventListener("focus", () => {
    for (const { group } of parts) group.tabIndex = -1;
    group.tabIndex = 0;
    choose(part);
  });
  group.addEventListener("blur", () => choose(null));
  group.addEventListener("click", () => group.focus()); // a tap, in browsers that give it no focus
  parts.push(part);
}

const focusedPart = () => parts.find((part) => part.group === document.activeElement) ?? null;

function choose(part) {
  chosen?.group.classList.remove("chosen");
  chosen = part;
  at("tip").hidden = !part;
  if (!part) return;
  part.group.classList.add("chosen");
  showTip(part);
}

function showTip(part) {
  const { head, pairs } = part.facts();
  const tip = at("tip");
  tip.replaceChildren();
  if (head) element("div", head, tip);
  const table = element("table", "", tip);
  for (const [name, value] of pairs) {
    const row = element("tr", "", table);
    element("th", name, row).scope = "row";
    element("td", value, row);
  }
  // Under the part, or above it in the lower half; never beyond the sides.
  const figure = tip.parentElement.getBoundingClientRect();
  const place = new DOMPoint(part.x, part.y).matrixTransform(svg.getScreenCTM());
  const reach = part.reach + 8;
  const top = place.y - figure.top + (part.y < height * 0.6 ? reach : -reach - tip.offsetHeight);
  const left = Math.min(place.x - figure.left - tip.offsetWidth / 2, figure.width - tip.offsetWidth - 2);
  tip.style.top = `${top}px`;
  tip.style.left = `${Math.max(0, left)}px`;
}

function walkParts(event) {
  if (event.key === "Escape") choose(null);
  const here = parts.indexOf(focusedPart());
  const direction = { ArrowDown: 1, ArrowUp: -1, PageDown: 1, PageUp: -1 }[event.key];
  if (here < 0 || !direction) return;
  let there = here + direction;
  while (event.key.startsWith("Page") && parts[there]?.column === parts[here].column) there += direction;
  event.preventDefault();
  parts[there]?.group.focus();
}

// ---- The drawing at the current stage

const size = (text) => Math.abs(Number(text)) || 0;

function showDrawing() {
  const { way, layer } = stages[current];
  columns.forEach((column, i) => {
    const given = i === 0 || i > lossAt;
    let role = way === "update" || (way === "setup" && given) ? way : "";
    if (way === "after" && column.after) role = "forward";
    if (layer !== null) {
      const result = way === "forward" ? layer + 1 : layer;
      if (i === layer || i === layer + 1 || (i > lossAt && layer === lossAt - 1)) role = "from";
      if (i === result && (way === "forward" || column.gradients)) role = way;
    }
    column.group.setAttribute("class", role);
    showColumn(column, way);
  });
  links.forEach((link) => {
    const lit = link.to === layer + 1 && (way === "forward" || link.from === layer); // no gradient goes to y
    const role = lit || way === "update" || (way === "setup" && link.weight) ? way : "";
    link.group.setAttribute("class", `link ${role} ${link.few ? "few" : ""}`);
    showLink(link, role);
  });
}

function showColumn(column, way) {
  const known = current >= column.valueAt;
  const hasGradient = current >= column.gradientAt;
  const renewed = way === "after" && column.after;
  const onlyGradient = !roomy && hasGradient && (way === "backward" || way === "update");
  column.gradientName.textContent = hasGradient ? `∂loss/∂${column.symbol}` : "";
  for (const { group, value, gradient, row } of column.units) {
    value.textContent = known && !onlyGradient ? number(renewed ? column.after : column.values)[row] : "";
    gradient.textContent = hasGradient && (roomy ? !renewed : onlyGradient) ? number(column.gradients)[row] : "";
    value.setAttribute("dy", roomy && !gradient.textContent ? 9 : 0);
    group.classList.toggle("unknown", !known);
    direct(group, column.parameters.map((parameter) => parameter.moves[row]));
  }
}

function showLink(link, role) {
  const weight = link.weight;
  const numbers = weight && (role === "backward" ? weight.gradients : current >= stages.length - 2 ? weight.after : weight.values);
  const largest = weight ? Math.max(...numbers.flat().map(size)) || 1 : 1;
  for (const { group, line, text, i, j } of link.edges) {
    if (text) text.textContent = numbers[i][j];
    let share = weight ? size(numbers[i][j]) / largest : 0.4;
    if (role === "update") share = weight ? Math.abs(weight.moves[i][j]) : 0;
    line.style.strokeWidth = role ? 1 + share * 3 : "";
    line.style.opacity = link.few ? "" : role ? 0.2 + 0.8 * share : 0.4;
    group.classList.toggle("still", Boolean(link.slopes) && size(number(link.slopes)[i]) === 0);
    if (weight) direct(group, [weight.moves[i][j]]);
  }
}

function direct(group, moves) {
  const largest = moves.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  group.classList.toggle("grows", largest > 0);
  group.classList.toggle("shrinks", largest < 0);
}

function scrollDrawing() {
  const { way, layer } = stages[current];
  const lit = layer ?? (way === "after" ? lossAt - 1 : 0);
  const box = at("drawing");
  const middle = ((columns[lit].x + columns[lit + 1].x) / 2) * svg.getScreenCTM().a;
  box.scrollTo({ left: middle - box.clientWidth / 2 });
}

// ---- The calculation

function element(tag, text, parent, className = "") {
  const one = document.createElement(tag);
  one.textContent = text;
  if (className) one.className = className;
  return parent.appendChild(one);
}

function showEquation({ symbol, formula, lines, value }, parent) {
  const box = element("div", "", parent, "equation");
  if (formula) {
    const line = element("p", "", box, "formula"); // wraps between its terms only
    for (const term of `${symbol} = ${formula}`.split(" ")) line.append(element("span", term, line), " ");
  }
  if (lines.length) {
    const list = element("ul", "", box, "lines");
    for (const pieces of lines) {
      const item = element("li", "", list);
      pieces.forEach((piece, k) => element("span", k ? ` = ${piece}` : piece, item));
    }
  }
  if (value === undefined) return;
  const array = element("div", "", element("div", "", box, "scroll"), "array");
  element("span", `${symbol} =`, array);
  if (typeof value === "string") return void element("span", value, array);
  const table = element("table", "", array);
  table.setAttribute("aria-label", symbol);
  for (const numbers of value) {
    const row = element("tr", "", table);
    for (const text of numbers) element("td", text, row);
  }
}

function showEquations() {
  const box = at("equations");
  box.replaceChildren();
  const longest = stages[current].equations.flatMap((e) => [e.formula, ...e.lines.map(String)]);
  box.className = stages[current].equations.length > 1 && longest.every((text) => text.length < 52) ? "short" : "";
  if (stages[current].way === "after") element("p", verdict, box).id = "proof";
  for (const equation of stages[current].equations) showEquation(equation, box);
  for (const scroller of box.querySelectorAll(".scroll")) {
    if (scroller.scrollWidth > scroller.clientWidth) scroller.tabIndex = 0; // so that keys can scroll it
  }
}

// ---- Going from stage to stage

function go(stage) {
  current = Math.max(0, Math.min(stage, stages.length - 1));
  const position = `${current + 1} of ${stages.length}`;
  document.body.dataset.way = stages[current].way;
  at("position").textContent = `Stage ${position}`;
  at("title").textContent = stages[current].title;
  at("list").value = at("slider").value = current + 1;
  at("slider").setAttribute("aria-valuetext", `${position}: ${stages[current].title}`);
  at("back").setAttribute("aria-disabled", current === 0);
  at("next").setAttribute("aria-disabled", current === stages.length - 1);
  showDrawing();
  showEquations();
  scrollDrawing();
  at("stage").scrollIntoView({ block: "nearest" });
  const frame = window.frameElement;
  if (frame) { // it grows with the page, so that nobody has to scroll in two places
    const needed = document.documentElement.scrollHeight;
    frame.style.height = `${Math.max(frame.offsetHeight, needed)}px`;
  }
  // A notebook's frame (about:srcdoc) has no address to keep it in.
  if (/^(file|https?):$/.test(location.protocol)) history.replaceState(null, "", `#${current + 1}`);
}

function chooseSample() {
  sample = Number(at("sample").value) || 0;
  for (const part of parts) part.group.setAttribute("aria-label", spoken(part.facts()));
  showDrawing();
}

function fromAddress() {
  go((Number(location.hash.slice(1)) || 1) - 1);
}

function leftOut() {
  const said = [];
  const cut = columns.some((column) => column.size > column.shown);
  if (cut) said.push("Of wide columns only the first units are drawn.");
  if (data.drawn_samples < data.samples) said.push(`The first ${data.drawn_samples} of ${data.samples} samples can be drawn.`);
  if (data.samples > 1) said.push("Units show one sample; edges show the gradients of the whole batch.");
  return said.join(" ");
}

at("head").textContent = data.head;
at("verdict").textContent = verdict;
at("note").textContent = data.note;
at("left-out").textContent = leftOut();
at("slider").max = stages.length;
stages.forEach((stage, i) => at("list").add(new Option(`${i + 1}. ${stage.title}`, i + 1)));
for (let i = 0; i < data.drawn_samples; i++) at("sample").add(new Option(i, i));
at("choice").hidden = data.samples === 1;
draw();
chooseSample();
fromAddress();

at("back").addEventListener("click", () => go(current - 1));
at("next").addEventListener("click", () => go(current + 1));
at("list").addEventListener("change", () => go(at("list").value - 1));
at("slider").addEventListener("input", () => go(at("slider").value - 1));
at("sample").addEventListener("change", chooseSample);
at("drawing").addEventListener("scroll", () => chosen && showTip(chosen));
addEventListener("hashchange", fromAddress);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  walkParts(event);
  if (event.target.closest("input, select, .scroll[tabindex]")) return; // they use these keys themselves
  const goal = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: stages.length - 1 }[event.key];
  if (goal === undefined) return;
  event.preventDefault();
  go(goal);
});
