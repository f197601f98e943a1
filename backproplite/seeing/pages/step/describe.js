// What the page of a step shows of a network, of one whole step of it, and of one sample: plain data,
// texts and the ids of what is drawn, in the words of the library's own printed trace.

const MOST_LINES = 6; // entries of one array that are worked out
const MOST_NUMBERS = 36; // of an array that is shown whole
const UNITS = [12, 8, 6, 4], FEWEST_UNITS = 3; // of a column that are drawn: the most that keep within
const MOST_EDGES = 300;
const SIDES = [8, 28]; // of inputs that are drawn as an image
const OWN_LOSS = "own loss"; // of one sample of a batch

function describe(network, pass, sample) {
  const { plan, alive, why } = network, { head, note, digits } = plan;
  const view = { network, plan, pass, sample, digits, samples: pass.flows[0].rows, last: plan.layers.length };
  view.own = ownLosses(view, pass.costs);
  view.ownAfter = ownLosses(view, pass.costsAfter);
  view.units = UNITS.find((units) => edgesDrawn(view, units) <= MOST_EDGES) ?? FEWEST_UNITS;
  const moves = pass.update.parametersAfter.map((after, k) => Math.abs(after - network.parameters[k]));
  view.largestMove = moves.reduce((most, move) => Math.max(most, move), 0) || 1;
  const columns = columnsOf(view), links = linksOf(view);
  view.drawn = new Set([...columns, ...links].flatMap(idsWithin));
  const { samples } = view, loss = lossTexts(view), stages = stagesOf(view);
  return { samples, sample, alive, why, head, note, digits, loss, columns, links, stages };
}

function idsWithin({ id, units = [], edges = [], biases = [] }) {
  return [id, ...[...units, ...edges, ...biases].map((each) => each.id)];
}

// ---- The drawing: columns of units are what flows, links are the layers between them

function columnsOf(view) {
  const { plan, network, pass, last } = view, { x, y } = network;
  const flows = plan.flows.map((symbol, i) => {
    const gradients = i < last ? pass.gradFlows[i] : pass.gradOutput, after = i > 0 && pass.flowsAfter[i];
    return columnOf(view, `u${i}`, symbol, "flow", pass.flows[i], gradients, after, i === 0 && "x");
  });
  const targets = columnOf(view, `u${last + 2}`, "y", "targets", y, null, null, "y");
  return [...flows, lossColumn(view), targets];
}

function columnOf(view, id, symbol, kind, flow, gradients, after, what) {
  const { sample, network, digits } = view, { columns } = flow, side = what === "x" && imageSide(columns);
  const text = (array, j) => array ? rounded(entryAt(array, sample, j), digits) : null;
  const units = Array.from({ length: side ? columns : Math.min(view.units, columns) }, (_, j) => ({
    id: `${id}.${j}`, index: j, symbol: `${symbol}[${indexOf(view, sample, j)}]`,
    value: text(flow, j), gradient: text(gradients, j), after: text(after, j), raw: entryAt(flow, sample, j),
    editable: what && network.alive ? { what, row: sample, column: j } : null,
    pixel: side ? { row: Math.floor(j / side), column: j % side } : null,
  }));
  return { id, symbol, size: columns, kind, side: side || null, units };
}

// The loss of the sample that is shown.
function lossColumn(view) {
  const { own, after, raw } = lossTexts(view);
  const unit = { id: "loss", index: 0, symbol: view.samples > 1 ? `${OWN_LOSS}[${view.sample}]` : "loss", raw };
  const others = { value: own, gradient: null, after, editable: null, pixel: null };
  return { id: `u${view.last + 1}`, symbol: "loss", size: 1, kind: "loss", side: null, units: [{ ...unit, ...others }] };
}

function linksOf(view) {
  const { plan, pass, last, digits } = view;
  const layers = plan.layers.map((layer, i) => ({
    id: `l${i}`, name: nameOf(layer), wiring: wiringOf(view, i), frozen: layer.frozen,
    edges: edgesOf(view, i), biases: biasesOf(view, i),
  }));
  const edges = Array.from({ length: drawnUnits(view, last) }, (_, j) => (
    { id: `e${last}.${j}.0`, from: j, to: 0, weight: null, slope: null }));
  const loss = { id: `l${last}`, name: plan.loss.name, wiring: "dense", frozen: false, edges, biases: [] };
  return [...layers, loss];
}

