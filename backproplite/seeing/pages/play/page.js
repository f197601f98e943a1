// The playground: what is chosen, the trainer and its runs, and what is drawn of them.

const given = JSON.parse(at("page-data").textContent);
const slow = matchMedia("(prefers-reduced-motion: reduce)");
const SLOWLY = 500; // milliseconds between two pictures where motion is not wanted
const MOST_TRACED = 64; // samples of a step page
const TOLD = 10_000; // and between two sentences to those who listen
const WRITTEN = 400; // and between two changes of texts

let set, choices, added, view, grid, lossCurve, trouble;
let speed = "1 epoch a frame";
let pointClass = 0;
let cross = []; // where a point would be added by keys
let stale = true; // whether there is something new to draw
const drawn = { at: 0, texts: 0, told: 0, half: 0 };

const worker = workerOf([at("engine").textContent, at("trainer").textContent].join("\n"));
const runner = new Runner(null, worker, (news) => {
  for (const row of news.ended) lossCurve.add(...row);
  if (news.trouble) fail(news.trouble);
  stale = true;
});
const net = () => runner.trainer.network;

// ---- Beginning

// Shows a data set with the choices that learn it, or with a network that was given along with it.
function chooseSet(next) {
  set = next;
  added = [];
  begin(structuredClone(set.choices), set.plan);
  pointClass = 0;
  cross = [];
  showPointControls();
}

// Starts again with these choices; the points stay.
function begin(next, plan = null) {
  choices = plan ? next : offeredOnly(next);
  restart(plan ?? planOf(choices, set, given));
  refreshControls();
}

// A network of one's own may have parts that cannot be chosen here: the usual ones stand in for them.
function offeredOnly(next) {
  const kept = (names, name) => (names.includes(name) ? name : names[0]);
  return {
    ...next, activation: kept(given.activations, next.activation), optimizer: kept(given.optimizers, next.optimizer),
    loss: kept(lossNames(), next.loss), layers: next.layers.map((units) => Math.min(units, MOST_WIDE)),
  };
}

const lossNames = () => given.kinds[set.kind].map(({ name }) => name);
const describedNow = () => (net().plan === set.plan ? set.described : describedAs(net().plan));

function restart(plan) {
  runner.stop();
  trouble = "";
  const network = new LiveNetwork(plan);
  runner.trainer = new Trainer(network, preparedNow(network), choices.batchSize, added);
  lossCurve = new LossCurve();
  look();
  const sizes = network.forward(fromRows([view.X[0]])).map((flow) => flow.columns);
  layOut(network, sizes, headOf);
  at("plane").hidden = !grid;
  settle();
  say(`Ready: ${describeNetwork()}`);
}

function preparedNow(network) {
  const outputs = network.forward(fromRows([set.X[0]])).at(-1).columns;
  return preparedPoints(pointsOf(set, added), network.plan.loss.labels, outputs);
}

// What the pictures show of the data; the window stays as it is when points are added.
function look() {
  const bounds = view && view.set === set ? view.bounds : null;
  view = viewOf(set, pointsOf(set, added), bounds);
  grid = view.X[0].length <= 2 ? fromRows(gridOf(view)) : null;
}

function viewOf(of, points, bounds = null) {
  const { X } = points;
  const y = points.y.map((each) => (Array.isArray(each) ? each : [each]));
  const kind = of.kind === "numbers" ? "values" : "classes";
  const all = column(y, 0);
  const second = X[0].length > 1 ? column(X, 1) : kind === "values" ? y.flat() : all;
  const range = [Math.min(...all), Math.max(...all)];
  return { set: of, X, y, kind, range, bounds: bounds ?? boundsOf([column(X, 0), second]) };
}

function describeNetwork() {
  const { layers, loss, optimizer } = net().plan;
  return `${[...layers, loss, optimizer].map(({ name }) => name).join(", ")}.`;
}

// ---- Training

function fail(text) {
  trouble = text;
  settle();
  say(`Training stopped: ${text}`);
}

function start() {
  trouble = "";
  runner.start(SPEEDS[speed]);
  drawn.told = performance.now();
  showState();
  say("Training.");
}

function pause() {
  runner.stop();
  settle();
  say(`Stopped. ${describeTraining()}`);
}

