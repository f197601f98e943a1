// The network as it is drawn: a column of units for the input and for each Dense layer with what follows it, and
// an edge for each weight, the wider the larger, blue above zero and orange below. A unit shows what it gives
// over the plane of the inputs. Pointing at a part, or going there by keys, gives its numbers.

const MOST_UNITS = 8; // of a column that are drawn
const HEAD = 6.1; // above the units, in sizes of small text
const WIDEST = 0.55; // of an edge, in the same
const at = (id) => document.getElementById(id);

const drawing = { columns: [], units: [], edges: [], parts: [], chosen: null };

// Columns of a network: which flow each shows, its size, its layers, and its weights if they can be drawn.
function columnsOf(network, sizes) {
  const columns = [{ layers: [], flow: 0 }];
  network.plan.layers.forEach((layer, i) => {
    const dense = layer.class === "Dense";
    if (dense || sizes[i + 1] !== sizes[i]) {
      const { weight, bias } = dense ? layer.parameters : {};
      columns.push({ layers: [], weight, bias });
    }
    columns.at(-1).layers.push({ ...layer, index: i });
    columns.at(-1).flow = i + 1;
  });
  for (const each of columns) {
    each.size = sizes[each.flow];
    each.symbol = network.plan.flows[each.flow];
    each.shown = Math.min(each.size, MOST_UNITS);
  }
  return columns;
}