function edgesOf(view, i) {
  const wiring = wiringOf(view, i), from = drawnUnits(view, i), to = drawnUnits(view, i + 1);
  if (wiring === "all") return [];
  if (wiring === "each") {
    const slopes = slopesOf(view, i), text = (j) => rounded(entryAt(slopes, view.sample, j), view.digits);
    return Array.from({ length: to }, (_, j) => (
      { id: `e${i}.${j}.${j}`, from: j, to: j, weight: null, slope: slopes ? text(j) : null }));
  }
  return Array.from({ length: from * to }, (_, k) => {
    const row = Math.floor(k / to), column = k % to;
    const weight = parameterAt(view, i, "weight", row, column);
    return { id: `e${i}.${row}.${column}`, from: row, to: column, weight, slope: null };
  });
}

// The parameters that belong to one unit each.
function biasesOf(view, i) {
  const { columns } = view.pass.flows[i + 1], parameters = Object.entries(view.plan.layers[i].parameters ?? {});
  return parameters.filter(([, { shape }]) => shape.length === 1 && shape[0] === columns).flatMap(([name]) =>
    Array.from({ length: drawnUnits(view, i + 1) }, (_, unit) => (
      { id: biasId(i, name, unit), unit, ...parameterAt(view, i, name, 0, unit) })));
}

const biasId = (i, name, unit) => `b${i}.${unit}${name === "bias" ? "" : `.${name}`}`;

function parameterAt(view, i, name, row, column) {
  const { network, pass, plan, digits } = view, { symbol, shape, offset } = plan.layers[i].parameters[name];
  const k = offset + row * shape.at(-1) + column, raw = network.parameters[k];
  const after = pass.update.parametersAfter[k], text = (number) => rounded(number, digits);
  return {
    symbol: `${symbol}[${shape.length > 1 ? `${row}, ` : ""}${column}]`, parameter: k, raw, value: text(raw),
    gradient: plan.layers[i].frozen ? null : text(pass.gradients[k]),
    after: text(after), move: (after - raw) / view.largestMove,
  };
}

// "dense", or "each" unit to its own, or "all" to all.
function wiringOf({ plan, pass }, i) {
  const { parameters, elementwise } = plan.layers[i], shape = parameters?.weight?.shape ?? [];
  const dense = shape[0] === pass.flows[i].columns && shape[1] === pass.flows[i + 1].columns;
  return dense ? "dense" : elementwise ? "each" : "all";
}

// How each unit of a layer changes with its own input, if it has no other.
function slopesOf({ plan, pass }, i) {
  const { derivative, draws } = plan.layers[i], scope = pass.scopes[i];
  if (draws) return scope[draws];
  return derivative === undefined ? null : compile(derivative)(scope);
}

function imageSide(columns) {
  const side = Math.sqrt(columns);
  return SIDES.includes(side) ? side : 0;
}

function drawnUnits(view, i) {
  const { columns } = view.pass.flows[i];
  return i === 0 && imageSide(columns) ? columns : Math.min(view.units, columns);
}

// How many edges there are if so many units of a column are drawn; an image has none.
function edgesDrawn(view, units) {
  const width = (i) => i === 0 && imageSide(view.pass.flows[0].columns) ? 0 : Math.min(units, view.pass.flows[i].columns);
  const counts = { dense: (i) => width(i) * width(i + 1), each: width, all: () => 0 };
  return view.plan.layers.reduce((sum, _, i) => sum + counts[wiringOf(view, i)](i), 0);
}

// ---- Losses: the batch's, and what one sample costs by itself

function ownLosses({ plan, samples }, costs) {
  const width = costs.columns, share = plan.loss.mean_over_outputs ? width : 1;
  return matrix(samples, 1, Float64Array.from({ length: samples }, (_, i) =>
    costs.data.subarray(i * width, (i + 1) * width).reduce((sum, each) => sum + each, 0) / share));
}

function lossTexts({ pass, own, ownAfter, sample, samples, digits }) {
  const [batch, batchAfter] = textsToTell(pass.loss, pass.lossAfter, digits);
  const raw = samples > 1 ? own.data[sample] : pass.loss, later = samples > 1 ? ownAfter.data[sample] : pass.lossAfter;
  const [mine, after] = textsToTell(raw, later, digits);
  return { batch, batchAfter, own: mine, ownAfter: after, after, raw, verdict: verdictOf(pass, digits) };
}

