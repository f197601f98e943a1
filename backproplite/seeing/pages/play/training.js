// What is learnt by what: the data set, the choices, the trainer and its runs.

let set, choices, added, view, grid, curve, trouble;
let speed = "1 epoch a frame";
let stale = true; // whether there is something new to draw

const SPEEDS = {
  "5 epochs a second": { epochs: 1, every: 200 },
  "1 epoch a frame": { epochs: 1, every: FRAME },
  "10 epochs a frame": { epochs: 10, every: FRAME },
  "as fast as it can": UNLIMITED,
};

const worker = workerOf([at("engine").textContent, at("trainer").textContent].join("\n"));
const runner = new Runner(null, worker, (news) => {
  for (const row of news.ended) curve.add(...row);
  if (news.trouble) fail(news.trouble);
  stale = true;
});
const net = () => runner.trainer.network;

// Shows a data set with the choices that learn it, or with a network that was given along with it.
function chooseSet(next) {
  set = next;
  added = [];
  begin(structuredClone(set.choices), set.plan);
  beginPoints();
}

// Starts again with these choices; the points stay.
function begin(next, plan = null) {
  choices = plan ? next : offeredOnly(next);
  restart(plan ?? planOf(choices, set, given));
}

// A network of one's own may have parts that cannot be chosen here: the usual ones stand in for them.
function offeredOnly(next) {
  const kept = (names, name) => (names.includes(name) ? name : names[0]);
  return {
    ...next,
    activation: kept(given.activations, next.activation),
    optimizer: kept(given.optimizers, next.optimizer),
    loss: kept(lossNames(), next.loss),
    layers: next.layers.map((units) => Math.min(units, MOST_WIDE)),
  };
}

const lossNames = () => given.kinds[set.kind].map(({ name }) => name);
const describedNow = () => (net().plan === set.plan ? set.described : describedAs(net().plan));

function restart(plan) {
  runner.stop();
  trouble = "";
  curve = new LossCurve();
  const network = new LiveNetwork(plan);
  runner.trainer = new Trainer(network, preparedNow(network), choices.batchSize, added);
  look();
  layOut(network, network.forward(fromRows([view.X[0]])).map((flow) => flow.columns), addUnitButtons);
  at("plane").hidden = !grid;
  refreshControls();
  showNote(network);
  settle();
  const { layers, loss, optimizer } = plan;
  say(`Ready: ${[...layers, loss, optimizer].map(({ name }) => name).join(", ")}.`);
}

function preparedNow(network) {
  const outputs = network.forward(fromRows([set.X[0]])).at(-1).columns;
  return preparedPoints(pointsOf(set, added), network.plan.loss, outputs);
}

// The window of the picture stays as it is when points are added.
function look() {
  view = viewOf(set, pointsOf(set, added), view?.set === set ? view.bounds : null);
  grid = gridOf(view);
}

function setAdded(points) {
  added = points;
  look();
  runner.change((trainer) => trainer.setPoints(preparedNow(trainer.network), added));
  settle();
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

// Something that is done between two steps; a run is stopped.
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

function takeSteps(count) {
  once((trainer) => {
    for (let i = 0; i < count; i++) note(trainer.step());
  });
}

function note(ended) {
  if (ended) curve.add(...ended);
}

// Back to the first weights; what was chosen since stays chosen.
function reset() {
  if (net().plan !== set.plan) return begin(choices);
  begin(choices, set.plan);
  if (choices.learningRate === set.choices.learningRate) return;
  setRate(choices.learningRate);
  settle();
}

function fail(text) {
  trouble = text;
  settle();
  say(`Training stopped: ${text}`);
}