// What the colours of the output mean, and how many samples are classified right.
function showKey() {
  const { kind, X, range } = view;
  const { x, y, validation } = runner.trainer.points;
  const meaning = X[0].length > 2 ? "Of more than two columns there is no picture."
    : X[0].length === 1 ? "Line: what the network gives."
    : kind === "values" ? `Orange: ${rounded(range[0], 3)}, blue: ${rounded(range[1], 3)}.`
    : y.columns < 3 ? "Line: where both classes are equally likely." : "Colour: the likeliest class.";
  const held = validation ? `, and ${countOf(validation.x, validation.y)} held out` : "";
  at("key").textContent = `${meaning} ${kind === "classes" ? "Right: " : ""}${countOf(x, y)} samples${held}.`;
}

function countOf(x, y) {
  const all = x.rows.toLocaleString("en");
  if (view.kind === "values") return all;
  const [predicted, targets] = [net().predict(x), y].map(toRows);
  const right = predicted.filter((row, i) => classOf(row) === classOf(targets[i])).length;
  return `${right.toLocaleString("en")} of ${all}`;
}

// Something that the trainer does here, between two steps; a run is stopped.
function once(act) {
  runner.stop();
  trouble = "";
  try {
    act(runner.trainer);
  } catch (error) {
    if (!(error instanceof Divergence)) throw error;
    return fail(runner.trainer.trouble(error));
  }
  settle();
}

function steps(count) {
  once((trainer) => {
    for (let i = 0; i < count; i++) {
      const ended = trainer.step();
      if (ended) lossCurve.add(...ended);
    }
  });
}

function reset() {
  restart(net().plan);
  refreshControls();
}

// ---- What is drawn

function turn(now) {
  const pause = slow.matches && runner.running ? SLOWLY : 0;
  if (stale && now - drawn.at >= pause) draw(now);
  requestAnimationFrame(turn);
}

function draw(now, all = false) {
  stale = false;
  drawn.at = now;
  drawPictures();
  showReadout();
  if (all || now - drawn.texts >= WRITTEN) writeTexts(now);
  if (runner.running && now - drawn.told >= TOLD) {
    drawn.told = now;
    say(describeTraining());
  }
}

// What a unit gives, where one is pointed at, else the outputs in the space of the targets.
function drawPictures() {
  const network = net();
  showWeights(network);
  drawCurve(at("curve"), lossCurve, at("log").checked);
  if (!grid) return;
  const fields = network.forward(grid);
  showUnits(fields, grid.columns, runner.running ? (drawn.half = 1 - drawn.half) : null);
  const part = drawing.chosen;
  const unit = part && !part.from ? { index: part.row, scale: part.column.scale } : null;
  const field = unit ? fields[part.column.flow] : network.loss.predictions(fields.at(-1));
  drawPlane(at("plane"), view, field, unit, isPlacing() ? cross : null);
  at("output-head").textContent = unit ? `Output of ${part.column.symbol}[${part.row}]` : "Output";
}

function showReadout() {
  const network = net();
  const newest = lossCurve.newest;
  at("epochs").textContent = network.epochs.toLocaleString("en");
  at("steps").textContent = network.steps.toLocaleString("en");
  at("loss").textContent = rounded(newest ? newest[1] : currentLoss(), 4);
  const { validation } = runner.trainer.points;
  at("validation-loss").hidden = at("validation-key").hidden = !validation;
  if (!validation) return;
  at("validation-loss").lastElementChild.textContent = rounded(newest?.[2] ?? network.lossOf(validation.x, validation.y), 4);
}

const currentLoss = () => net().trainingLoss(runner.trainer.points.x, runner.trainer.points.y);

// What takes longer, and nobody could read sixty times a second.
function writeTexts(now) {
  drawn.texts = now;
  showHealth(healthOf(net(), runner.trainer.points, given.limits, lossCurve.rows[0]?.[1], lossCurve.newest?.[1]));
  showTip(net());
  showKey();
  at("code").textContent = pythonOf(set, describedNow(), runner.trainer);
  if (!runner.running) describeAll();
}

function showHealth({ layers, findings }) {
  const sizes = at("sizes");
  while (sizes.children.length < layers.length) addSize(sizes);
  while (sizes.children.length > layers.length) sizes.lastElementChild.remove();
  layers.forEach(({ name, gradient }, i) => {
    const [label, bar, number] = sizes.children[i].children;
    label.textContent = label.title = name;
    bar.style.setProperty("--share", gradient ? Math.min(1, Math.max(0.01, 1 + Math.log10(gradient) / 8)) : 0);
    number.textContent = gradient === null ? "none" : rounded(gradient, 2);
    sizes.children[i].classList.toggle("sick", findings.some((each) => each.layer === i));
  });
  for (const each of drawing.columns) showBadge(each, layers, findings);
  showFindings(findings);
}