function verdictOf({ loss, lossAfter }, digits) {
  const change = lossAfter - loss, percent = 100 * Math.abs(change / loss);
  if (!Number.isFinite(change) || loss === 0) return `The loss went from ${rounded(loss, 6)} to ${rounded(lossAfter, 6)}.`;
  if (change === 0) return `The loss stayed at ${rounded(loss, 6)}.`;
  let much = percent >= 0.01 && percent < 1e6 ? `${percent.toFixed(2)} %` : `${rounded(percent, 2)} %`;
  if (percent < 1) much += `, from ${textsToTell(loss, lossAfter, digits).join(" to ")}`;
  return `The loss ${change < 0 ? "fell" : "rose"} by ${much}.`;
}

// Two numbers, to as many digits as it takes to see by how much they differ.
function textsToTell(before, after, digits) {
  const change = Math.abs(after - before), size = Math.max(Math.abs(before), Math.abs(after));
  const needed = change && Number.isFinite(change) ? Math.min(2 - Math.floor(Math.log10(change / size)), 17) : 0;
  return [before, after].map((number) => rounded(number, Math.max(digits, needed)));
}

// ---- What lines may use: arrays with their symbols, and where they are drawn
//
// `axes` is how many indices name an entry, `bySample` whether its rows are those of the samples, `whole`
// the id of all of it in the drawing, and `at` that of an entry.

function named(symbol, array, { axes = 2, bySample = false, whole = null, at = () => null } = {}) {
  return { symbol, array, axes, bySample, whole, at };
}

// Of rows of samples, of which a single one needs no index.
function namedRows(symbol, array, whole = null, at = () => null) {
  return named(symbol, array, { axes: array.rows > 1 ? 2 : 1, bySample: true, whole, at });
}

function namedUnits(symbol, array, whole) {
  return namedRows(symbol, array, whole, (row, column) => `${whole}.${column}`);
}

const namedNumber = (symbol, number) => named(symbol, constant(number), { axes: 0 });

const namedFlow = ({ plan, pass }, i) => namedUnits(plan.flows[i], pass.flows[i], `u${i}`);

function namedGradient({ plan, pass, last }, i) {
  return namedUnits(`∂loss/∂${plan.flows[i]}`, i < last ? pass.gradFlows[i] : pass.gradOutput, `u${i}`);
}

// A parameter, or what belongs to it, cut out of a vector of all parameters.
function namedParameter({ pass }, i, name, { shape, offset }, symbol, vector) {
  const [columns = 1, rows = 1] = [...shape].reverse();
  const dense = shape.length === 2;
  const at = dense ? (row, column) => `e${i}.${row}.${column}` : (_, column) => biasId(i, name, column);
  return named(symbol, matrix(rows, columns, vector.subarray(offset, offset + rows * columns)),
    { axes: shape.length, whole: `l${i}`, at });
}

function settingsOf(settings = {}) {
  return mapped(settings, (number, name) => namedNumber(name, number));
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
}

function layerScope(view, i) {
  const { plan, pass, network } = view, layer = plan.layers[i];
  const { grad_input: _, ...arrays } = pass.scopes[i], scope = mapped(arrays, (array, name) => namedRows(name, array));
  const { rows, columns } = pass.flows[i];
  Object.assign(scope, { samples: namedNumber("n", rows), features: namedNumber("n", columns) });
  for (const [name, parameter] of Object.entries(layer.parameters ?? {})) {
    const { symbol } = parameter;
    scope[name] = namedParameter(view, i, name, parameter, symbol, network.parameters);
    scope[`grad_${name}`] = namedParameter(view, i, name, parameter, `∂loss/∂${symbol}`, pass.gradients);
  }
  Object.assign(scope, { x: namedFlow(view, i), output: namedFlow(view, i + 1) });
  if (i >= network.firstTrained) scope.grad_output = namedGradient(view, i + 1);
  if (i > network.firstTrained) scope.grad_input = namedGradient(view, i);
  if (layer.draws) scope[layer.draws].at = (row, column) => `e${i}.${column}.${column}`;
  return scope;
}

// A scope, with what lines give that is not there yet.
function completed(scope, lines) {
  for (const [name, tree] of lines) {
    if (!(name in scope)) scope[name] = namedRows(name, compile(tree)(valuesOf(scope)));
  }
  return scope;
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
  const lines = places.map(([row, column]) =>
    lineOf(view, result, row, column, plugged(tree, values, [row, column]), scope));
  return writtenDown(view, result, formula(tree, symbolsOf(scope)), lines, scope);
}

