// What goes wrong in training, and where: by the measures, thresholds and words of `diagnose`.
//
// It is what `Watch` sees while a network trains: units that are dead or saturated, gradients that vanish
// or explode, a loss that has risen. Of a network that has learnt, nothing is said.

// `limits` are the thresholds of findings.py and health.py; `first` and `newest` the losses of the first and
// of the newest epoch, if there were any. Returns {layers: [{name, gradient, update, saturated, dead}],
// findings: [{layer: its index or null, name, text}]}.
function healthOf(network, { x, y }, limits, first = null, newest = null) {
  const seen = lookAt(network, x, y, limits);
  const asked = [explodingGradients, deadUnits, saturatedUnits, vanishingGradients];
  const found = seen.learnt ? [] : [
    ...lossHasRisen(seen, limits, first, newest), ...asked.flatMap((ask) => ask(seen, limits)),
  ];
  return { layers: seen.layers, findings: found };
}

// One training pass, and what the coming update would change; the network stays as it is.
function lookAt(network, x, y, limits) {
  const outputs = network.forward(x, network.draws()).at(-1);
  const gradOutput = network.loss.gradient(outputs, y);
  const gradients = [...network.backward(gradOutput, true).slice(1), gradOutput];
  const { parametersAfter } = network.optimizer.update();
  const moved = parametersAfter.map((after, k) => after - network.parameters[k]);
  const below = network.layers.some(({ entry }) => entry.frozen) ? network.firstTrained : 0;
  const layers = network.layers.map((layer, i) => {
    const { entry, trained } = layer, own = placesOf(entry);
    const sizeIn = (vector) => lengthOf({ data: own.map((k) => vector[k]) });
    return {
      name: `layers[${i}] ${entry.name}`,
      gradient: gradients[i] && lengthOf(gradients[i]),
      update: trained ? ratio(sizeIn(moved), sizeIn(network.parameters)) : 0,
      ...idleShares(i < below ? [] : leavesOf(layer), limits),
    };
  });
  const matrices = layers.map((_, i) => i).filter((i) => hasMatrix(network.layers[i].entry));
  const [constant, ...columns] = costsOfConstant(network.loss, y);
  const [loss, ...others] = costsOf(network.loss, outputs, y);
  const low = (cost, limit) => cost <= limit - (1 - limits.LEARNT) * Math.abs(limit);
  const learnt = low(loss, constant) && others.every((cost, k) => low(cost, columns[k]));
  const clips = Boolean(network.optimizer.entry.clip_norm || network.optimizer.entry.clip_value);
  const ends = [matrices.at(0) ?? 0, matrices.at(-1) ?? 0];
  const size = Math.sqrt(x.data.reduce((sum, each) => sum + each * each, 0) / x.data.length);
  return { layers, ends, loss, constant, learnt, clips, rate: network.rate, samples: x.rows, size };
}

// What is asked.

function lossHasRisen({ constant, rate }, { RISE }, first, newest) {
  if (first === null || !(newest > first + RISE * Math.min(Math.abs(constant), Math.abs(first)))) return [];
  return [{
    layer: null, name: "learning rate too high",
    text: `at ${general(rate, 6)} the loss has risen from ${general(first, 4)} in the first epoch to `
      + `${general(newest, 4)} in the last.`,
  }];
}

function explodingGradients(seen, { EXPLODING }) {
  if (seen.clips || !(growth(seen) > EXPLODING)) return [];
  return [{ layer: seen.ends[0], name: "exploding gradients", text: twoGradients(seen) }];
}

function deadUnits({ layers, samples }, { DEAD }) {
  return layers.flatMap(({ dead }, layer) => {
    if (!dead || dead.share < Math.min(DEAD + 2 / Math.sqrt(dead.units), 1)) return [];
    const text = `${percent(dead.share)} of the ${dead.units} units of ${dead.name} are off for all `
      + `${samples} samples, so no gradient passes them.`;
    return [{ layer, name: "dead units", text }];
  });
}

function saturatedUnits({ layers, loss, constant, size }, { SATURATED, FLAT }) {
  return layers.flatMap(({ saturated }, layer) => {
    if (!saturated || saturated.share < SATURATED || loss < constant / 2) return []; // which learns
    const text = `${percent(saturated.share)} of the outputs of ${saturated.name} lie where its slope is `
      + `below ${percent(FLAT)} of the largest; X has size ${general(size, 3)}.`;
    return [{ layer, name: "saturated units", text }];
  });
}

function vanishingGradients(seen, limits) {
  const [first, last] = seen.ends.map((i) => seen.layers[i].update);
  const limit = ratio(first, last) < limits.FADING ? limits.FADING : limits.VANISHING;
  if (deadUnits(seen, limits).length || !(growth(seen) < limit)) return [];
  return [{ layer: seen.ends[0], name: "vanishing gradients", text: twoGradients(seen) }];
}

// How many times the last layer's gradient the first one gets.
function growth({ layers, ends: [first, last] }) {
  return ratio(layers[first].gradient, layers[last].gradient);
}

