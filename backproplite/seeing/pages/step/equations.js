// Equations of a step: how each of its numbers comes about, in symbols and with the numbers plugged in,
// by the written lines of the plan, as the library prints them. Of a batch they are those of the chosen
// sample; gradients of parameters are summed over all. What has no written lines is written by its name.

const MOST_LINES = 6; // entries of one array that are worked out
const MOST_NUMBERS = 36; // of an array that is shown whole
const OWN_LOSS = "own loss"; // of one sample of a batch

// ---- What lines may use: arrays with their symbols, and where they are drawn
//
// `axes` is how many indices name an entry, `bySample` whether its rows are those of the samples, and
// `at` the id of an entry in the drawing.

function named(symbol, array, { axes = 2, bySample = false, at = () => null, shape = null } = {}) {
  return { symbol, array, axes, bySample, at, shape };
}

// Rows of samples, of which a single one needs no index.
function namedRows(symbol, array, at) {
  return named(symbol, array, { axes: array.rows > 1 ? 2 : 1, bySample: true, at });
}

const namedUnits = (symbol, array, i) => namedRows(symbol, array, (_, column) => `u${i}.${column}`);
const namedFlow = ({ plan, pass }, i) => namedUnits(plan.flows[i], pass.flows[i], i);
const namedNumber = (symbol, number, at) => named(symbol, constant(number), { axes: 0, at });

function namedGradient({ plan, pass, last }, i) {
  return namedUnits(`∂loss/∂${plan.flows[i]}`, i < last ? pass.gradFlows[i] : pass.gradOutput, i);
}

// A parameter, or what belongs to it, cut out of a vector of all parameters.
function namedParameter({ i, name, parameter: { shape, offset } }, symbol, vector) {
  const at = (row, column) => shape.length === 2 ? `e${i}.${row}.${column}` : biasId(i, name, column);
  return named(symbol, cutOut(vector, shape, offset), { axes: shape.length, at, shape });
}

function settingsOf(settings) {
  return mapped(settings, (plain, name) => named(name, fromPlain(plain), { axes: 0 }));
}

// Names may be any, "constructor" too: what they stand for is kept without a prototype.
function mapped(object, change) {
  const result = Object.create(null);
  for (const [name, value] of Object.entries(object)) result[name] = change(value, name);
  return result;
}

function layerScope(view, i) {
  const { plan, pass, network } = view, layer = plan.layers[i], { rows, columns } = pass.flows[i];
  const { grad_input: _, ...arrays } = pass.scopes[i];
  const scope = mapped(arrays, (array, name) => namedRows(name, array));
  for (const each of parametersOf(view, i)) {
    const { name, parameter: { symbol } } = each;
    scope[name] = namedParameter(each, symbol, network.parameters);
    scope[`grad_${name}`] = namedParameter(each, `∂loss/∂${symbol}`, pass.gradients);
  }
  Object.assign(scope, { samples: namedNumber("n", rows), features: namedNumber("n", columns) });
  Object.assign(scope, { x: namedFlow(view, i), output: namedFlow(view, i + 1) });
  if (i >= network.firstTrained) scope.grad_output = namedGradient(view, i + 1);
  if (i > network.firstTrained) scope.grad_input = namedGradient(view, i);
  if (layer.draws in scope) scope[layer.draws].at = (row, column) => `e${i}.${column}.${column}`;
  return completed(scope, usable(layer.forward, scope));
}

// The parameters of a layer and of those within it, and whether training moves them.
function parametersOf({ plan }, i) {
  const moves = ({ frozen, recorded }, name) => recorded ? name in recorded.gradients : !frozen;
  const within = (layer, path) => [
    ...Object.entries(layer.parameters).map(([name, parameter]) => (
      { i, name: path + name, parameter, moves: moves(layer, name) })),
    ...layer.layers.flatMap((each, k) => within(each, `${path}layers[${k}].`)),
  ];
  return within(plan.layers[i], "");
}

// A scope, with what lines give that is not there yet.
function completed(scope, lines) {
  for (const [name, tree] of lines) {
    if (!(name in scope)) scope[name] = namedRows(name, compile(tree)(valuesOf(scope)));
  }
  return scope;
}

// Lines, [name, tree] each, or none if they name what is neither in a scope nor of a line before them.
function usable(lines, scope) {
  const known = new Set(Object.keys(scope)), all = Object.entries(lines);
  const can = ([name, tree]) => namesIn(tree).every((each) => known.has(each)) && known.add(name);
  return all.every(can) ? all : [];
}