function writtenDown(view, result, formulaText, lines = [], scope = {}) {
  const part = partShown(view, result), more = part.data.length - lines.length;
  const array = more ? excerptOf(view, part) : null;
  const { symbol } = result, terms = termsOf(formulaText, scope);
  return { symbol, formula: formulaText, terms, lines, more: lines.length ? more : 0, array, before: null };
}

// Of rows of samples, that of the chosen one.
function partShown({ sample }, { array, bySample }) {
  if (!bySample || array.rows === 1) return array;
  return matrix(1, array.columns, array.data.subarray(sample * array.columns, (sample + 1) * array.columns));
}

function firstPlaces({ sample }, { array, bySample }) {
  const { rows, columns } = array, count = Math.min(MOST_LINES, bySample ? columns : rows * columns);
  const first = bySample && rows > 1 ? sample : 0;
  return Array.from({ length: count }, (_, k) => [first + Math.floor(k / columns), k % columns]);
}

function lineOf(view, result, row, column, parts, scope) {
  const ref = drawnId(view, result.at(row, column)), value = rounded(entryAt(result.array, row, column), view.digits);
  const index = [row, column].slice(2 - result.axes).join(", ");
  const label = result.axes ? `${result.symbol}[${index}]` : result.symbol;
  const shown = parts.map((part) => partOf(view, part, scope));
  const how = shown.map((part) => part.text ?? part).join("");
  return { label, ref, parts: how === value ? [] : shown, value, valueRef: ref };
}

function partOf(view, part, scope) {
  if (typeof part === "string") return part;
  const text = rounded(part.number, view.digits), ref = drawnId(view, scope[part.name]?.at(part.row, part.column));
  return ref ? { text, ref } : text;
}

const drawnId = (view, id) => view.drawn.has(id) ? id : null;

// The words of a formula; those that are symbols say what they stand for in the drawing.
function termsOf(text, scope) {
  const places = Object.fromEntries(Object.values(scope).map(({ symbol, whole }) => [symbol, whole]));
  return text.split(" ").filter(Boolean).map((word) => {
    const ref = places[word.replace(/^.*[(|√-]/, "").replace(/[)|²³ᵀ,]*$/, "")];
    return ref ? { text: word, ref } : word;
  });
}

// An array as rows of text; of a large one the corners, as in print.
function excerptOf({ digits }, array) {
  const ends = (length) => array.data.length > MOST_NUMBERS && length > 6
    ? [0, 1, 2, null, length - 3, length - 2, length - 1] : Array.from({ length }, (_, k) => k);
  return ends(array.rows).map((i) => ends(array.columns).map((j) =>
    i === null || j === null ? "…" : rounded(entryAt(array, i, j), digits)));
}

// ---- Stages, in the order in which they happen

function stagesOf(view) {
  const { plan, last, network, samples } = view, { layers, loss, optimizer } = plan, { firstTrained } = network;
  const stage = (name, title, way, layer, equations) => ({ name, title, way, layer, equations });
  const forward = layers.map((layer, i) => stage(
    `${layer.place}.forward`, `Forward through ${titleOf(layer)}`, "forward", i, forwardEquations(view, i)));
  const backward = layers.map((layer, i) => i >= firstTrained && stage(
    `${layer.place}.backward`, `Backward through ${titleOf(layer)}`, "backward", i, backwardEquations(view, i)));
  const given = samples > 1 ? "the samples, their targets" : "the sample, its target";
  const byOutput = "Backward: how the loss changes with the network's output";
  const again = "After the update: the same forward pass with the new parameters";
  return [
    stage("setup", `Setup: ${given}, the parameters`, "setup", null, setupEquations(view)),
    ...forward,
    stage("loss.forward", `Loss: ${loss.name}`, "forward", last, lossEquations(view)),
    stage("loss.backward", byOutput, "backward", last, [lossGradientEquation(view)]),
    ...backward.filter(Boolean).reverse(),
    stage("update", `Update by ${optimizer.name}`, "update", null, updateEquations(view)),
    stage("after", again, "after", null, afterEquations(view)),
  ];
}

const nameOf = ({ name, frozen }) => name + (frozen ? ", frozen" : "");
const titleOf = (layer) => `${layer.place} ${nameOf(layer)}`;

