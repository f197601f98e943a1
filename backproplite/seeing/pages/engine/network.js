// A network that lives: it goes forward, back and on as the library's own does, by its written lines.
//
// A plan, as the library writes it, says of each layer, of the loss and of the optimizer which lines
// there are, shown ones and exact ones. What has no usable lines brings along what the library recorded
// of it in one step; such a network is a recording, in which nothing can be changed.

class Divergence extends Error {}

// For those who ask for steps by a script: so many that the page still answers.
function refuseCount(count) {
  const fits = Number.isInteger(count) && count >= 0 && count <= 1e6;
  if (!fits) throw new RangeError("step takes a whole number of steps, from 0 to 1,000,000.");
}

class LiveNetwork {
  constructor(plan) {
    forms = plan.forms;
    this.plan = plan;
    this.alive = plan.alive;
    this.why = plan.why;
    this.steps = plan.steps;
    this.epochs = plan.epochs;
    this.parameters = fromPlain(plan.parameters).data;
    this.gradients = new Float64Array(this.parameters.length);
    this.x = plan.x ? fromPlain(plan.x) : null;
    this.y = plan.y ? fromPlain(plan.y) : null;
    this.layers = plan.layers.map((entry) => layerOf(entry, this));
    this.loss = plan.loss.recorded ? new RecordedLoss(plan.loss) : new LiveLoss(plan.loss);
    this.optimizer = new (plan.optimizer.recorded ? RecordedOptimizer : LiveOptimizer)(plan, this);
    this.chance = this.layers.some((layer) => layer.drawing) ? new Chance(plan.seed) : null;
    const trained = this.layers.findIndex((layer) => layer.trained);
    this.firstTrained = trained < 0 ? this.layers.length : trained;
  }

  get rate() {
    return this.optimizer.rate;
  }

  set rate(rate) {
    this.optimizer.rates = [rate];
  }

  // What evaluate gives: the loss of inference.
  lossOf(x, y) {
    return this.loss.value(this.forward(x).at(-1), y);
  }

  // The loss of the batch as the coming step sees it.
  trainingLoss(x = this.x, y = this.y) {
    return this.loss.value(this.forward(x, this.draws()).at(-1), y);
  }

  // Inference, in the space of the targets.
  predict(x) {
    return this.loss.predictions(this.forward(x).at(-1));
  }

  // One update; the loss before it. If anything turns infinite, all is as it was.
  trainStep(x = this.x, y = this.y) {
    if (!this.alive) throw new Error(this.why);
    const outputs = this.forward(x, this.draws()).at(-1), loss = finite(this.loss.value(outputs, y));
    this.backward(this.loss.gradient(outputs, y));
    this.commit(this.optimizer.update(), this.layers.map((layer) => layer.learned()));
    return loss;
  }

  // One whole step with all its numbers, which changes nothing.
  pass(x = this.x, y = this.y) {
    const draws = this.draws(), flows = this.forward(copied(x), draws), outputs = flows.at(-1);
    const { loss, costs, predictions } = this.loss.all(outputs, y);
    finite(loss);
    const gradOutput = this.loss.gradient(outputs, y), gradFlows = this.backward(gradOutput, true);
    const update = this.optimizer.update(), layersAfter = this.layers.map((layer) => layer.learned());
    const scopes = this.layers.map((layer) => layer.kept()), gradients = this.gradients.slice();
    const before = this.snapshot();
    try {
      this.commit(update, layersAfter);
      const flowsAfter = this.forward(copied(x), this.draws(before.steps), true);
      const { loss: lossAfter, costs: costsAfter } = this.loss.all(flowsAfter.at(-1), y, true);
      return {
        flows, scopes, gradOutput, gradFlows, gradients, costs, predictions, loss, update,
        layersAfter: layersAfter.map((each) => statesWithin(each)), flowsAfter, costsAfter, lossAfter,
      };
    } finally {
      this.restore(before);
    }
  }

  // All that training changes, as plain data.
  snapshot() {
    return {
      parameters: this.parameters.slice(), steps: this.steps, epochs: this.epochs,
      optimizer: this.optimizer.snapshot(), layers: this.layers.map((layer) => layer.snapshot()),
    };
  }

  restore(snapshot) {
    this.parameters.set(snapshot.parameters);
    this.steps = snapshot.steps;
    this.epochs = snapshot.epochs;
    this.optimizer.restore(snapshot.optimizer);
    this.layers.forEach((layer, i) => layer.restore(snapshot.layers[i]));
  }

  // The random numbers of a step, from their start.
  draws(step = this.steps) {
    return this.chance ? this.chance.at(STEP, step) : true;
  }