const valuesOf = (scope) => mapped(scope, ({ array }) => array);
const symbolsOf = (scope) => mapped(scope, ({ symbol }) => symbol);

// A tree with trees in the places of names.
function substituted(tree, given) {
  if (typeof tree === "string") return given[tree] ?? tree;
  return Array.isArray(tree) ? [tree[0], ...tree.slice(1).map((each) => substituted(each, given))] : tree;
}

// ---- Equations

// symbol = formula, by a written line, with some of its entries worked out.
function equationOf(view, result, tree, scope, places = firstPlaces(view, result)) {
  const values = valuesOf(scope);
  const lines = places.map((place) => lineOf(view, result, place, plugged(tree, values, place), scope));
  return writtenDown(view, result, formula(tree, symbolsOf(scope)), lines);
}

function writtenDown(view, result, how, lines = []) {
  const part = partShown(view, result), more = part.data.length - lines.length;
  const array = more ? excerptOf(view, part) : null;
  return { symbol: result.symbol, formula: how, lines, more: lines.length ? more : 0, array, before: null };
}

// Of rows of samples, that of the chosen one.
function partShown({ sample }, { array, bySample }) {
  return bySample ? rowOfSample(array, sample) : array;
}

function firstPlaces({ sample }, { array, bySample }) {
  const { rows, columns } = array, count = Math.min(MOST_LINES, bySample ? columns : rows * columns);
  const first = bySample && rows > 1 ? sample : 0;
  return Array.from({ length: count }, (_, k) => [first + Math.floor(k / columns), k % columns]);
}

function lineOf(view, { symbol, array, axes, at, shape }, place, parts, scope) {
  const ref = drawnId(view, at(...place)), value = rounded(entryAt(array, ...place), view.digits);
  const index = axes > 2 ? unravelled(place, shape) : axes === 2 ? place : [place[array.rows > 1 ? 0 : 1]];
  const label = axes ? `${symbol}[${index.join(", ")}]` : symbol;
  const shown = parts.map((part) => partOf(view, part, scope));
  const how = shown.map((part) => part.text ?? part).join("");
  return { label, ref, parts: how === value ? [] : shown, value, valueRef: ref };
}

// Of what has more axes than two, whose rows stand one after another.
function unravelled([row, column], shape) {
  return shape.slice(0, -1).reduceRight(([rest, ...index], length) =>
    [Math.floor(rest / length), rest % length, ...index], [row]).slice(1).concat(column);
}

function partOf(view, part, scope) {
  if (typeof part === "string") return part;
  const { number, name, row, column } = part, text = rounded(number, view.digits);
  const ref = drawnId(view, scope[name]?.at(row, column));
  return ref ? { text, ref } : text;
}

const drawnId = (view, id) => view.drawn.has(id) ? id : null;

// An array as rows of text; of a large one the corners, as in print.
function excerptOf({ digits }, array) {
  const ends = (length) => array.data.length > MOST_NUMBERS && length > 6
    ? [0, 1, 2, null, length - 3, length - 2, length - 1] : Array.from({ length }, (_, k) => k);
  return ends(array.rows).map((i) => ends(array.columns).map((j) =>
    i === null || j === null ? "…" : rounded(entryAt(array, i, j), digits)));
}

// ---- Stages, in the order in which they happen

function stagesOf(view) {
  const { plan: { layers, loss }, last, network, samples } = view;
  const stage = (name, title, way, layer, equations) => ({ name, title, way, layer, equations });
  const through = (way, title, equations, first) => layers.map((layer, i) => [layer, i]).slice(first).map(
    ([layer, i]) => stage(
      `${layer.place}.${way}`, `${title} ${layer.place} ${layerName(layer)}`, way, i, equations(view, i)));
  const given = samples > 1 ? "the samples, their targets" : "the sample, its target";
  const byOutput = "Backward: how the loss changes with the network's output";
  const again = "After the update: forward once more";
  return [
    stage("setup", `Setup: ${given}, the parameters`, "setup", null, setupEquations(view)),
    ...through("forward", "Forward through", forwardEquations, 0),
    stage("loss.forward", `Loss: ${loss.name}`, "forward", last, lossEquations(view)),
    stage("loss.backward", byOutput, "backward", last, [lossGradientEquation(view)]),
    ...through("backward", "Backward through", backwardEquations, network.firstTrained).reverse(),
    stage("update", `Update by ${optimizerName(network)}`, "update", null, updateEquations(view)),
    stage("after", again, "after", null, afterEquations(view)),
  ];
}