function setupEquations(view) {
  const { plan, network, last } = view, { x, y } = network;
  const parameters = parametersOf(view).map(({ i, name, parameter }) =>
    namedParameter(view, i, name, parameter, parameter.symbol, network.parameters));
  return [named("x", x), named("y", y), ...parameters].map((each) => writtenDown(view, each, ""));
}

function parametersOf({ plan }) {
  return plan.layers.flatMap((layer, i) =>
    Object.entries(layer.parameters ?? {}).map(([name, parameter]) => ({ layer, i, name, parameter })));
}

function forwardEquations(view, i) {
  const layer = view.plan.layers[i], lines = Object.entries(layer.forward ?? {}), scope = layerScope(view, i);
  if (!lines.length) return [writtenDown(view, scope.output, `${layer.class}(${scope.x.symbol})`, [], scope)];
  completed(scope, lines);
  return lines.map(([name, tree]) => equationOf(view, scope[name], tree, scope));
}

function backwardEquations(view, i) {
  const layer = view.plan.layers[i], scope = layerScope(view, i), own = Object.keys(layer.parameters ?? {});
  const results = layer.frozen ? [] : own.map((name) => `grad_${name}`);
  if (scope.grad_input) results.push("grad_input");
  const lines = needed(Object.entries(layer.backward ?? {}), results);
  completed(scope, lines);
  const by = scope.grad_output.symbol, { x } = scope;
  const how = layer.elementwise ? `${by} · ${layer.class}′(${x.symbol})` : `what ${layer.class}.backward makes of ${by}`;
  const written = lines.map(([name]) => name), others = results.filter((name) => !written.includes(name));
  return [
    ...lines.map(([name, tree]) => equationOf(view, scope[name], tree, scope)),
    ...others.map((name) => writtenDown(view, scope[name], how, [], scope)),
  ];
}

// ---- The loss

function lossScope(view) {
  const { plan, pass, network, last } = view, outputs = namedFlow(view, last);
  return {
    ...settingsOf(plan.loss.settings), outputs,
    targets: namedUnits("y", network.y, `u${last + 2}`),
    predictions: namedUnits("prediction", pass.predictions, `u${last}`),
    samples: namedNumber("n", outputs.array.rows), features: namedNumber("n", outputs.array.columns),
  };
}

function lossEquations(view) {
  const { plan, pass, samples, own, sample } = view, scope = lossScope(view), { loss } = plan;
  const mine = named(OWN_LOSS, own, { axes: 2, bySample: true, at: () => "loss" });
  const total = named("loss", constant(pass.loss), { axes: 0, at: () => "loss" });
  const costs = costsWritten(view, scope), equations = predictionEquations(view, scope);
  if (samples === 1) return [...equations, costsEquation(view, total, costs, scope)];
  const parts = ["(", ...plugged(["sum samples", "own"], { own }, [0, 0]), `) / ${samples}`];
  const mean = lineOf(view, total, 0, 0, parts, { own: mine });
  const formulaText = `(Σ ${OWN_LOSS}) / ${samples}`;
  return [...equations, costsEquation(view, mine, costs, scope), writtenDown(view, total, formulaText, [mean])];
}

function costsEquation(view, result, { formulaText, parts }, scope) {
  const row = result.bySample ? view.sample : 0;
  const line = parts && lineOf(view, result, row, 0, parts, scope);
  if (line && result.bySample) line.label = `${OWN_LOSS}[${row}]`;
  return writtenDown(view, result, formulaText, line ? [line] : [], scope);
}

// What the chosen sample costs, in symbols and in numbers: a sum over its outputs, or their mean.
function costsWritten({ plan, sample, samples }, scope) {
  const { costs, labels, mean_over_outputs: averaged } = plan.loss, { outputs, targets } = scope;
  if (costs === undefined || costs === null) return { formulaText: `${plan.loss.class}(${outputs.symbol}, y)`, parts: null };
  const { columns } = outputs.array, count = averaged ? columns : 1, values = valuesOf(scope);
  const entries = Array.from({ length: compile(costs)(values).columns }, (_, j) => [sample, j])
    .filter(([i, j]) => labels !== "categorical" || entryAt(targets.array, i, j)); // other classes cost nothing
  let parts = plugged(costs, values, ...entries);
  let formulaText = formula(costs, symbolsOf(scope), columns === 1 ? undefined : forms.ranks.MATRIX);
  if (columns > 1) formulaText = `Σ ${formulaText}`;
  if (count > 1) [formulaText, parts] = [`(${formulaText}) / ${count}`, ["(", ...parts, `) / ${count}`]];
  return { formulaText, parts };
}

