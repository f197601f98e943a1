// The network as it is drawn: a column of units for the input and for each Dense layer with what follows it,
// and an edge for each weight, the wider the larger, blue above zero and orange below. A unit shows what it
// gives over the plane of the inputs. Pointing at a part, or going there by keys, gives its numbers.

const MOST_UNITS = 8; // of a column that are drawn
const HEAD = 6.1; // the room above the units, in sizes of small text
const WIDEST = 0.55; // of an edge, in the same
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

// Draws a network anew; `headOf(column, i, parent)` adds what stands above a column besides its names.
function layOut(network, sizes, headOf) {
  const root = at("drawing"), columns = columnsOf(network, sizes), room = at("scroll").clientWidth - 6;
  const { width, height, side } = placeColumns(columns, room);
  const all = { columns, sizes, room, units: [], edges: [], parts: [], chosen: null };
  Object.assign(drawing, all);
  root.replaceChildren();
  root.style.cssText = `width: ${width}px; height: ${height}px; --side: ${side}px`;
  const svg = makeElement("svg", { width, height, role: "group", "aria-label": "Weights" }, root);
  columns.forEach((column, i) => {
    drawHead(column, i, root, headOf);
    for (let row = 0; row < column.shown; row++) drawUnit(column, i, row, root);
    if (column.size > column.shown) {
      const place = `left: ${column.x}px; top: ${column.y(column.shown) - 0.35 * side}px`;
      makeElement("div", { class: "more", style: place }, root, `… ${column.size - column.shown} more`);
    }
    if (column.weight) drawEdges(columns[i - 1], column, i, side / 2, svg);
  });
  drawing.parts.sort((a, b) => a.order - b.order);
  drawing.parts[0].element.tabIndex = 0;
  at("tip").hidden = true;
}

// As far apart as there is room for, in the page's width and in a part of the screen's height.
function placeColumns(columns, room) {
  const { em } = theme, gaps = Math.max(1, columns.length - 1);
  const ends = Math.min(8.5 * em, room / columns.length);
  const most = mostOf(columns.map((each) => each.shown), 1);
  const pitch = Math.min(5 * em, Math.max(2.8 * em, (0.38 * window.innerHeight) / most));
  const gap = Math.max(6 * em, Math.min(18 * em, (room - ends) / gaps));
  const width = Math.max(room, gap * (columns.length - 1) + ends);
  columns.forEach((column, i) => {
    column.x = width / 2 + gap * (i - (columns.length - 1) / 2);
    column.y = (row) => HEAD * em + pitch * (most / 2 + row - (column.shown - 1) / 2);
    column.room = Math.min(gap - 8, 2 * column.x, 2 * (width - column.x));
  });
  const more = columns.some((each) => each.size > each.shown);
  const height = HEAD * em + most * pitch + (more ? 1.6 : 0.3) * em;
  return { width, height, side: Math.round(0.78 * pitch) };
}

function drawHead(column, i, root, headOf) {
  const [first, ...others] = column.layers.map((layer) => layer.class); // the first is drawn as edges
  const style = `left: ${column.x}px; width: ${column.room}px`;
  column.head = makeElement("div", { class: "column", style }, root);
  makeElement("div", { class: "symbol" }, column.head, column.symbol);
  makeElement("div", { class: "layers" }, column.head, others.join(", ") || (first ?? "input"));
  headOf(column, i, column.head);
  column.badge = makeElement("div", { class: "badge" }, column.head);
}

function addPart(part) {
  drawing.parts.push(part);
  part.element.drawnPart = part; // `part` means something else to browsers
  part.element.setAttribute("role", "img");
  part.element.setAttribute("tabindex", "-1");
}

function drawUnit(column, i, row, root) {
  const [x, y] = [column.x, column.y(row)];
  const element = makeElement("div", { class: "unit", style: `left: ${x}px; top: ${y}px` }, root);
  const canvas = makeElement("canvas", { width: GRID, height: GRID, "aria-hidden": "true" }, element);
  const unit = { element, canvas, column, row, order: i * 1e4 + row, x, y };
  drawing.units.push(unit);
  addPart(unit);
}

function drawEdges(from, to, column, half, svg) {
  for (let i = 0; i < from.shown; i++) {
    for (let j = 0; j < to.shown; j++) {
      const [x1, y1, x2, y2] = [from.x + half, from.y(i), to.x - half, to.y(j)];
      const bend = (x2 - x1) * 0.45;
      const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
      const element = makeElement("g", { class: "edge" }, svg);
      const wire = makeElement("path", { class: "wire", d }, element);
      makeElement("path", { class: "touch", d }, element);
      const edge = {
        element, wire, from, to, i, j, place: to.weight.offset + i * to.weight.shape[1] + j,
        order: 1e4 * column - 5e3 + i * to.shown + j, x: (x1 + x2) / 2, y: (y1 + y2) / 2,
      };
      drawing.edges.push(edge);
      addPart(edge);
    }
  }
}

// What moves.