  // x and what each layer makes of it: in training with draws, else in inference.
  forward(x, draws = null, moved = false) {
    const flows = [x];
    for (const layer of this.layers) flows.push(layer.forward(flows.at(-1), draws, moved));
    return flows;
  }

  // Write the gradients; return those by what flows, null where the step needs none.
  backward(gradOutput, all = false) {
    const flows = this.layers.map(() => null);
    for (let i = this.layers.length - 1; i >= this.firstTrained; i--) {
      gradOutput = flows[i] = this.layers[i].backward(gradOutput, i > this.firstTrained, all);
    }
    return flows;
  }

  commit(update, learned) {
    const arrays = [update.parametersAfter, ...Object.values(update.stateAfter)];
    if (!arrays.every((each) => each.every(Number.isFinite)) || !learned.every(allFinite)) {
      throw new Divergence("a parameter or running statistic turned NaN or infinite");
    }
    this.parameters.set(update.parametersAfter);
    this.optimizer.commit(update);
    this.layers.forEach((layer, i) => layer.restore(learned[i]));
    this.steps += 1;
  }
}

function finite(loss) {
  if (!Number.isFinite(loss)) throw new Divergence(`the loss turned ${rounded(loss, 4)}`);
  return loss;
}

function allFinite(learned) {
  return Object.values(learned.state).every((each) => each.data.every(Number.isFinite))
    && learned.layers.every(allFinite);
}

// The states of a layer and of those within it, by their names.
function statesWithin({ state, layers }, path = "") {
  const own = Object.fromEntries(Object.entries(state).map(([name, array]) => [path + name, array]));
  return Object.assign(own, ...layers.map((each, k) => statesWithin(each, `${path}layers[${k}].`)));
}

// Lines to be evaluated: those on which these results depend, or all.
function program(lines, results = Object.keys(lines)) {
  return needed(Object.entries(lines), results).map(([name, tree]) => [name, compile(tree)]);
}

function run(lines, scope) {
  for (let k = 0; k < lines.length; k++) scope[lines[k][0]] = lines[k][1](scope);
  return scope;
}

function scopeOf(...given) {
  const scope = Object.create(null);
  for (const each of given) {
    for (const [name, plain] of Object.entries(each)) scope[name] = fromPlain(plain);
  }
  return scope;
}

// Layers.

// What stands in a vector of all parameters from a place on; it changes with the vector.
function cutOut(vector, shape, offset) {
  const size = shape.reduce((product, length) => product * length, 1);
  return shaped(shape, vector.subarray(offset, offset + size));
}

function layerOf(entry, network) {
  return entry.recorded ? new RecordedLayer(entry, network) : new LiveLayer(entry, network);
}

class LiveLayer {
  constructor(entry, network) {
    this.entry = entry;
    this.scope = scopeOf(entry.settings, entry.state);
    this.stateNames = Object.keys(entry.state);
    this.gradients = {};
    for (const [name, { shape, offset }] of Object.entries(entry.parameters)) {
      const { data } = this.scope[name] = cutOut(network.parameters, shape, offset);
      this.gradients[`grad_${name}`] = network.gradients.subarray(offset, offset + data.length);
    }
    this.layers = entry.layers.map((each) => layerOf(each, network));
    this.drawing = Boolean(entry.draws && !entry.frozen) || this.layers.some((layer) => layer.drawing);
    const own = Object.keys(this.gradients).length > 0 && !entry.frozen;
    this.trained = own || this.layers.some((layer) => layer.trained);
    this.prepare(entry, own ? Object.keys(this.gradients) : []);
  }

  // Compile the lines: those that a step needs, and all of them, for a page that shows them.
  prepare(entry, gradients) {
    const { forward, backward, after } = { ...entry, ...entry.exact };
    this.training = program(forward);
    this.inference = program(entry.inference ?? forward, ["output"]);
    this.gradientLines = program(backward, gradients);
    this.backwardLines = program(backward, [...gradients, "grad_input"]);
    this.allBackwardLines = program(backward);
    this.gradientNames = gradients;
    this.afterLines = program(after);
  }

  forward(x, draws, moved) {
    const { scope, entry } = this;
    scope.x = x;
    scope.samples = constant(x.rows);
    scope.features = constant(x.columns);
    if (entry.draws && draws && !entry.frozen) scope[entry.draws] = maskOf(x, entry.settings.rate, draws);
    if (this.layers.length) {
      const within = entry.frozen ? null : draws;
      scope.inner = this.layers.reduce((flow, layer) => layer.forward(flow, within, moved), x);
    }
    return run(draws ? this.training : this.inference, scope).output;
  }

