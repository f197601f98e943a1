// The drawing, made once for a size of the window: units, edges and badges, each a part with the id
// by which formulas refer to it. What stands in them at a stage, showing.js says.

let layout; // where all stands
let heads = []; // of the columns: their groups, and the names of their gradients
let wires = []; // what lies between columns: the layers, and the two ways into the loss
const parts = new Map(); // by id, in the order in which the keys go through them

// What the page data says of a part now.
function factsOf({ kind, column, wire, row }) {
  if (kind === "unit") return page.columns[column].units[row];
  if (kind === "bias") return wire.link().biases[row];
  return kind === "edge" ? wire.link().edges[row] : wire.link();
}

function draw() {
  const box = at("drawing");
  const given = getComputedStyle(box).flexGrow === "1"; // else the drawing takes the height that it needs
  const height = given ? box.clientHeight : 0.42 * innerHeight;
  layout = placed(page, box.clientWidth - 4, height - 4, isLarger() ? 1.25 : 1);
  svg.setAttribute("viewBox", `0 0 ${layout.width} ${layout.height}`);
  svg.style.width = `${Math.ceil(layout.width * layout.scale)}px`;
  const names = page.columns.map((column) => `${column.symbol} (${column.size})`);
  svg.setAttribute("aria-label", `Columns of units: ${names.join(", ")}`);
  drawParts();
}

function drawParts() {
  svg.replaceChildren(arrowHeads());
  const back = make("g", {}, svg); // edges lie under units
  const front = make("g", {}, svg);
  heads = page.columns.map((_, i) => drawHead(i, front));
  wires = allWires();
  const units = page.columns.map((column, i) => drawColumn(column, i, heads[i].group));
  const others = wires.map((wire) => drawWire(wire, back, front));
  parts.clear();
  [...units, ...others].flat().sort((a, b) => a.column - b.column).forEach(addPart);
}

// Each layer leads from a column to the next; the outputs and the targets lead to the loss.
function allWires() {
  const last = page.columns.length - 1;
  const layers = page.links.map((_, i) => ({ from: i, to: i + 1, link: () => page.links[i] }));
  const edgesFrom = (i) => page.columns[i].units.map(({ id }, row) => (
    { id: `loss.${id}`, from: row, to: 0, weight: null, slope: null }));
  const toLoss = [last - 2, last].map((from) => {
    const link = { id: `loss.${from}`, name: "", wiring: "dense", edges: edgesFrom(from), biases: [] };
    return { from, to: last - 1, link: () => link };
  });
  return [...layers, ...toLoss];
}

function arrowHeads() {
  const defs = make("defs", {}, svg);
  const size = { markerUnits: "userSpaceOnUse", markerWidth: 10, markerHeight: 10 };
  const shapes = [["arrow-ahead", 9, "M0 0 10 5 0 10Z"], ["arrow-back", 1, "M10 0 0 5 10 10Z"]];
  for (const [id, refX, d] of shapes) {
    const marker = make("marker", { id, refX, refY: 5, viewBox: "0 0 10 10", orient: "auto", ...size }, defs);
    make("path", { d }, marker);
  }
  return defs;
}

// ---- Columns

function drawHead(i, parent) {
  const { kind, symbol: own } = page.columns[i];
  const symbol = kind === "loss" && page.samples > 1 ? OWN_LOSS : own;
  const { x } = layout.columns[i];
  const group = make("g", {}, parent);
  const under = layout.under && i === page.columns.length - 1;
  const y = under ? rowY(layout, i, 0) - layout.box / 2 - 5 : 17;
  make("text", { class: "symbol", x, y }, group, symbol);
  return { group, gradientName: make("text", { class: "gradient name", x, y: 34 }, group) };
}

function drawColumn(column, i, group) {
  const place = layout.columns[i];
  const drawn = column.units.map((unit, row) => drawUnit(unit, row, i, group));
  if (column.size > drawn.length) {
    const y = rowY(layout, i, drawn.length) + 4;
    make("text", { x: place.x, y }, group, `… ${column.size - drawn.length} more`);
  }
  return drawn;
}

function drawUnit(unit, row, i, parent) {
  const group = make("g", { class: "unit" }, parent);
  const place = layout.columns[i];
  const part = { id: unit.id, kind: "unit", group, column: i, row };
  if (place.image) return drawPixel(part, place);
  const y = rowY(layout, i, row);
  const { left, width } = place;
  make("rect", { x: left, y: y - layout.box / 2, width, height: layout.box, rx: 10 }, group);
  part.first = make("text", { class: "number", x: place.x }, group);
  part.second = make("text", { class: "number", x: place.x }, group);
  return { ...part, x: place.x, y };
}

function drawPixel(part, place) {
  const width = place.width / place.image;
  const x = place.left + (part.row % place.image) * width;
  const y = layout.middle - place.width / 2 + Math.floor(part.row / place.image) * width;
  part.pixel = make("rect", { class: "pixel", x, y, width, height: width }, part.group);
  return { ...part, x: x + width / 2, y: y + width / 2 };
}

// ---- Links

function drawWire(wire, back, front) {
  const link = wire.link();
  const group = (wire.group = make("g", {}, back));
  const [start, end] = [layout.columns[wire.from], layout.columns[wire.to]];
  if (link.wiring !== "each" && wire.to < page.columns.length - 2) nameLink(link, start, end, group);
  const badges = link.biases.map((bias, row) => drawBadge(bias, row, wire, front));
  if (start.image && link.wiring === "dense") return [...drawWeightImages(wire, group, front), ...badges];
  if (link.wiring === "all") return [drawBand(wire, start, end, group), ...badges];
  const drawn = link.edges.map((edge, row) => drawEdge(edge, row, wire, group));
  wire.few = drawn.length <= 24;
  if (layout.box > 30 && link.edges.some((edge) => edge.weight)) labelEdges(drawn, link.edges, group);
  return [...drawn, ...badges];
}