// With the learning rate that was set on the page, if one was.
function optimizerName({ plan: { optimizer: { name, rate } }, optimizer: { rates }, alive }) {
  if (!alive || rates === rate || rates.length === 1 && rates[0] === rate) return name;
  const told = `learning_rate=${rates[0]}`, argument = /learning_rate=([^,()]|\(([^()]|\([^()]*\))*\))+/;
  return argument.test(name) ? name.replace(argument, told) : name.replace(/\((?=(.?))/, (_, next) =>
    `(${told}${next === ")" ? "" : ", "}`);
}

const layerName = ({ name, frozen }) => name + (frozen ? ", frozen" : "");

function setupEquations(view) {
  const { plan, network } = view, { x, y } = network;
  const parameters = plan.layers.flatMap((_, i) => parametersOf(view, i)).map((each) =>
    namedParameter(each, each.parameter.symbol, network.parameters));
  return [named("x", x), named("y", y), ...parameters].map((each) => writtenDown(view, each, ""));
}

function forwardEquations(view, i) {
  const layer = view.plan.layers[i], scope = layerScope(view, i), lines = usable(layer.forward, scope);
  if (!lines.length) return [writtenDown(view, scope.output, `${layer.class}(${scope.x.symbol})`)];
  return lines.map(([name, tree]) => equationOf(view, scope[name], tree, scope));
}

function backwardEquations(view, i) {
  const layer = view.plan.layers[i], scope = layerScope(view, i);
  const results = parametersOf(view, i).filter(({ moves }) => moves).map(({ name }) => `grad_${name}`);
  if (scope.grad_input) results.push("grad_input");
  const lines = needed(usable(layer.backward, scope), results), written = lines.map(([name]) => name);
  completed(scope, lines);
  const by = scope.grad_output.symbol, slope = `${by} · ${layer.class}′(${scope.x.symbol})`;
  const how = layer.elementwise ? slope : `what ${layer.class}.backward makes of ${by}`;
  return [
    ...lines.map(([name, tree]) => equationOf(view, scope[name], tree, scope)),
    ...results.filter((name) => !written.includes(name)).map((name) => writtenDown(view, scope[name], how)),
  ];
}

// ---- The loss

function lossScope({ plan: { loss }, plan, pass, network, last }) {
  const outputs = namedUnits(plan.flows[last], pass.flows[last], last), { rows, columns } = outputs.array;
  const scope = {
    __proto__: null, ...settingsOf(loss.settings), outputs, targets: namedUnits("y", network.y, last + 2),
    predictions: namedUnits("prediction", pass.predictions, last),
    samples: namedNumber("n", rows), features: namedNumber("n", columns),
  };
  const held = loss.exact?.outputs; // where the loss keeps off a logarithm of 0
  if (held) scope.outputs = { ...outputs, array: compile(held)(valuesOf(scope)) };
  return scope;
}

function lossEquations(view) {
  const { pass, samples, own, sample } = view, scope = lossScope(view);
  const predictions = predictionEquations(view, scope);
  const mine = named(OWN_LOSS, own, { axes: 1, bySample: true, at: (row) => row === sample ? "loss" : null });
  const total = namedNumber("loss", pass.loss, () => "loss");
  if (samples === 1) return [...predictions, costsEquation(view, total, scope)];
  const parts = ["(", ...plugged(["sum samples", "own"], { own }, [0, 0]), `) / ${samples}`];
  const line = lineOf(view, total, [0, 0], parts, { own: mine });
  const mean = writtenDown(view, total, `(Σ ${OWN_LOSS}) / ${samples}`, [line]);
  return [...predictions, costsEquation(view, mine, scope), mean];
}

// What the chosen sample costs, in symbols and in numbers: a sum over its outputs, or their mean.
function costsEquation(view, result, scope) {
  const { plan: { loss }, sample } = view, { costs, labels } = loss, { outputs, targets } = scope;
  if (costs === null) return writtenDown(view, result, `${loss.class}(${outputs.symbol}, y)`);
  const { columns } = outputs.array, count = loss.mean_over_outputs ? columns : 1, values = valuesOf(scope);
  const all = Array.from({ length: compile(costs)(values).columns }, (_, j) => [sample, j]);
  // Other classes than the right one cost nothing.
  const places = all.filter((place) => labels !== "categorical" || entryAt(targets.array, ...place));
  let how = formula(costs, symbolsOf(scope), columns > 1 ? forms.ranks.MATRIX : forms.ranks.ANYTHING);
  let parts = plugged(costs, values, ...places);
  if (columns > 1) how = `Σ ${how}`;
  if (count > 1) [how, parts] = [`(${how}) / ${count}`, ["(", ...parts, `) / ${count}`]];
  const place = result.axes ? [sample, 0] : [0, 0];
  return writtenDown(view, result, how, [lineOf(view, result, place, parts, scope)]);
}

function predictionEquations(view, scope) {
  const { predictions: tree, applies } = view.plan.loss, { predictions, outputs } = scope;
  if (tree) return [equationOf(view, predictions, tree, scope)];
  return applies ? [writtenDown(view, predictions, `${applies.toLowerCase()}(${outputs.symbol})`)] : [];
}

function lossGradientEquation(view) {
  const { plan: { loss }, samples, last } = view, result = namedGradient(view, last), scope = lossScope(view);
  if (loss.derivative === null) return writtenDown(view, result, `what ${loss.class}.backward gives`);
  const count = samples * (loss.mean_over_outputs ? scope.outputs.array.columns : 1);
  return equationOf(view, result, count > 1 ? ["/", loss.derivative, count] : loss.derivative, scope);
}

// ---- The update

function updateEquations(view) {
  const equations = view.plan.optimizer.clip_norm === null ? [] : [lengthEquation(view)];
  view.plan.layers.forEach((_, i) => {
    for (const each of parametersOf(view, i).filter(({ moves }) => moves)) {
      const change = changeOf(view, each);
      if (change.applied !== change.gradient) equations.push(appliedGradientEquation(view, change));
      equations.push(...parameterEquations(view, change));
    }
  });
  return [...equations, ...view.plan.layers.flatMap((_, i) => keptEquations(view, i))];
}

// What the optimizer did to one parameter.
function changeOf({ network, pass, decaying }, each) {
  const { symbol, offset } = each.parameter, { update } = pass;
  const cut = (label, vector) => namedParameter(each, label, vector);
  const before = cut(symbol, network.parameters), after = cut(`new ${symbol}`, update.parametersAfter);
  const gradient = cut(`∂loss/∂${symbol}`, pass.gradients), applied = cut(`g(${symbol})`, update.applied);
  const slip = 1e-12 * largestOf(gradient.array.data); // beside what was recorded
  const differs = (number, k) => Math.abs(number - gradient.array.data[k]) > slip;
  return {
    before, after, gradient, applied: applied.array.data.some(differs) ? applied : gradient,
    stateBefore: mapped(update.stateBefore, (vector, kept) => cut(`${kept}(${symbol})`, vector)),
    stateAfter: mapped(update.stateAfter, (vector, kept) => cut(`new ${kept}(${symbol})`, vector)),
    decays: decaying !== null && decaying.data[offset] > 0,
    places: largestMoves(before.array, after.array),
  };
}

// The entries that are worked out: all of a few, else those that move most, in order.
function largestMoves(before, after) {
  const { length } = before.data, place = (k) => [Math.floor(k / before.columns), k % before.columns];
  if (length <= MOST_LINES) return Array.from({ length }, (_, k) => place(k));
  // In single precision, so that moves which are alike but for rounding count as alike.
  const moves = Float32Array.from(before.data, (number, k) => Math.abs(after.data[k] - number));
  return Array.from({ length: MOST_LINES }, () => {
    const largest = moves.reduce((most, move, k) => move > moves[most] ? k : most, 0);
    moves[largest] = -1;
    return place(largest);
  });
}

function parameterEquations(view, { before, after, applied, stateBefore, stateAfter, decays, places }) {
  const { plan: { optimizer }, pass: { update } } = view, { lines } = optimizer;
  const scope = {
    __proto__: null, ...settingsOf(optimizer.settings), ...stateBefore, parameter: before,
    gradient: applied, learning_rate: namedNumber("learning_rate", update.rate),
    step: namedNumber("t", update.step),
  };
  if (!("parameter" in lines)) {
    scope.change = { ...after, symbol: "change", array: operations["-"](after.array, before.array) };
    return [equationOf(view, after, ["+", "parameter", "change"], scope, places)];
  }
  const equations = [], shrunk = decays && optimizer.decay.parameter;
  const tree = shrunk ? substituted(lines.parameter, { parameter: shrunk }) : lines.parameter;
  for (const [name, kept] of Object.entries(stateAfter)) {
    if (name in lines) equations.push(equationOf(view, kept, lines[name], scope, places));
    scope[name] = kept;
  }
  return [...equations, equationOf(view, after, tree, scope, places)];
}

// The length that clip_norm looks at.
function lengthEquation(view) {
  const { plan: { optimizer: { clip_value: limit } }, pass: { gradients, update } } = view;
  const held = limit === null ? gradients : gradients.map((each) => Math.min(Math.max(each, -limit), limit));
  const squares = ["sum features", ["** 2", "gradient"]];
  const terms = plugged(squares, { gradient: matrix(1, held.length, held) }, [0, 0]);
  const result = namedNumber("length", update.length), clipped = limit === null ? "" : ", clipped by value";
  const line = lineOf(view, result, [0, 0], ["√(", ...terms, ")"], {});
  return writtenDown(view, result, `√(Σ gradient² over all parameters${clipped})`, [line]);
}

// What clipping and weight decay make of a gradient.
function appliedGradientEquation(view, { before, gradient, applied, decays, places }) {
  const { plan: { optimizer }, pass: { update: { length } } } = view, { clip, decay } = optimizer;
  const { clip_value, clip_norm, weight_decay } = optimizer, done = [];
  if (!Object.keys(clip).length || !Object.keys(decay).length) {
    return writtenDown(view, applied, `what ${optimizer.class} makes of ${gradient.symbol}`);
  }
  if (clip_value !== null) done.push(clip.clip_value);
  if (clip_norm !== null && length > clip_norm) done.push(clip.clip_norm);
  if (decays && decay.gradient) done.push(decay.gradient);
  const tree = done.reduce((line, each) => substituted(each, { gradient: line }), "gradient");
  const given = { clip_value, clip_norm, weight_decay, length };
  const numbers = mapped(given, (number, name) => namedNumber(name, number));
  const scope = { __proto__: null, ...numbers, gradient, parameter: before };
  return equationOf(view, applied, tree, scope, places);
}

// What a layer keeps of a batch besides its parameters.
function keptEquations(view, i) {
  const { plan, pass, network } = view, layer = plan.layers[i];
  const symbol = (name) => `${name}(${plan.flows[i]})`;
  const old = statesWithin(network.layers[i].snapshot()), now = pass.layersAfter[i];
  const differs = ({ data }, other) => data.some((each, k) => each !== other.data[k]);
  const changed = Object.keys(now).filter((name) => differs(now[name], old[name]));
  const axes = (name) => typeof layer.state[name] === "number" ? 0 : 1;
  const before = mapped(old, (array, name) => named(symbol(name), array, { axes: axes(name) }));
  const scope = { __proto__: null, ...layerScope(view, i), ...before };
  const lines = needed(usable(layer.after, scope), changed);
  const between = lines.filter(([name]) => name in layer.after && !(name in before));
  for (const [name, tree] of between) {
    const array = compile(tree)(valuesOf(scope));
    scope[name] = named(name, array, { axes: array.data.length > 1 ? 2 : 0 });
  }
  const equation = (name, result) => {
    const line = lines.find(([each]) => each === name);
    if (line) return equationOf(view, result, line[1], scope);
    return writtenDown(view, result, `what ${layer.class}.after_step makes of ${symbol(name)}`);
  };
  return [
    ...between.map(([name]) => equation(name, scope[name])),
    ...changed.map((name) => equation(
      name, { ...before[name], symbol: `new ${symbol(name)}`, array: now[name] })),
  ];
}

// ---- After the update

// Each flow as it is now, and as it was before.
function afterEquations(view) {
  const { plan, pass, samples, loss } = view, rest = { formula: "", lines: [], more: 0 };
  const beside = (symbol, before, array) => (
    { symbol: `new ${symbol}`, ...rest, array, before: { symbol, array: before } });
  const shown = (array) => excerptOf(view, partShown(view, namedRows("", array)));
  const { flows: old, flowsAfter } = pass;
  const flows = plan.flows.map((symbol, i) => beside(symbol, shown(old[i]), shown(flowsAfter[i])));
  const own = samples > 1 ? [beside(OWN_LOSS, [[loss.own]], [[loss.ownAfter]])] : [];
  return [...flows.slice(1), ...own, beside("loss", [[loss.batch]], [[loss.batchAfter]])];
}

// ---- Arrays

function entryAt({ rows, columns, data }, row, column) {
  return data[(rows > 1 ? row : 0) * columns + (columns > 1 ? column : 0)];
}

function rowOfSample({ rows, columns, data }, sample) {
  const start = rows > 1 ? sample * columns : 0;
  return matrix(1, columns, data.subarray(start, start + columns));
}
