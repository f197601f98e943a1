// What stands in the drawing at a stage: only what has been computed by then.

// From which stage on the numbers of a column or a link are known.
function reachedAt(way, layer) {
  const found = page.stages.findIndex((stage) => stage.way === way && stage.layer === layer);
  return found < 0 ? Infinity : found;
}
const lossAt = () => page.columns.length - 2;
const updateAt = () => page.stages.findIndex((stage) => stage.way === "update");
const afterAt = () => page.stages.length - 1;
const valueAt = (i) => (i === 0 || i > lossAt() ? 0 : reachedAt("forward", i - 1));
const gradientAt = (i) => (i < lossAt() ? reachedAt("backward", i) : Infinity);
const slopeAt = (layer) => reachedAt("backward", layer);

// Whether a number that a stage gives may be seen: this stage's not while it is to be guessed.
function seen(stage, id) {
  const hidden = guessing && stage > 0 && !revealed.has(id) && !revealed.has("all");
  return stage < current || (stage === current && !hidden);
}

// A number as it may be seen: "?" where it is to be guessed, nothing before its stage.
function told(text, stage, id) {
  if (text === null || text === undefined) return "";
  if (seen(stage, id)) return text;
  return stage === current ? "?" : "";
}

function showDrawing({ way, layer } = page.stages[current]) {
  heads.forEach(({ group, gradientName }, i) => {
    const { symbol, units } = page.columns[i];
    const known = current >= gradientAt(i) && way !== "after" && units.some((unit) => unit.gradient);
    group.setAttribute("class", `column ${roleOfColumn(i, way, layer)}`);
    gradientName.textContent = known ? `∂loss/∂${symbol}` : "";
  });
  for (const wire of wires) {
    wire.role = roleOfWire(wire, way, layer);
    wire.largest = {};
    wire.group.setAttribute("class", `link ${wire.role} ${wire.few ? "few" : ""}`);
  }
  for (const part of parts.values()) SHOW[part.kind](part, factsOf(part));
}

function roleOfColumn(i, way, layer) {
  if (layer === null) {
    if (way === "after") return i > 0 && i <= lossAt() ? "forward" : "";
    return way === "setup" && (i === 0 || i > lossAt()) ? way : "";
  }
  const result = way === "forward" ? layer + 1 : layer;
  if (i === result && (way === "forward" || current >= gradientAt(i))) return way;
  const targets = i > lossAt() && layer === lossAt() - 1;
  return i === layer || i === layer + 1 || targets ? "from" : "";
}

function roleOfWire({ from, to, link }, way, layer) {
  const intoLoss = way === "forward" || from === layer; // no gradient goes to y
  const lit = layer !== null && to === layer + 1 && intoLoss;
  const whole = ["setup", "update"].includes(way) && link().edges.some((edge) => edge.weight);
  return lit || whole ? way : "";
}

const SHOW = {
  unit(part, unit) {
    part.group.classList.toggle("unknown", current < valueAt(part.column));
    part.group.classList.toggle("editable", page.alive && Boolean(unit.editable));
    if (part.pixel) return void (part.pixel.style.fillOpacity = unit.pixel);
    const [first, second] = linesOfUnit(unit, part.column);
    part.first.textContent = first;
    part.second.textContent = second;
    const alone = !second && first === told(unit.gradient, gradientAt(part.column), unit.id);
    const { way } = page.stages[current];
    part.first.classList.toggle("gradient", alone && ["backward", "update"].includes(way));
    part.second.classList.toggle("gradient", way !== "after");
    part.first.setAttribute("y", part.y + (second ? -3 : 4.5));
    part.second.setAttribute("y", part.y + 13);
  },

  edge({ wire, group, line, label, pixel }, edge) {
    const { weight } = edge;
    const share = weight ? strength(weight, wire) : 0.4;
    if (label) label.textContent = numberOf(weight, wire.role);
    if (pixel) {
      pixel.style.fillOpacity = share;
      pixel.classList.toggle("negative", weight[shownOf(weight, wire)].startsWith("-"));
      pixel.classList.toggle("moved", wire.role === "update");
    } else {
      line.style.strokeWidth = wire.role ? 1 + share * (wire.few ? 3 : 1) : "";
      line.style.opacity = wire.few ? "" : wire.role ? 0.2 + 0.8 * share : 0.4;
    }
    const still = edge.slope !== null && Number(edge.slope) === 0;
    group.classList.toggle("still", still && seen(slopeAt(wire.from), edge.id));
    group.classList.toggle("editable", page.alive && Boolean(weight));
    direct(group, weight?.move, edge.id);
  },

  bias({ wire, group, label }, bias) {
    if (label) label.textContent = numberOf(bias, wire.role);
    group.classList.toggle("editable", page.alive);
    direct(group, bias.move, bias.id);
  },

  band() {},
};

// A unit's numbers: its value over its gradient or, where there is room for one, the one of this stage.
function linesOfUnit(unit, i) {
  const value = told(unit.value, valueAt(i), unit.id);
  const gradient = told(unit.gradient, gradientAt(i), unit.id);
  const { way } = page.stages[current];
  const two = layout.box > 30;
  if (way === "after") {
    const after = i > 0 && i <= lossAt() ? told(unit.after, current, unit.id) : "";
    if (!two || !after) return [after || value, ""]; // a new value stands under the old one
    return [value, `→ ${after}`];
  }
  if (two) return [value, gradient];
  return [["backward", "update"].includes(way) && gradient ? gradient : value, ""];
}

// A parameter's number: its gradient while that is computed, its new value once it is updated.
function numberOf(parameter, role) {
  if (!parameter) return "";
  if (role === "backward") return told(parameter.gradient, current, parameter.id);
  return current >= updateAt() ? told(parameter.after, updateAt(), parameter.id) : parameter.value;
}

// By which of its numbers an edge is drawn, and how wide, from 0 to 1, beside the largest of its layer.
function shownOf(weight, { role }) {
  return role === "backward" && weight.gradient && seen(current, weight.id) ? "gradient" : "value";
}

function strength(weight, wire) {
  if (wire.role === "update") return seen(updateAt(), weight.id) ? Math.abs(weight.move) : 0;
  const name = shownOf(weight, wire);
  const size = (one) => Math.abs(Number(one.weight[name])) || 0;
  wire.largest[name] ??= Math.max(...wire.link().edges.map(size)) || 1;
  return size({ weight }) / wire.largest[name];
}

function direct(group, move, id) {
  const known = seen(updateAt(), id);
  group.classList.toggle("grows", known && move > 0);
  group.classList.toggle("shrinks", known && move < 0);
}

function scrollDrawing() {
  const { way, layer } = page.stages[current];
  const lit = layer ?? (way === "after" ? lossAt() - 1 : 0);
  const box = at("drawing");
  const middle = ((layout.columns[lit].x + layout.columns[lit + 1].x) / 2) * svg.getScreenCTM().a;
  box.scrollTo({ left: middle - box.clientWidth / 2 });
}