// Where an edge begins and ends; targets that stand under the loss lead up to it.
function endsOf(edge, { from, to }) {
  const [start, end] = [layout.columns[from], layout.columns[to]];
  const [y1, y2] = [rowY(layout, from, edge.from), rowY(layout, to, edge.to)];
  const reach = layout.box / 2;
  if (start.left === end.left) return { x1: start.x, x2: start.x, y1: y1 - reach - 20, y2: y2 + reach + 2 };
  if (start.left < end.left) return { x1: start.right + 2, x2: end.left - 2, y1, y2 };
  return { x1: start.left - 2, x2: end.right + 2, y1, y2 };
}

function nameLink(link, start, end, group) {
  const most = Math.floor((end.left - start.right) / 6.4);
  const name = link.name.length > most ? link.name.replace(/\(.*/s, "").slice(0, most) : link.name;
  make("text", { class: "name", x: (start.right + end.left) / 2, y: 17 }, group, name);
}

function drawEdge(edge, row, wire, parent) {
  const group = make("g", { class: "edge" }, parent);
  const ends = endsOf(edge, wire);
  const line = make("line", { class: "line", ...ends }, group);
  make("line", { class: "touch", ...ends }, group);
  const column = (wire.from + wire.to) / 2;
  const place = { column, x: (ends.x1 + ends.x2) / 2, y: (ends.y1 + ends.y2) / 2 };
  return { id: edge.id, kind: "edge", row, wire, group, line, ends, ...place };
}

function labelEdges(drawn, edges, parent) {
  const length = longestText(edges.map((edge) => edge.weight), NUMBERS);
  const share = labelPlace(drawn.map((part) => part.ends), length);
  if (share === null) return;
  const labels = make("g", { class: "labels" }, parent); // over all edges
  for (const part of drawn) {
    const x = part.ends.x1 + (part.ends.x2 - part.ends.x1) * share;
    part.label = make("text", { class: "number", x, y: labelY(part.ends, share) + 4.5 }, labels);
  }
}

function drawBand(wire, start, end, parent) {
  const heights = (i) => [0, layout.columns[i].rows - 1].map((row) => rowY(layout, i, row));
  const [[a, b], [c, d]] = [heights(wire.from), heights(wire.to)];
  const group = make("g", {}, parent);
  const [x1, x2] = [start.right + 6, end.left - 6];
  make("path", { class: "band", d: `M${x1} ${a} ${x2} ${c} ${x2} ${d} ${x1} ${b}Z` }, group);
  const place = { column: wire.from + 0.5, x: (x1 + x2) / 2, y: (a + b) / 2 };
  return { id: wire.link().id, kind: "band", wire, group, ...place };
}

// The first badge of a unit stands over it, a second one under it; where there is no room it is a dot.
function drawBadge(bias, row, wire, parent) {
  const group = make("g", { class: "badge" }, parent);
  const second = wire.link().biases.find((one) => one.unit === bias.unit) !== bias;
  const place = layout.columns[wire.to];
  const distance = layout.box / 2 + (layout.badges ? BADGE / 2 + 1 : 0);
  const y = rowY(layout, wire.to, bias.unit) + (second ? distance : -distance);
  const part = { id: bias.id, kind: "bias", row, wire, group, column: wire.to, x: place.x, y };
  if (layout.badges) {
    make("rect", { x: place.left, y: y - 8, width: place.width, height: 16, rx: 8 }, group);
    make("text", { class: "mark", x: place.left + 9, y: y + 4.5 }, group, bias.symbol[0]);
    part.label = make("text", { class: "number", x: place.x + 5, y: y + 4.5 }, group);
  } else {
    part.x = second ? place.right - 8 : place.left + 8;
    make("circle", { class: "touch", cx: part.x, cy: y, r: 9 }, group);
    make("circle", { cx: part.x, cy: y, r: 4 }, group);
  }
  return part;
}

// ---- The weights from an image: an image for each unit that they lead to

function drawWeightImages(wire, back, front) {
  const { right, image } = layout.columns[wire.from];
  const { left } = layout.columns[wire.to];
  const side = Math.min(layout.pitch - 3, 40);
  const corner = left - side - 5;
  const images = page.columns[wire.to].units.map(({ id }, row) => {
    const y = rowY(layout, wire.to, row);
    make("line", { class: "line", x1: right + 2, y1: layout.middle, x2: corner - 2, y2: y }, back);
    const image = make("g", { id: `into.${id}` }, front);
    make("rect", { class: "frame", x: corner, y: y - side / 2, width: side, height: side }, image);
    return image;
  });
  return wire.link().edges.map((edge, row) => {
    const width = side / image;
    const x = corner + (edge.from % image) * width;
    const y = rowY(layout, wire.to, edge.to) - side / 2 + Math.floor(edge.from / image) * width;
    const group = make("g", { class: "edge" }, images[edge.to]);
    const pixel = make("rect", { class: "weight", x, y, width, height: width }, group);
    const place = { column: wire.from + 0.5, x: x + width / 2, y: y + width / 2 };
    return { id: edge.id, kind: "edge", row, wire, group, pixel, ...place };
  });
}