function showWeights({ parameters }) {
  const largest = drawing.edges.reduce((most, { place }) => Math.max(most, Math.abs(parameters[place])), 1);
  for (const edge of drawing.edges) {
    const value = parameters[edge.place];
    const width = Math.max(0.6, Math.round((5 * WIDEST * theme.em * Math.abs(value)) / largest) / 5);
    if (width !== edge.width) edge.wire.style.strokeWidth = edge.width = width;
    if (value < 0 !== edge.minus) edge.element.classList.toggle("minus", (edge.minus = value < 0));
  }
}

// `fields` are the flows over the grid, of `inputs` columns: a plane is painted, over one input a curve is
// drawn. While it trains every picture shows half of the units, in turn, which nobody sees.
function showUnits(fields, inputs, half = null) {
  for (const column of drawing.columns) column.scale = scaleOf(column, fields[column.flow]);
  for (const { canvas, column, row } of drawing.units) {
    if (half !== null && row % 2 !== half) continue;
    if (inputs === 2) paint(canvas, fields[column.flow], row, column.scale);
    else drawSmallCurve(canvas, fields[column.flow], row, column.scale);
  }
}

// Of 0 to 1, a sigmoid's numbers are told from their middle; others from zero, by the largest of the layer.
function scaleOf({ layers }, { data }) {
  if (layers.at(-1)?.class === "Sigmoid") return (value) => 2 * value - 1;
  let largest = 1e-9;
  for (const value of data) largest = Math.max(largest, Math.abs(value));
  return (value) => value / largest;
}

function drawSmallCurve(canvas, { rows, columns, data }, index, scale) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, GRID, GRID);
  Object.assign(pen, { strokeStyle: theme.plus, lineWidth: 2 });
  drawLine(pen, Array.from({ length: GRID }, (_, i) => {
    const row = Math.floor((i * rows) / GRID);
    return [i, GRID * (0.5 - 0.44 * scale(data[row * columns + index]))];
  }));
}

// Its numbers, asked for.

function factsOf(part, network) {
  const of = (parameter, place, index) => [
    `${parameter.symbol}[${index}] = ${rounded(network.parameters[place], 4)}`,
    `∂loss/∂${parameter.symbol}[${index}] = ${rounded(network.gradients[place], 4)}`,
  ];
  if (part.from) {
    const { from, to, i, j, place } = part;
    return [`${from.symbol}[${i}] → ${to.symbol}[${j}]`, ...of(to.weight, place, `${i}, ${j}`)];
  }
  const { column: { symbol, bias, layers }, row } = part;
  const names = layers.length ? layers.map((layer) => layer.name) : ["input"];
  if (part.dead) names.push("dead: off for all samples");
  return [[`${symbol}[${row}]`, ...names].join(", "), ...(bias ? of(bias, bias.offset + row, row) : [])];
}

function describePart(part, network) {
  part.element.setAttribute("aria-label", factsOf(part, network).join("; "));
}

// For screen readers, where nothing moves: every part says its numbers.
function describeParts(network) {
  for (const part of drawing.parts) describePart(part, network);
  const columns = drawing.columns.map((each) => `${each.symbol} (${each.size})`).join(", ");
  const label = `Columns of units: ${columns}. Arrow keys go through units and weights.`;
  at("drawing").setAttribute("aria-label", label);
}

function showTip(network) {
  const tip = at("tip"), part = drawing.chosen;
  tip.hidden = !part;
  if (!part) return;
  tip.replaceChildren();
  for (const fact of factsOf(part, network)) makeElement("div", {}, tip, fact);
  const box = at("scroll"), left = box.offsetLeft + part.x - box.scrollLeft + 2 * theme.em;
  tip.style.left = `${Math.max(0, Math.min(left, at("network").clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${box.offsetTop + part.y + 2 * theme.em}px`;
}

// Point at a part, or at none.
function pick(part, network) {
  if (part === drawing.chosen) return;
  drawing.chosen?.element.classList.remove("chosen");
  drawing.chosen = part;
  part?.element.classList.add("chosen");
  if (part) describePart(part, network);
  showTip(network);
}

// Keys go through the parts: up and down one by one, left and right to the columns before and after.
function partBy(key, part) {
  const { parts } = drawing, here = parts.indexOf(part);
  const group = ({ order }) => Math.floor((order + 5e3) / 5e3);
  const beyond = (some) => some.find((each) => group(each) !== group(part)) ?? part;
  switch (key) {
    case "Home": return parts[0];
    case "End": return parts.at(-1);
    case "ArrowUp": return parts[here - 1] ?? part;
    case "ArrowDown": return parts[here + 1] ?? part;
    case "ArrowLeft": return beyond(parts.slice(0, here).reverse());
    case "ArrowRight": return beyond(parts.slice(here));
    default: return null;
  }
}

function listenToDrawing(networkNow, redraw) {
  const root = at("drawing");
  const partAt = ({ target }) => target.closest?.(".unit, .edge")?.drawnPart ?? null;
  const tell = (part) => {
    pick(part, networkNow());
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
    const part = partAt(event), next = part && partBy(event.key, part);
    if (part && event.key === "Escape") tell(null);
    if (!next) return;
    event.preventDefault();
    next.element.focus();
  });
}