  backward(gradOutput, wanted, all) {
    const { scope } = this;
    scope.grad_output = gradOutput;
    if (this.layers.length) {
      scope.grad_inner = this.layers.reduceRight(
        (gradient, layer) => layer.backward(gradient, true, all), gradOutput);
    }
    run(all ? this.allBackwardLines : wanted ? this.backwardLines : this.gradientLines, scope);
    for (const name of this.gradientNames) this.gradients[name].set(scope[name].data);
    return wanted ? scope.grad_input : null;
  }

  // What its state becomes by the batch; nothing changes yet.
  learned() {
    const { scope } = this, state = {};
    for (const name of this.stateNames) state[name] = scope[name];
    for (const [name, compute] of this.afterLines) {
      (name in state ? state : scope)[name] = compute(scope);
    }
    return { state, layers: this.layers.map((layer) => layer.learned()) };
  }

  // Its scope as it is now, parameters too.
  kept() {
    const scope = Object.assign(Object.create(null), this.scope);
    for (const name of Object.keys(this.entry.parameters)) scope[name] = copied(scope[name]);
    return scope;
  }

  snapshot() {
    const state = {};
    for (const name of this.stateNames) state[name] = this.scope[name];
    return { state, layers: this.layers.map((layer) => layer.snapshot()) };
  }

  restore(snapshot) {
    Object.assign(this.scope, snapshot.state);
    this.layers.forEach((layer, i) => layer.restore(snapshot.layers[i]));
  }
}

// Dropout's mask: what is kept is enlarged to make up for the rest.
function maskOf(x, rate, draws) {
  const mask = matrix(x.rows, x.columns), least = Math.fround(rate), enlarged = 1 / (1 - rate);
  for (let k = 0; k < mask.data.length; k++) mask.data[k] = draws.random32() >= least ? enlarged : 0;
  return mask;
}

// A layer of which only one step is known.
class RecordedLayer {
  constructor(entry, network) {
    this.entry = entry;
    this.trained = Object.keys(entry.recorded.gradients).length > 0;
    this.gradients = Object.entries(entry.recorded.gradients).map(([name, plain]) => {
      const { data } = fromPlain(plain), { offset } = entry.parameters[name];
      return () => network.gradients.set(data, offset);
    });
  }

  forward(x, draws, moved) {
    return fromPlain(moved ? this.entry.recorded.output_after : this.entry.recorded.output);
  }

  backward() {
    this.gradients.forEach((write) => write());
    return this.entry.recorded.grad_input && fromPlain(this.entry.recorded.grad_input);
  }

  learned() {
    return { state: scopeOf(this.entry.recorded.state_after), layers: [] };
  }

  kept() {
    return scopeOf(this.entry.settings, this.entry.state);
  }

  snapshot() {
    return { state: scopeOf(this.entry.state), layers: [] };
  }

  restore() {}
}

// Losses.

class LiveLoss {
  constructor(entry) {
    this.entry = entry;
    this.scope = scopeOf(entry.settings);
    const { costs, derivative, predictions } = entry, shown = { costs, derivative };
    const lines = entry.exact ?? (predictions ? { predictions, ...shown } : shown);
    this.costLines = program(lines, ["costs"]);
    this.derivativeLines = program(lines, ["derivative"]);
    this.predictionLines = program(lines, ["predictions"]);
    const { outer } = entry;
    this.outer = outer && { scope: scopeOf(outer.settings), compute: compile(outer.predictions) };
  }

  scopeFor(outputs, targets) {
    return Object.assign(this.scope, {
      outputs, targets, predictions: outputs,
      samples: constant(outputs.rows), features: constant(outputs.columns),
    });
  }

  // What costs are divided by.
  count(outputs) {
    return outputs.rows * (this.entry.mean_over_outputs ? outputs.columns : 1);
  }

  value(outputs, targets) {
    const { costs } = run(this.costLines, this.scopeFor(outputs, targets));
    return costs.data.reduce(add, 0) / this.count(outputs);
  }

  gradient(outputs, targets) {
    const { derivative } = run(this.derivativeLines, this.scopeFor(outputs, targets));
    return divide(derivative, constant(this.count(outputs)));
  }

  // The loss with all that it is made of; predictions as the loss itself makes them.
  all(outputs, targets) {
    const { predictions } = run(this.predictionLines, this.scopeFor(outputs, targets));
    const loss = this.value(outputs, targets);
    return { loss, costs: this.scope.costs, predictions };
  }

  // In the space of the targets.
  predictions(outputs) {
    const { predictions } = run(this.predictionLines, this.scopeFor(outputs));
    if (!this.outer) return predictions;
    this.outer.scope.outputs = predictions;
    return this.outer.compute(this.outer.scope);
  }
}