function twoGradients(seen) {
  const [first, last] = seen.ends.map((i) => seen.layers[i]);
  return `the gradient by the outputs of ${last.name} has length ${general(last.gradient, 2)}, by those of `
    + `${first.name} ${general(first.gradient, 2)}, which is ${general(growth(seen), 2)} times as long.`;
}

// What is measured.

// Of the activations in a layer the worst: {saturated, dead}, each {share, units, name, off} or null; `off`
// says which units are dead.
function idleShares(leaves, { FLAT, OFF }) {
  const idle = { saturated: null, dead: null };
  for (const leaf of leaves) {
    const slope = slopesOf(leaf, leaf.scope), points = Array.from({ length: 41 }, (_, k) => [k - 20]);
    const probe = Object.assign(Object.create(leaf.scope), { x: fromRows(points) });
    run(leaf.training, probe);
    const curve = slopesOf(leaf, probe).data, steepest = largestOf(curve);
    const flat = Math.max(curve[0], curve.at(-1)) < FLAT * steepest;
    const least = (flat ? FLAT : OFF) * steepest;
    const below = operations["<"](flat ? slope : operations["max samples"](slope), constant(least));
    const share = below.data.reduce(add, 0) / below.data.length, kind = flat ? "saturated" : "dead";
    if (share > (idle[kind]?.share ?? -1)) {
      const name = `${leaf.entry.place} ${leaf.entry.name}`;
      const off = flat ? null : Array.from(below.data, Boolean);
      idle[kind] = { share, units: slope.columns, name, off };
    }
  }
  return idle;
}

// How much each output changes with its input.
function slopesOf(leaf, scope) {
  const back = Object.assign(Object.create(scope), { grad_output: ofOnes(scope.x.rows, scope.x.columns) });
  return operations.abs(run(leaf.backwardLines, back).grad_input);
}

// The activations that a layer is or has within it.
function leavesOf(layer) {
  if (layer.layers.length) return layer.layers.flatMap(leavesOf);
  return layer.entry.elementwise ? [layer] : [];
}

// Where a layer's numbers stand among the parameters.
function placesOf(entry) {
  const own = Object.values(entry.parameters).flatMap(({ shape, offset }) =>
    Array.from({ length: shape.reduce((size, n) => size * n, 1) }, (_, k) => offset + k));
  return [...own, ...entry.layers.flatMap(placesOf)];
}

function hasMatrix(entry) {
  if (entry.frozen) return false;
  const own = Object.values(entry.parameters).some(({ shape }) => shape.length > 1);
  return own || entry.layers.some(hasMatrix);
}

// The loss, and of plain numbers what each column that varies costs by itself.
function costsOf(loss, outputs, y) {
  const total = loss.value(outputs, y), { costs } = loss.all(outputs, y);
  if (loss.entry.labels || costs.columns !== y.columns) return [total];
  const means = operations["mean samples"](costs).data;
  return [total, ...means.filter((_, j) => variesIn(y, j))];
}

// The same for the best outputs that are alike for all samples: NaN where the targets are alike too.
const constants = new WeakMap(); // they are asked for at each look

function costsOfConstant(loss, y) {
  if (!constants.has(y)) {
    const varies = Array.from({ length: y.columns }, (_, j) => variesIn(y, j)).some(Boolean);
    const best = varies ? costsOf(loss, bestConstant(loss, y), y) : [NaN];
    constants.set(y, best);
  }
  return constants.get(y);
}

function bestConstant(loss, y) {
  const { labels, predictions } = loss.entry, alike = (row) => operations["*"](row, ofOnes(y.rows));
  if (labels) {
    const limit = (p) => Math.min(Math.max(p, 2 ** -1022), 1 - 2 ** -53);
    const p = operations["mean samples"](y).data.map(limit);
    const logits = p.map((each) => Math.log(each) - (labels === "binary" ? Math.log1p(-each) : 0));
    return alike(matrix(1, y.columns, predictions ? logits : p));
  }
  let low = operations["min samples"](y), high = operations["max samples"](y);
  for (let i = 0; i < 60; i++) { // halve the way to where the loss is flat, column by column
    const middle = operations["/"](operations["+"](low, high), constant(2));
    const slope = operations["sum samples"](loss.gradient(alike(middle), y));
    const falls = operations["<"](slope, constant(0));
    [low, high] = [choose(middle, falls, low), choose(high, falls, middle)];
  }
  return alike(low);
}

function ofOnes(rows, columns = 1) {
  return matrix(rows, columns, new Float64Array(rows * columns).fill(1));
}

// Whether a column has different numbers.
function variesIn({ columns, data }, j) {
  return data.some((each, k) => k % columns === j && each !== data[j]);
}

function ratio(a, b) {
  return b ? a / b : a ? Infinity : NaN;
}

// How it is written.

function percent(share) {
  return `${evenly(100 * share, "toFixed", 0)} %`;
}
