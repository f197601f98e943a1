// What can be chosen. The rate, the size of batches and the speed change under way; all else starts the
// network again.

const MOST_LAYERS = 6;
const MOST_WIDE = 64;
const refreshers = []; // each shows the present value of a control
let refreshRate = () => {};

function refreshControls() {
  for (const refresh of refreshers) refresh();
}

const rechoose = (change) => begin({ ...choices, ...change });

function addSettings() {
  const form = at("settings");
  form.addEventListener("submit", (event) => event.preventDefault());
  addChoice(form, "activation", "Activation", () => given.activations, "activation");
  addChoice(form, "loss-choice", "Loss", lossNames, "loss");
  addChoice(form, "optimizer", "Optimizer", () => given.optimizers, "optimizer", { settings: {} });
  refreshRate = addBox(form, "rate", "Learning rate", (text) => readNumber(text, 0),
    () => String(Number(net().rate.toPrecision(6))), setRate);
  const size = () => String(choices.batchSize ?? "all"), readSeed = (text) => readWhole(text, 0);
  refreshers.push(
    refreshRate,
    addMemory(form),
    addBox(form, "batch", "Batch size", readBatchSize, size, setBatchSize),
    addBox(form, "seed", "Seed", readSeed, () => choices.seed, (seed) => rechoose({ seed })),
    addList(form, "speed", "Speed", () => Object.keys(SPEEDS), () => speed, setSpeed),
  );
}

// A choice by name; what a network of one's own has stands among the others.
function addChoice(form, id, label, names, key, along = {}) {
  const shown = () => choices[key];
  const offered = () => (names().includes(shown()) ? names() : [shown(), ...names()]);
  refreshers.push(addList(form, id, label, offered, shown, 
    (value) => rechoose({ [key]: value, ...along })));
}

// How long an optimizer remembers, by the name it has there: momentum, beta1 or beta2.
function addMemory(form) {
  const settings = () => net().plan.optimizer.settings;
  const name = () => Object.keys(settings()).find((each) => /^(momentum|beta)/.test(each));
  const refresh = addBox(form, "memory", "momentum", readShare, () => String(settings()[name()] ?? ""),
    (value) => rechoose({ settings: { ...choices.settings, [name()]: value } }));
  const label = form.lastElementChild;
  return () => {
    label.style.visibility = name() ? "visible" : "hidden"; // the others stay where they are
    label.firstChild.data = name() ?? "";
    refresh();
  };
}

function setRate(rate) {
  choices.learningRate = rate;
  runner.change((trainer) => trainer.setRate(rate));
  stale = true;
}

function readBatchSize(text) {
  return /^\s*all\s*$/i.test(text) ? null : Number(readWhole(text, 1));
}

function setBatchSize(size) {
  choices.batchSize = size;
  runner.change((trainer) => trainer.setBatchSize(size));
  stale = true;
}

function setSpeed(name) {
  speed = name;
  if (runner.running) runner.start(SPEEDS[speed]);
}

// Layers and units.

function addDepth() {
  const root = at("depth"), change = (layers) => rechoose({ layers });
  const fewer = addButton(root, "−", "One hidden layer fewer", () => change(choices.layers.slice(0, -1)));
  const shown = makeElement("span", {}, root);
  const more = addButton(root, "+", "One hidden layer more",
    () => change([...choices.layers, choices.layers.at(-1) ?? 4]));
  refreshers.push(() => {
    const count = choices.layers.length;
    write(shown, `${count} hidden layer${count === 1 ? "" : "s"}`);
    fewer.disabled = count === 0;
    more.disabled = count >= MOST_LAYERS;
  });
}

// Above a hidden column.
function addUnitButtons(column, i, head) {
  if (!column.weight || i > choices.layers.length) return;
  const units = choices.layers[i - 1];
  const change = (count) => {
    rechoose({ layers: choices.layers.map((each, k) => (k === i - 1 ? count : each)) });
    drawing.columns[i].head.querySelectorAll("button")[count < units ? 0 : 1].focus();
  };
  const outer = makeElement("div", { class: "units" }, head);
  addButton(outer, "−", `One unit fewer in hidden layer ${i}`, () => change(units - 1), units <= 1);
  makeElement("span", {}, outer, units);
  addButton(outer, "+", `One unit more in hidden layer ${i}`, () => change(units + 1), units >= MOST_WIDE);
}

// Data sets, each with a small picture.

function addSets(sets) {
  for (const each of sets) {
    const label = addRadio(at("sets"), "set", each.name, each === set, () => chooseSet(each));
    each.picture = makeElement("canvas", { "aria-hidden": "true" }, label);
    makeElement("span", {}, label, each.name);
  }
}

function drawSets(sets) {
  for (const each of sets) {
    const { pen, width, height } = sharp(each.picture), small = viewOf(each, pointsOf(each));
    const place = placed(small, width, height), radius = small.X.length > 60 ? 1.5 : 4;
    pen.clearRect(0, 0, width, height);
    small.X.filter((row) => row.length < 3).forEach(([x, second], i) => {
      const target = targetOf(small, i);
      pen.fillStyle = small.kind === "values" ? theme.plus : classColour(target);
      pen.beginPath();
      pen.arc(...place(x, second ?? target), radius, 0, 2 * Math.PI);
      pen.fill();
    });
  }
}