function predictionEquations(view, scope) {
  const { predictions: tree, applies } = view.plan.loss, { predictions, outputs } = scope;
  if (tree) return [equationOf(view, predictions, tree, scope)];
  return applies ? [writtenDown(view, predictions, `${applies.toLowerCase()}(${outputs.symbol})`, [], scope)] : [];
}

function lossGradientEquation(view) {
  const { plan, samples, last } = view, { derivative, mean_over_outputs: averaged } = plan.loss;
  const result = namedGradient(view, last), scope = lossScope(view);
  const count = samples * (averaged ? scope.outputs.array.columns : 1);
  if (!derivative && derivative !== 0) return writtenDown(view, result, `what ${plan.loss.class}.backward gives`);
  return equationOf(view, result, count > 1 ? ["/", derivative, count] : derivative, scope);
}

// ---- The update

function updateEquations(view) {
  const changes = parametersOf(view).filter(({ layer }) => !layer.frozen).map((each) => changeOf(view, each));
  const equations = view.plan.optimizer.clip_norm ? [lengthEquation(view)] : [];
  for (const change of changes) {
    if (change.applied !== change.gradient) equations.push(appliedGradientEquation(view, change));
    equations.push(...parameterEquations(view, change));
  }
  view.plan.layers.forEach((_, i) => equations.push(...keptEquations(view, i)));
  return equations;
}

// What the optimizer did to one parameter.
function changeOf(view, { i, name, parameter }) {
  const { network, pass, plan } = view, { symbol, offset } = parameter, { update } = pass;
  const cut = (label, vector) => namedParameter(view, i, name, parameter, label, vector);
  const before = cut(symbol, network.parameters), gradient = cut(`∂loss/∂${symbol}`, pass.gradients);
  const applied = cut(`g(${symbol})`, update.applied), after = cut(`new ${symbol}`, update.parametersAfter);
  const unchanged = applied.array.data.every((each, k) => each === gradient.array.data[k]);
  return {
    before, after, gradient, applied: unchanged ? gradient : applied,
    stateBefore: mapped(update.stateBefore, (vector, kept) => cut(`${kept}(${symbol})`, vector)),
    stateAfter: mapped(update.stateAfter, (vector, kept) => cut(`new ${kept}(${symbol})`, vector)),
    decays: plan.optimizer.weight_decay > 0 && (!plan.decaying || fromPlain(plan.decaying).data[offset] > 0),
    places: largestMoves(before.array, after.array),
  };
}

// The entries that are worked out: all of a few, else those that move most, in order.
function largestMoves(before, after) {
  const places = Array.from(before.data, (_, k) => [Math.floor(k / before.columns), k % before.columns]);
  if (places.length <= MOST_LINES) return places;
  // In single precision, so that moves which are alike but for rounding count as alike.
  const moves = Float32Array.from(before.data, (each, k) => Math.abs(after.data[k] - each));
  const order = Array.from(moves.keys()).sort((k, l) => moves[l] - moves[k]);
  return order.slice(0, MOST_LINES).map((k) => places[k]);
}

function parameterEquations(view, change) {
  const { optimizer } = view.plan, { rate, step } = view.pass.update, { before, after, places } = change;
  const lines = optimizer.lines ?? {}, scope = {
    ...settingsOf(optimizer.settings), ...change.stateBefore, parameter: before, gradient: change.applied,
    learning_rate: namedNumber("learning_rate", rate), step: namedNumber("t", step),
  };
  if (!("parameter" in lines)) {
    const moved = after.array.data.map((each, k) => each - before.array.data[k]);
    scope.change = { ...before, symbol: "change", array: matrix(before.array.rows, before.array.columns, moved) };
    return [equationOf(view, after, ["+", "parameter", "change"], scope, places)];
  }
  const equations = [], shrunk = change.decays && optimizer.decay?.parameter;
  const tree = shrunk ? substituted(lines.parameter, { parameter: shrunk }) : lines.parameter;
  for (const [name, kept] of Object.entries(change.stateAfter)) {
    if (name in lines) equations.push(equationOf(view, kept, lines[name], scope, places));
    scope[name] = kept;
  }
  return [...equations, equationOf(view, after, tree, scope, places)];
}