function makeElement(tag, attributes, parent, text) {
  const svg = ["svg", "g", "path"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

// Draws a network anew; `headOf(column, i, parent)` adds what stands above a column besides its names.
function layOut(network, sizes, headOf) {
  const root = at("drawing");
  const columns = columnsOf(network, sizes);
  root.replaceChildren();
  const most = Math.max(...columns.map((each) => each.shown));
  const head = HEAD * theme.em;
  const pitch = Math.min(5 * theme.em, Math.max(2.8 * theme.em, (0.38 * window.innerHeight) / most));
  const side = Math.round(pitch * 0.78);
  const room = at("scroll").clientWidth - 6;
  const ends = Math.min(8.5 * theme.em, room / columns.length);
  const gap = Math.max(6 * theme.em, Math.min(18 * theme.em, (room - ends) / Math.max(1, columns.length - 1)));
  const width = Math.max(room, gap * (columns.length - 1) + ends);
  const height = head + most * pitch + (Math.max(...columns.map((each) => each.size)) > MOST_UNITS ? 20 : 4);
  const first = (width - gap * (columns.length - 1)) / 2;
  root.style.cssText = `width: ${width}px; height: ${height}px; --side: ${side}px`;
  Object.assign(drawing, { columns, sizes, room: at("scroll").clientWidth, units: [], edges: [], parts: [], chosen: null });
  const svg = makeElement("svg", { width, height, "aria-hidden": "false", role: "group", "aria-label": "Weights" }, root);
  columns.forEach((column, i) => {
    column.x = first + gap * i;
    column.y = (row) => head + (most * pitch) / 2 + (row - (column.shown - 1) / 2) * pitch;
    drawHead(column, i, Math.min(gap - 8, 2 * column.x, 2 * (width - column.x)), root, headOf);
    for (let row = 0; row < column.shown; row++) drawUnit(column, i, row, root);
    if (column.size > column.shown) {
      const place = `left: ${column.x}px; top: ${column.y(column.shown) - pitch * 0.28}px`;
      makeElement("div", { class: "more", style: place }, root, `… ${column.size - column.shown} more`);
    }
    if (i) drawEdges(columns[i - 1], column, side / 2, svg);
  });
  drawing.parts.sort((a, b) => a.order - b.order);
  drawing.parts[0].element.tabIndex = 0;
  at("tip").hidden = true;
}

function drawHead(column, i, room, root, headOf) {
  const head = makeElement("div", { class: "column", style: `left: ${column.x}px; width: ${room}px` }, root);
  makeElement("div", { class: "symbol" }, head, column.symbol);
  const [first, ...others] = column.layers.map((layer) => layer.class); // the first is drawn as edges
  const names = others.join(", ") || (first ?? "input");
  makeElement("div", { class: "layers", title: column.layers.map((layer) => layer.name).join(", ") }, head, names);
  column.head = head;
  headOf(column, i, head);
  column.badge = makeElement("div", { class: "badge" }, head);
}

function addPart(part) {
  drawing.parts.push(part);
  part.element.drawnPart = part; // `part` means something else to browsers
  part.element.setAttribute("role", "img");
  part.element.setAttribute("tabindex", "-1");
}

function drawUnit(column, i, row, root) {
  const element = makeElement("div", { class: "unit", style: `left: ${column.x}px; top: ${column.y(row)}px` }, root);
  const canvas = makeElement("canvas", { width: GRID, height: GRID, "aria-hidden": "true" }, element);
  const unit = { element, canvas, column, row, order: i * 1e4 + row, x: column.x, y: column.y(row) };
  drawing.units.push(unit);
  addPart(unit);
}

function drawEdges(from, to, half, svg) {
  if (!to.weight) return;
  const order = 1e4 * drawing.columns.indexOf(to) - 5e3;
  for (let i = 0; i < from.shown; i++) {
    for (let j = 0; j < to.shown; j++) {
      const [x1, y1, x2, y2] = [from.x + half, from.y(i), to.x - half, to.y(j)];
      const bend = (x2 - x1) * 0.45;
      const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
      const element = makeElement("g", { class: "edge" }, svg);
      const wire = makeElement("path", { class: "wire", d }, element);
      makeElement("path", { class: "touch", d }, element);
      const place = to.weight.offset + i * to.weight.shape[1] + j;
      const edge = { element, wire, from, to, i, j, place, order: order + i * to.shown + j, x: (x1 + x2) / 2, y: (y1 + y2) / 2 };
      drawing.edges.push(edge);
      addPart(edge);
    }
  }
}

// ---- What moves

function showWeights(network) {
  const { parameters } = network;
  let largest = 1e-12;
  for (const { place } of drawing.edges) largest = Math.max(largest, Math.abs(parameters[place]));
  const full = (WIDEST * theme.em) / Math.max(largest, 1);
  for (const edge of drawing.edges) {
    const value = parameters[edge.place];
    const width = Math.round(5 * Math.max(0.6, Math.abs(value) * full)) / 5;
    if (width !== edge.width) edge.wire.style.strokeWidth = edge.width = width;
    if (value < 0 !== edge.minus) edge.element.classList.toggle("minus", (edge.minus = value < 0));
  }
}

// Of 0 to 1, a sigmoid's numbers are told from their middle; others from zero, by the largest of the layer.
function scaleOf(column, field) {
  if (column.flow && column.layers.at(-1).class === "Sigmoid") return (value) => 2 * value - 1;
  let largest = 1e-9;
  for (const value of field.data) largest = Math.max(largest, Math.abs(value));
  return (value) => value / largest;
}

// `fields` are the flows over the grid, of `width` inputs: a plane is painted, over one input a curve is drawn.
// While it trains every picture shows half of the units, in turn, which nobody sees.
function showUnits(fields, width, half = null) {
  for (const column of drawing.columns) column.scale = scaleOf(column, fields[column.flow]);
  for (const unit of drawing.units) {
    if (half !== null && unit.row % 2 !== half) continue;
    const field = fields[unit.column.flow];
    if (width === 2) paint(unit.canvas, field, unit.row, unit.column.scale);
    else drawSmallCurve(unit.canvas, field, unit.row, unit.column.scale);
  }
}

function drawSmallCurve(canvas, field, index, scale) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, GRID, GRID);
  Object.assign(pen, { strokeStyle: theme.plus, lineWidth: 2 });
  pen.beginPath();
  for (let i = 0; i < field.rows; i += 4) {
    pen.lineTo((i / field.rows) * GRID, GRID * (0.5 - 0.44 * scale(field.data[i * field.columns + index])));
  }
  pen.stroke();
}