class RecordedLoss {
  constructor(entry) {
    this.entry = entry;
  }

  value(outputs, targets, moved) {
    return moved ? this.entry.recorded.loss_after : this.entry.recorded.loss;
  }

  gradient() {
    return fromPlain(this.entry.recorded.grad_output);
  }

  all(outputs, targets, moved) {
    const { costs, costs_after: after } = this.entry.recorded, loss = this.value(outputs, targets, moved);
    return { loss, costs: fromPlain(moved ? after : costs), predictions: this.predictions() };
  }

  predictions() {
    return fromPlain(this.entry.recorded.predictions);
  }
}

// Optimizers.

class LiveOptimizer {
  constructor(plan, network) {
    const entry = plan.optimizer, row = (data) => matrix(1, data.length, data);
    this.entry = entry;
    this.network = network;
    this.steps = entry.steps;
    this.firstStep = entry.steps;
    this.rates = typeof entry.rate === "number" ? [entry.rate] : entry.rate;
    this.scope = scopeOf(entry.settings, entry.state);
    this.stateNames = Object.keys(entry.state);
    this.parameter = row(network.parameters);
    this.gradient = row(network.gradients);
    this.moving = plan.moving && fromPlain(plan.moving);
    this.decaying = entry.weight_decay > 0 && plan.decaying ? fromPlain(plan.decaying) : null;
    this.clipping = Object.fromEntries(program(entry.clip));
    this.decay = program(entry.decay);
    this.lines = program(entry.lines);
  }

  // That of the coming step; a schedule that has come to its end stays there.
  get rate() {
    return this.rates[Math.min(this.steps - this.firstStep, this.rates.length - 1)];
  }

  // What becomes of the parameters; nothing changes yet.
  update() {
    const scope = this.scope, rate = this.rate, step = this.steps + 1, stateBefore = this.state();
    Object.assign(scope, { learning_rate: constant(rate), step: constant(step) });
    scope.parameter = this.parameter;
    scope.gradient = this.gradient;
    const length = this.clip(scope);
    for (const [name, compute] of this.decaying ? this.decay : []) {
      scope[name] = choose(compute(scope), this.decaying, scope[name]);
    }
    const applied = scope.gradient;
    for (const [name, compute] of this.lines) scope[name] = this.held(compute(scope), name, stateBefore);
    const stateAfter = this.state();
    const parametersAfter = scope.parameter.data;
    this.restoreState(stateBefore);
    return { applied: applied.data.slice(), length, rate, step, stateBefore, stateAfter, parametersAfter };
  }

  // Clip the gradient; return its length between the two ways of clipping.
  clip(scope) {
    if (this.entry.clip_value) scope.gradient = this.clipping.clip_value(scope);
    const length = lengthOf(scope.gradient);
    if (this.entry.clip_norm && length > this.entry.clip_norm) {
      scope.length = constant(Math.min(length, Number.MAX_VALUE));
      scope.gradient = this.clipping.clip_norm(scope);
    }
    return length;
  }

  // What is frozen stays.
  held(array, name, before) {
    if (!this.moving) return array;
    const old = name === "parameter" ? this.parameter : matrix(1, array.columns, before[name]);
    return choose(array, this.moving, old);
  }

  state() {
    return Object.fromEntries(this.stateNames.map((name) => [name, this.scope[name].data]));
  }

  restoreState(state) {
    for (const name of this.stateNames) this.scope[name] = matrix(1, state[name].length, state[name]);
  }

  commit(update) {
    this.restoreState(update.stateAfter);
    this.steps += 1;
  }

  snapshot() {
    return { state: this.state(), steps: this.steps, firstStep: this.firstStep, rates: this.rates };
  }

  restore(snapshot) {
    const { state, ...others } = snapshot;
    this.restoreState(state);
    Object.assign(this, others);
  }
}

class RecordedOptimizer {
  constructor(plan) {
    this.recorded = plan.optimizer.recorded;
    this.rate = this.recorded.rate;
  }

  update() {
    const { applied, length, rate, step, state_before, state_after, parameters_after } = this.recorded;
    const vectors = (plain) => Object.fromEntries(Object.entries(plain).map(
      ([name, each]) => [name, fromPlain(each).data]));
    return {
      applied: fromPlain(applied).data, length, rate, step, stateBefore: vectors(state_before),
      stateAfter: vectors(state_after), parametersAfter: fromPlain(parameters_after).data,
    };
  }

  commit() {}

  snapshot() {
    return null;
  }

  restore() {}
}