// The length that clip_norm looks at.
function lengthEquation(view) {
  const { clip_value: limit } = view.plan.optimizer, { gradients, update } = view.pass;
  const held = limit ? gradients.map((each) => Math.min(Math.max(each, -limit), limit)) : gradients;
  const entries = Array.from(held, (_, k) => [0, k]);
  const terms = plugged(["** 2", "gradient"], { gradient: matrix(1, held.length, held) }, ...entries);
  const result = namedNumber("length", update.length), line = lineOf(view, result, 0, 0, ["√(", ...terms, ")"], {});
  const how = `√(Σ gradient² over all parameters${limit ? ", clipped by value" : ""})`;
  return writtenDown(view, result, how, [line]);
}

// What clipping and weight decay make of a gradient.
function appliedGradientEquation(view, { before, gradient, applied, decays, places }) {
  const { optimizer } = view.plan, { clip, decay, clip_value, clip_norm, weight_decay } = optimizer;
  const { length } = view.pass.update, done = [];
  const written = clip && decay && Object.keys(clip).length && Object.keys(decay).length;
  if (!written) return writtenDown(view, applied, `what ${optimizer.class} makes of ${gradient.symbol}`);
  if (clip_value) done.push(clip.clip_value);
  if (clip_norm && length > clip_norm) done.push(clip.clip_norm);
  if (decays && "gradient" in decay) done.push(decay.gradient);
  const tree = done.reduce((line, each) => substituted(each, { gradient: line }), "gradient");
  const numbers = mapped({ clip_value, clip_norm, weight_decay, length }, (number, name) => namedNumber(name, number));
  return equationOf(view, applied, tree, { ...numbers, gradient, parameter: before }, places);
}

// What a layer keeps of a batch besides its parameters.
function keptEquations(view, i) {
  const { plan, pass } = view, layer = plan.layers[i], { state } = pass.layersAfter[i];
  const before = mapped(layer.state ?? {}, (plain, name) => named(
    `${name}(${plan.flows[i]})`, pass.scopes[i][name] ?? fromPlain(plain), { axes: axesOf(plain) }));
  const differs = (name) => state[name].data.some((each, k) => each !== before[name].array.data[k]);
  const changed = Object.keys(before).filter(differs);
  const scope = { ...layerScope(view, i), ...before };
  const lines = needed(Object.entries(layer.after ?? {}), changed);
  const equations = [];
  for (const [name, tree] of lines) {
    const kept = changed.includes(name) && named(`new ${before[name].symbol}`, state[name], { axes: before[name].axes });
    if (!kept && name in scope) continue;
    const value = kept || namedIntermediate(name, compile(tree)(valuesOf(scope)));
    if (!kept) scope[name] = value;
    equations.push(equationOf(view, value, tree, scope));
  }
  return equations;
}

// ---- After the update

function afterEquations(view) {
  const { plan, pass, own, ownAfter, samples, digits } = view;
  const beside = (old, array) => {
    const before = { symbol: old.symbol, array: excerptOf(view, partShown(view, old)) };
    return { ...writtenDown(view, { ...old, symbol: `new ${old.symbol}`, array }, ""), before };
  };
  const flows = plan.layers.map((_, i) => beside(namedFlow(view, i + 1), pass.flowsAfter[i + 1]));
  const mine = beside(namedRows(OWN_LOSS, own), ownAfter);
  const total = beside(namedNumber("loss", pass.loss), constant(pass.lossAfter));
  const { batch, batchAfter, own: text, ownAfter: textAfter } = lossTexts(view);
  [mine.before.array, mine.array, total.before.array, total.array] = [[[text]], [[textAfter]], [[batch]], [[batchAfter]]];
  return [...flows, ...(samples > 1 ? [mine] : []), total];
}

// ---- Arrays

const entryAt = ({ rows, columns, data }, row, column) =>
  data[(rows > 1 ? row : 0) * columns + (columns > 1 ? column : 0)];

const axesOf = (plain) => typeof plain === "number" ? 0 : 1;

function namedIntermediate(name, array) {
  return named(name, array, { axes: array.data.length > 1 ? 2 : 0 });
}

const indexOf = ({ samples }, row, column) => samples > 1 ? `${row}, ${column}` : `${column}`;
