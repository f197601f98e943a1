// Points added by hand: by a click in the picture, by a cross that keys move there, or by numbers.

const BOXES = ["first", "second", "third"];
let pointClass = 0; // of points that are added, where there are classes
let cross = []; // where one would be added: its numbers by name

// A point's inputs, and its target where there are no classes; none where points cannot be added.
function pointNames() {
  const inputs = view.X[0].length;
  if (inputs > 2 || view.y[0].length > 1) return [];
  const names = inputs > 1 ? ["x₁", "x₂"] : ["x"];
  return view.kind === "classes" ? names : [...names, "y"];
}

// A number with as many digits as tell so many parts of an axis from each other.
function tidy(number, [low, high], parts) {
  return Number(number.toFixed(Math.max(0, Math.ceil(-Math.log10((high - low) / parts)))));
}

function beginPoints() {
  const names = pointNames(), middle = ([low, high]) => tidy((low + high) / 2, [low, high], 10);
  pointClass = 0;
  cross = names.map((_, i) => (view.bounds[i] ? middle(view.bounds[i]) : 0));
  at("points").hidden = !names.length;
  at("classes").hidden = view.kind !== "classes";
  BOXES.forEach((id, i) => {
    at(id).parentElement.hidden = i >= names.length;
    at(`${id}-name`).textContent = names[i] ?? "";
  });
  at("classes").replaceChildren();
  for (let label = 0; view.kind === "classes" && label <= view.range[1]; label++) addClass(label);
  showCross();
}

function addClass(label) {
  const outer = addRadio(at("classes"), "class", label, label === pointClass, () => { pointClass = label; });
  const shown = makeElement("span", {}, outer);
  const mark = makeElement("canvas", { class: "mark", width: 28, height: 28, "aria-hidden": "true" }, shown);
  const pen = mark.getContext("2d");
  pen.beginPath();
  addShape(pen, label, 14, 14, 10);
  pen.fillStyle = classColour(label);
  pen.fill();
  shown.append(`class ${label}`);
}

function addPoint() {
  const target = view.kind === "classes" ? [pointClass] : [];
  setAdded([...added, [...cross, ...target]]);
  showCross();
  const what = target.length ? `a point of class ${pointClass}` : "a point";
  say(`Added ${what} at ${cross.join(", ")}; ${added.length} added.`);
}

function takePointAway() {
  setAdded(added.slice(0, -1));
  showCross();
  say(`Took the last point away; ${added.length} added.`);
}

// The cross.

// Whether it is of use now.
function isPlacing() {
  return cross.length > 1 && ["plane", "first", "second", "add"].includes(document.activeElement?.id);
}

function showCross() {
  BOXES.forEach((id, i) => { at(id).value = cross[i] ?? ""; });
  at("take").disabled = !added.length;
  stale = true;
}

// To a place in the picture.
function moveCross(x, y) {
  const [[left, right], [low, high]] = view.bounds;
  const { clientWidth: width, clientHeight: height } = at("plane");
  const numbers = [left + ((right - left) * x) / width, high - ((high - low) * y) / height];
  cross = cross.map((old, i) => (i < 2 ? tidy(numbers[i], view.bounds[i], 1000) : old));
  showCross();
}

function stepCross(key) {
  const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };
  const [axis, way] = ways[key] ?? [];
  if (way === undefined || axis >= cross.length) return false;
  const [low, high] = view.bounds[axis], moved = cross[axis] + (way * (high - low)) / 40;
  cross[axis] = tidy(Math.min(high, Math.max(low, moved)), [low, high], 1000);
  showCross();
  say(pointNames().map((name, i) => `${name} ${cross[i]}`).join(", "));
  return true;
}

function listenToPoints() {
  const canvas = at("plane");
  BOXES.forEach((id, i) => listenToBox(at(id), at(`${id}-refused`), readNumber,
    () => String(cross[i]), (value) => { cross[i] = value; stale = true; }));
  at("add").addEventListener("click", addPoint);
  at("take").addEventListener("click", takePointAway);
  canvas.addEventListener("click", (event) => {
    if (!cross.length) return;
    moveCross(event.offsetX, event.offsetY);
    addPoint();
  });
  canvas.addEventListener("keydown", (event) => {
    if (!cross.length) return;
    if (event.key === "Enter" || event.key === " ") addPoint();
    else if (!stepCross(event.key)) return;
    event.preventDefault();
  });
  for (const what of ["focusin", "focusout"]) addEventListener(what, () => { stale = true; });
}