function addSize(parent) {
  const row = makeElement("li", {}, parent);
  for (const name of ["name", "bar", "number"]) makeElement("span", { class: name }, row);
}

// At a column of the drawing, in a word: what was found in its layers, and how many of its units are dead.
function showBadge({ badge, layers }, healths, findings) {
  const found = findings.filter(({ layer, name }) => name !== "dead units" && layers.some(({ index }) => index === layer));
  const dead = layers.map(({ index }) => healths[index].dead).filter((each) => each?.share > 0);
  const words = found.map(({ name }) => name.split(" ")[0]);
  const counts = dead.map(({ share, units }) => `${Math.round(share * units)} of ${units} dead`);
  const text = [...words, ...counts].join(", ");
  if (badge.textContent !== text) badge.textContent = text;
}

function showFindings(findings) {
  const list = at("findings");
  const texts = findings.map(({ name, text }) => `${name}: ${text}`);
  if (!texts.length) texts.push("Nothing is wrong.");
  if (list.said === texts.join("\n")) return;
  list.said = texts.join("\n");
  list.replaceChildren();
  for (const text of texts) makeElement("li", {}, list, text);
}

// All at rest: everything is shown and described as it is now.
function settle() {
  draw(performance.now(), true);
  showState();
}

function showState() {
  at("run").textContent = runner.running ? "Pause" : "Start";
  at("trouble").textContent = trouble && `Training stopped: ${trouble}`;
}

// ---- For those who listen

const say = (text) => { at("said").textContent = text; };

function describeTraining() {
  const [epoch, loss, validation] = lossCurve.newest ?? [0, currentLoss(), null];
  const second = validation === null ? "" : `, validation loss ${rounded(validation, 3)}`;
  return `Epoch ${epoch.toLocaleString("en")}, loss ${rounded(loss, 3)}${second}.`;
}

function describeAll() {
  describeParts(net());
  at("plane").setAttribute("aria-label", describePlane());
  at("curve").setAttribute("aria-label", `The loss by epoch. ${describeTraining()}`);
}

function describePlane() {
  const { X, kind } = view;
  const what = `${X.length} samples of ${X[0].length} ${X[0].length > 1 ? "columns" : "column"}`;
  if (kind === "values") return `The fitted curve over ${what}. ${describeTraining()}`;
  const { x, y } = runner.trainer.points;
  return `The decision boundary over ${what}: ${countOf(x, y)} are on the right side. ${describeTraining()}`;
}

// ---- Points added by hand

function setAdded(points) {
  runner.change((trainer) => {
    added = points;
    look();
    trainer.setPoints(preparedNow(trainer.network), added);
  });
  showCross();
  settle();
}

// Which numbers a point has: its inputs, and its target where there are no classes.
function pointNames() {
  const inputs = view.X[0].length;
  if (inputs > 2 || view.y[0].length > 1) return [];
  const names = inputs > 1 ? ["x₁", "x₂"] : ["x"];
  return view.kind === "classes" ? names : [...names, "y"];
}

function addPoint() {
  const target = view.kind === "classes" ? [pointClass] : [];
  setAdded([...added, [...cross, ...target]]);
  const numbers = cross.map((number) => rounded(number, 3)).join(", ");
  say(`Added a point${target.length ? ` of class ${pointClass}` : ""} at ${numbers}; ${added.length} added.`);
}

function showPointControls() {
  const names = pointNames();
  at("points").hidden = !names.length;
  cross = names.map((_, i) => (view.bounds[i] ? Number(((view.bounds[i][0] + view.bounds[i][1]) / 2).toFixed(1)) : 0));
  BOXES.forEach((id, i) => {
    at(id).parentElement.hidden = i >= names.length;
    at(`${id}-name`).textContent = names[i] ?? "";
  });
  at("classes").hidden = view.kind !== "classes";
  addClasses(view.range[1] + 1, pointClass, (label) => { pointClass = label; });
  showCross();
}

// Whether the cross is of use.
const isPlacing = () => cross.length > 1 && ["plane", "first", "second", "add"].includes(document.activeElement?.id);

const BOXES = ["first", "second", "third"];

function showCross() {
  BOXES.forEach((id, i) => { at(id).value = i < cross.length ? rounded(cross[i], 4) : ""; });
  at("take").disabled = !added.length;
  stale = true;
}

