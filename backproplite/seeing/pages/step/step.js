// The page of one training step: the network that Python put in, the numbers of its next step, and what
// starts the rest. Every change goes through `follow`: a whole step is computed anew, and all is shown.

const network = new LiveNetwork(JSON.parse(at("data").textContent));
let sample = 0; // which sample is drawn
let pass = network.pass();
let page = describe(network, pass, sample);

// Computes the next step and shows it; says why not if it would diverge, and then shows nothing new.
function follow() {
  try {
    const next = network.pass();
    if (!Number.isFinite(next.lossAfter)) throw new Divergence(`the loss after it is ${next.lossAfter}`);
    pass = next;
  } catch (error) {
    return inWords(error);
  }
  page = describe(network, pass, sample);
  if (outgrown(page, layout)) lay();
  else showStage();
  return "";
}

function inWords(error) {
  if (error instanceof Divergence) return `The step would diverge: ${error.message}.`;
  throw error;
}

function everything() {
  return { network: network.snapshot(), x: network.x.data.slice(), y: network.y.data.slice() };
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
    trouble = inWords(error);
  }
  if (trouble) putBack(before);
  warn(trouble);
  say(trouble || `Step ${network.steps}. ${lossInWords()}`);
  return trouble;
}

// What stands over the calculation: that the page is a recording, or that a step was not made.
function warn(trouble) {
  at("why").textContent = page.alive ? trouble : `This page is a recording: ${page.why}`;
}

function startAgain() {
  putBack(first);
  warn("");
  follow();
  say(`Back at the start. ${lossInWords()}`);
}

function notes({ note, layers, seed, dtype }) {
  const drawing = (layer) => Boolean(layer.draws) || (layer.layers ?? []).some(drawing);
  const said = [note];
  const masks = `Dropout's masks are drawn from seed ${seed}, as the library draws them.`;
  if (layers.some(drawing)) said.push(masks);
  if (dtype !== "float64") said.push(`The library computes in ${dtype}, this page in float64.`);
  return said;
}

// Lays the page out for the room that there is: the calculation beside the drawing, or below it where
// the drawing would be cut, or small on a large screen.
function lay() {
  showBars(); // they take their room first
  const enough = Math.min(1.2, innerWidth / 1600);
  for (const shape of ["beside", "below", "below tall"]) {
    document.body.dataset.shape = shape;
    draw();
    if (shape === "below" ? !layout.tall : layout.fits && layout.scale >= enough) break;
  }
  showStage();
  scrollDrawing();
}

const first = everything();

window.backproplite = {
  get parameters() { return Float64Array.from(network.parameters); },
  get loss() { return network.trainingLoss(); },
  set(index, value) {
    if (!page.alive) throw new Error(page.why);
    const fits = Number.isFinite(value) && index in network.parameters;
    if (!fits) throw new RangeError("set needs an index of a parameter and a finite number.");
    const symbol = `parameters[${index}]`;
    const trouble = change(parameterTarget({ symbol, parameter: index }, null), value);
    if (trouble) throw new RangeError(trouble);
  },
  step(count = 1) {
    const trouble = train(count);
    if (trouble) throw new RangeError(trouble);
  },
  reset: startAgain,
};

at("head").textContent = document.title = page.head;
at("note").textContent = notes(network.plan).join(" ");
warn("");
document.body.dataset.alive = page.alive;
for (let i = 0; i < page.samples; i++) at("sample").add(new Option(i, i));
at("choice").hidden = page.samples === 1;
at("sample").addEventListener("change", () => {
  sample = Number(at("sample").value);
  page = describe(network, pass, sample);
  showStage();
});
startStages();
startNudge();
startEditing();
startTeaching();
lay();
fromAddress();
addEventListener("resize", lay);