// ---- Its numbers, asked for

function factsOf(part, network) {
  const say = (number) => rounded(number, 4);
  const { symbol } = part.column ?? {};
  const facts = [];
  const add = (parameter, place, index) => {
    facts.push(`${parameter.symbol}[${index}] = ${say(network.parameters[place])}`);
    facts.push(`∂loss/∂${parameter.symbol}[${index}] = ${say(network.gradients[place])}`);
  };
  if (part.from) {
    facts.push(`${part.from.symbol}[${part.i}] → ${part.to.symbol}[${part.j}]`);
    add(part.to.weight, part.place, `${part.i}, ${part.j}`);
  } else {
    const { bias, layers } = part.column;
    facts.push(`${symbol}[${part.row}]${layers.length ? `, ${layers.map((layer) => layer.name).join(", ")}` : ", input"}`);
    if (bias) add(bias, bias.offset + part.row, part.row);
    if (part.element.classList.contains("dead")) facts.push("dead: it passes nothing on for any sample");
  }
  return facts;
}

function showTip(network) {
  const part = drawing.chosen;
  const tip = at("tip");
  tip.hidden = !part;
  if (!part) return;
  const facts = factsOf(part, network);
  tip.replaceChildren();
  for (const fact of facts) makeElement("div", {}, tip, fact);
  const [box, outer] = [at("scroll"), at("network")];
  const left = box.offsetLeft + part.x - box.scrollLeft + 30;
  tip.style.left = `${Math.max(0, Math.min(left, outer.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${box.offsetTop + part.y + 26}px`;
}

function pick(part, network) {
  if (part === drawing.chosen) return;
  drawing.chosen?.element.classList.remove("chosen");
  drawing.chosen = part;
  part?.element.classList.add("chosen");
  showTip(network);
}

// Keys go through the parts: up and down one by one, left and right to the columns before and after.
function partBy(key, part) {
  const { parts } = drawing;
  const here = parts.indexOf(part);
  const column = (each) => Math.floor((each.order + 5e3) / 1e4 * 2);
  const way = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[key];
  if (key === "Home") return parts[0];
  if (key === "End") return parts.at(-1);
  if (!way) return null;
  if (key === "ArrowUp" || key === "ArrowDown") return parts[here + way] ?? part;
  const ahead = way > 0 ? parts.slice(here) : parts.slice(0, here).reverse();
  return ahead.find((each) => column(each) !== column(part)) ?? part;
}

function listenToDrawing(networkNow, redraw) {
  const root = at("drawing");
  const partAt = (event) => event.target.closest?.(".unit, .edge")?.drawnPart ?? null;
  const tell = (part) => {
    pick(part, networkNow());
    if (part) part.element.setAttribute("aria-label", factsOf(part, networkNow()).join("; "));
    redraw();
  };
  root.addEventListener("pointerover", (event) => tell(partAt(event)));
  root.addEventListener("pointerleave", () => tell(document.activeElement?.drawnPart ?? null));
  root.addEventListener("focusin", (event) => {
    const part = partAt(event);
    if (!part) return;
    for (const each of drawing.parts) each.element.tabIndex = each === part ? 0 : -1;
    tell(part);
  });
  root.addEventListener("focusout", () => tell(null));
  root.addEventListener("keydown", (event) => {
    const part = partAt(event);
    if (!part) return;
    if (event.key === "Escape") return tell(null);
    const next = partBy(event.key, part);
    if (!next) return;
    event.preventDefault();
    next.element.focus();
  });
}

// For screen readers, where nothing moves: every part says its numbers.
function describeParts(network) {
  for (const part of drawing.parts) part.element.setAttribute("aria-label", factsOf(part, network).join("; "));
  const columns = drawing.columns.map((each) => `${each.symbol} (${each.size})`);
  at("drawing").setAttribute("aria-label", `Columns of units: ${columns.join(", ")}. Arrow keys go through units and weights.`);
}
