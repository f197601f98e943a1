// The page of one training step: the network that Python put in, the numbers of its next step, and what
// starts the rest. Every change goes through `follow`: a whole step is computed anew, and all is shown.

const network = new LiveNetwork(JSON.parse(at("data").textContent));
let sample = 0; // which sample is drawn
let pass = network.pass();
let page = describe(network, pass, sample);

// Computes the next step and shows it; says why not if it would diverge, and then shows nothing new.
function follow() {
  let next;
  try {
    next = network.pass();
  } catch (error) {
    return error.message;
  }
  const numbers = [next.loss, next.lossAfter, ...next.update.parametersAfter];
  if (!numbers.every(Number.isFinite)) return "The step would diverge: numbers turn infinite.";
  pass = next;
  page = describe(network, pass, sample);
  showStage();
  return "";
}

function everything() {
  return { network: network.snapshot(), x: network.x.data.slice(), y: network.y.data.slice(), rate: network.rate };
}

function putBack(all) {
  network.restore(all.network);
  network.x.data.set(all.x);
  network.y.data.set(all.y);
}

// Makes updates; one that would diverge is not made.
function train(count) {
  const before = everything();
  let trouble = "";
  try {
    for (let i = 0; i < count; i++) network.trainStep(network.x, network.y);
    trouble = follow();
  } catch (error) {
    trouble = error.message;
  }
  if (trouble) putBack(before);
  say(trouble || `Step ${network.steps}. ${lossInWords()}`);
  return trouble;
}

function startAgain() {
  putBack(first);
  follow();
  say(`Back at the start. ${lossInWords()}`);
}

// Lays the page out for the room that there is: the calculation beside the drawing, or below a long one.
function lay() {
  showBars(); // they take their room first
  document.body.dataset.shape = "beside";
  draw();
  if (!layout.fits) {
    document.body.dataset.shape = "below";
    draw();
  }
  showStage();
  scrollDrawing();
}

const first = everything();

window.backproplite = {
  get parameters() { return Float64Array.from(network.parameters); },
  get loss() { return network.trainingLoss(); },
  set(index, value) {
    const target = { name: `parameters[${index}]`, get: () => network.parameters[index], set: (number) => (network.parameters[index] = number) };
    const trouble = Number.isFinite(value) && index in network.parameters ? change(target, value) : "set needs an index and a finite number.";
    if (trouble) throw new RangeError(trouble);
  },
  step(count = 1) {
    const trouble = train(count);
    if (trouble) throw new RangeError(trouble);
  },
  reset: startAgain,
};

at("head").textContent = document.title = page.head;
at("note").textContent = page.note;
at("why").textContent = page.alive ? "" : `This page is a recording: ${page.why}`;
document.body.dataset.alive = page.alive;
for (let i = 0; i < page.samples; i++) at("sample").add(new Option(i, i));
at("choice").hidden = page.samples === 1;
at("sample").addEventListener("change", () => {
  sample = Number(at("sample").value);
  page = describe(network, pass, sample);
  showStage();
});
for (const text of SIGNED) at("size").add(new Option(text, text, text === "+0.01", text === "+0.01"));
at("size").addEventListener("change", showFacts);
startStages();
startEditing();
startTeaching();
lay();
fromAddress();
addEventListener("resize", lay);