// Where it was clicked in the picture, as inputs (and the target, over one input).
function moveCross(x, y) {
  const [[left, right], [low, high]] = view.bounds;
  const { clientWidth: width, clientHeight: height } = at("plane");
  const place = [left + ((right - left) * x) / width, high - ((high - low) * y) / height];
  place.forEach((number, i) => { if (i < cross.length) cross[i] = Number(number.toPrecision(4)); });
  showCross();
}

function stepCross(key) {
  const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };
  const [axis, way] = ways[key] ?? [];
  if (way === undefined || axis >= cross.length) return false;
  const [low, high] = view.bounds[axis];
  const moved = cross[axis] + (way * (high - low)) / 40;
  cross[axis] = Number(Math.min(high, Math.max(low, moved)).toPrecision(4));
  showCross();
  say(`${pointNames().slice(0, cross.length).map((name, i) => `${name} ${cross[i]}`).join(", ")}`);
  return true;
}

function listenToPoints() {
  const canvas = at("plane");
  BOXES.forEach((id, i) => listenToBox(at(id), at(`${id}-refused`), readNumber,
    () => rounded(cross[i], 4), (value) => { cross[i] = value; stale = true; }));
  at("add").addEventListener("click", addPoint);
  at("take").addEventListener("click", () => {
    setAdded(added.slice(0, -1));
    say(`Took the last point away; ${added.length} added.`);
  });
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

// ---- Choosing

const rechoose = (change) => begin({ ...choices, ...change });
const refreshers = [];

function refreshControls() {
  for (const refresh of refreshers) refresh();
}

// Live: the rate and the size of batches change under way; all else starts the network again.
function addSettings() {
  const form = at("settings");
  form.addEventListener("submit", (event) => event.preventDefault());
  const shownOf = (names, name) => (names.includes(name) ? names : [name, ...names]);
  const list = (id, label, names, name) => refreshers.push(
    addList(form, id, label, () => shownOf(names(), choices[name]), () => choices[name], (value) => rechoose({ [name]: value })));
  const box = (id, label, read, shown, take) => refreshers.push(addBox(form, id, label, read, shown, take));
  list("activation", "Activation", () => given.activations, "activation");
  list("loss-choice", "Loss", lossNames, "loss");
  list("optimizer", "Optimizer", () => given.optimizers, "optimizer");
  box("rate", "Learning rate", (text) => readNumber(text, 0), () => String(net().rate), (rate) => {
    choices.learningRate = rate;
    runner.change((trainer) => trainer.setRate(rate));
    stale = true;
  });
  box("batch", "Batch size", (text) => (/^\s*all\s*$/i.test(text) ? null : Number(readWhole(text, 1))),
    () => String(choices.batchSize ?? "all"), (size) => {
      choices.batchSize = size;
      runner.change((trainer) => trainer.setBatchSize(size));
      stale = true;
    });
  box("seed", "Seed", (text) => readWhole(text, 0), () => choices.seed, (seed) => rechoose({ seed }));
  refreshers.push(addList(form, "speed", "Speed", () => Object.keys(SPEEDS), () => speed, (value) => {
    speed = value;
    if (runner.running) runner.start(SPEEDS[speed]);
  }));
}

// Above a hidden column: fewer and more units.
function headOf(column, i, head) {
  if (!column.weight || i > choices.layers.length) return;
  const units = choices.layers[i - 1];
  const change = (count) => () => {
    rechoose({ layers: choices.layers.with(i - 1, count) });
    drawing.columns[i].head.querySelector(`button:nth-of-type(${count < units ? 1 : 2})`)?.focus();
  };
  const outer = makeElement("div", { class: "units" }, head);
  addButton(outer, "−", `One unit fewer in hidden layer ${i}`, change(units - 1), units <= 1);
  makeElement("span", {}, outer, units);
  addButton(outer, "+", `One unit more in hidden layer ${i}`, change(units + 1), units >= MOST_WIDE);
}

function addDepth() {
  const root = at("depth");
  const change = (layers) => rechoose({ layers });
  const fewer = addButton(root, "−", "One hidden layer fewer", () => change(choices.layers.slice(0, -1)));
  const shown = makeElement("span", {}, root);
  const more = addButton(root, "+", "One hidden layer more", () => change([...choices.layers, choices.layers.at(-1) ?? 4]));
  refreshers.push(() => {
    const count = choices.layers.length;
    shown.textContent = `${count} hidden layer${count === 1 ? "" : "s"}`;
    fewer.disabled = count === 0;
    more.disabled = count >= MOST_LAYERS;
  });
}

// ---- This step, every number

// The network as it is now, as a plan, with the batch that comes next.
function planNow() {
  const { trainer } = runner;
  const { network, points: { x, y } } = trainer;
  const rows = (trainer.rows(trainer.batches) ?? Array.from({ length: x.rows }, (_, i) => i)).slice(0, MOST_TRACED);
  const layerNow = ({ entry, scope, stateNames, layers }) => ({
    ...entry,
    state: Object.fromEntries(stateNames.map((name) => [name, Array.from(scope[name].data)])),
    layers: layers.map(layerNow),
  });
  const { optimizer } = network;
  const state = Object.entries(optimizer.state()).map(([name, numbers]) => [name, Array.from(numbers)]);
  const rates = optimizer.rates.slice(Math.min(optimizer.steps - optimizer.firstStep, optimizer.rates.length - 1));
  return {
    ...network.plan,
    x: toRows(selected(x, rows)), y: toRows(selected(y, rows)),
    parameters: Array.from(network.parameters), steps: network.steps, epochs: network.epochs,
    layers: network.layers.map(layerNow),
    optimizer: {
      ...network.plan.optimizer, state: Object.fromEntries(state), steps: optimizer.steps,
      rate: rates.length > 1 ? rates : rates[0],
    },
    head: `One training step: ${network.parameters.length.toLocaleString("en")} parameters, ${rows.length} of ${x.rows} samples.`,
    note: "Numbers are rounded to 4 digits; entries are counted from 0.", digits: 4,
  };
}

async function openStep() {
  pause();
  const packed = Uint8Array.from(atob(given.step), (character) => character.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const template = await new Response(unpacked).text();
  const data = JSON.stringify(planNow()).replaceAll("<", "\\u003c");
  const parts = { "{{ENGINE}}": at("engine").textContent, "{{PLAN}}": data };
  const frame = document.createElement("iframe");
  frame.title = "One training step, every number";
  frame.srcdoc = template.replace(/\{\{(ENGINE|PLAN)\}\}/g, (name) => parts[name]);
  at("step").append(frame);
  at("step").showModal();
}

// ---- The page

function draft() {
  readTheme();
  drawSets(given.sets);
  settle();
}

function listen() {
  at("run").addEventListener("click", () => (runner.running ? pause() : start()));
  at("one-step").addEventListener("click", () => { steps(1); say(describeTraining()); });
  at("one-epoch").addEventListener("click", () => {
    once((trainer) => lossCurve.add(...trainer.epoch()));
    say(describeTraining());
  });
  at("reset").addEventListener("click", reset);
  at("every-number").addEventListener("click", openStep);
  at("close").addEventListener("click", () => at("step").close());
  at("step").addEventListener("close", () => at("step").querySelector("iframe").remove());
  at("log").addEventListener("change", () => { stale = true; });
  at("copy").addEventListener("click", copyPython);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draft);
  new ResizeObserver(() => { stale = true; }).observe(at("plane"));
  new ResizeObserver(reshape).observe(at("scroll"));
  listenToPoints();
  listenToDrawing(net, () => { stale = true; });
}

function reshape() {
  if (!drawing.columns.length || at("scroll").clientWidth === drawing.room) return;
  layOut(net(), drawing.sizes, headOf);
  settle();
}

async function copyPython() {
  const text = at("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a page that is a file may not be allowed to
    getSelection().selectAllChildren(at("code"));
    document.execCommand("copy");
  }
  say("Copied.");
  at("copy").textContent = "Copied";
  setTimeout(() => { at("copy").textContent = "Copy"; }, 2000);
}

// For checks by others. Whatever is asked for stops a run first.
window.backproplite = {
  get parameters() {
    runner.stop();
    return net().parameters.slice();
  },
  get loss() {
    runner.stop();
    return currentLoss();
  },
  set(index, value) {
    once((trainer) => trainer.setParameter(index, value));
  },
  step(count = 1) {
    steps(count);
  },
  reset,
};

for (const each of given.sets) {
  for (const part of [each, each.validation]) if (part) part.X = toRows(fromPlain(part.X));
}
readTheme();
addSettings();
addDepth();
listen();
chooseSet(given.sets.find(({ name }) => name === given.start));
addSets(given.sets, set, chooseSet);
drawSets(given.sets);
requestAnimationFrame(turn);
