// What the page of a step shows of a network, of one whole step of it, and of one sample: plain data,
// numbers as text. Equations are in equations.js; whatever they name in the drawing, they name by the
// ids of its units, edges and biases.

const UNITS = [12, 8, 6, 4], FEWEST_UNITS = 3; // of a column that are drawn: the most that keep within
const MOST_EDGES = 300;
const IMAGES = [64]; // numbers of inputs that are drawn as an image: 8 by 8

function describe(network, pass, sample) {
  const { plan, alive, why } = network, { head, note, digits } = plan;
  const samples = pass.flows[0].rows, last = plan.layers.length;
  const view = { network, plan, pass, sample, digits, samples, last };
  view.decaying = plan.decaying && fromPlain(plan.decaying);
  view.own = ownLosses(view, pass.costs);
  view.ownAfter = ownLosses(view, pass.costsAfter);
  view.loss = lossTexts(view);
  view.units = UNITS.find((units) => edgesDrawn(view, units) <= MOST_EDGES) ?? FEWEST_UNITS;
  const moves = pass.update.parametersAfter.map((after, k) => after - network.parameters[k]);
  view.largestMove = largestOf(moves) || 1;
  const columns = columnsOf(view), links = linksOf(view);
  view.drawn = new Set([...columns, ...links].flatMap(idsWithin));
  const stages = stagesOf(view);
  return { samples, sample, alive, why, head, note, digits, loss: view.loss, columns, links, stages };
}

function idsWithin({ units = [], edges = [], biases = [] }) {
  return [...units, ...edges, ...biases].map(({ id }) => id);
}

const smallerOf = (a, b) => Math.min(a, b), largerOf = (a, b) => Math.max(a, b);

// ---- The drawing: columns of units are what flows, links are the layers between them

function columnsOf(view) {
  const { plan, network, pass, last, loss, samples, sample } = view;
  const flows = plan.flows.map((symbol, i) => {
    const value = pass.flows[i], gradient = i < last ? pass.gradFlows[i] : pass.gradOutput;
    const after = i ? pass.flowsAfter[i] : null;
    const units = unitsOf(view, `u${i}`, { value, gradient, after }, i ? null : "x");
    return { symbol, size: value.columns, kind: "flow", units };
  });
  const { own: value, ownAfter: after } = loss, raw = samples > 1 ? view.own.data[sample] : pass.loss;
  const unit = { id: "loss", index: 0, value, gradient: null, after, raw, editable: null, pixel: null };
  const targets = unitsOf(view, `u${last + 2}`, { value: network.y }, "y");
  return [
    ...flows,
    { symbol: "loss", size: 1, kind: "loss", units: [unit] },
    { symbol: "y", size: network.y.columns, kind: "targets", units: targets },
  ];
}

// Of an image all units are drawn, by how bright they are.
function unitsOf(view, id, { value, gradient = null, after = null }, what) {
  const { sample, network, digits } = view, image = what === "x" && isImage(value.columns);
  const { data } = rowOfSample(value, sample), least = data.reduce(smallerOf), most = data.reduce(largerOf);
  const text = (array, j) => array ? rounded(entryAt(array, sample, j), digits) : null;
  return Array.from({ length: image ? value.columns : Math.min(view.units, value.columns) }, (_, j) => ({
    id: `${id}.${j}`, index: j, value: text(value, j), gradient: text(gradient, j), after: text(after, j),
    raw: data[j], editable: what && network.alive ? { what, row: sample, column: j } : null,
    pixel: image ? (data[j] - least) / (most - least || 1) : null,
  }));
}

function linksOf(view) {
  return view.plan.layers.map((layer, i) => ({
    id: `l${i}`, name: layerName(layer), wiring: wiringOf(view, i), frozen: layer.frozen,
    edges: edgesOf(view, i), biases: biasesOf(view, i),
  }));
}

function edgesOf(view, i) {
  const wiring = wiringOf(view, i), from = drawnUnits(view, i), to = drawnUnits(view, i + 1);
  if (wiring === "all") return [];
  if (wiring === "dense") {
    return Array.from({ length: from * to }, (_, k) => {
      const row = Math.floor(k / to), column = k % to, id = `e${i}.${row}.${column}`;
      const weight = parameterAt(view, i, "weight", row, column, id);
      return { id, from: row, to: column, weight, slope: null };
    });
  }
  const slopes = slopesOf(view, i), text = (j) => rounded(entryAt(slopes, view.sample, j), view.digits);
  return Array.from({ length: to }, (_, j) => (
    { id: `e${i}.${j}.${j}`, from: j, to: j, weight: null, slope: slopes ? text(j) : null }));
}

// The layer's own parameters that belong to one unit each.
function biasesOf(view, i) {
  const { columns } = view.pass.flows[i + 1];
  const units = Array.from({ length: drawnUnits(view, i + 1) }, (_, unit) => unit);
  const fits = ([name, { shape }]) => !name.includes(".") && shape.length === 1 && shape[0] === columns;
  return Object.entries(view.plan.layers[i].parameters).filter(fits).flatMap(([name]) =>
    units.map((unit) => ({ unit, ...parameterAt(view, i, name, 0, unit, biasId(i, name, unit)) })));
}

const biasId = (i, name, unit) => `b${i}.${unit}${name === "bias" ? "" : `.${name}`}`;

function parameterAt(view, i, name, row, column, id) {
  const { network, pass, plan, digits } = view, { symbol, shape, offset } = plan.layers[i].parameters[name];
  const k = offset + row * shape.at(-1) + column, raw = network.parameters[k];
  const after = pass.update.parametersAfter[k], text = (number) => rounded(number, digits);
  const index = shape.length > 1 ? `${row}, ${column}` : column;
  return {
    id, symbol: `${symbol}[${index}]`, parameter: k, raw, value: text(raw), after: text(after),
    gradient: plan.layers[i].frozen ? null : text(pass.gradients[k]), move: (after - raw) / view.largestMove,
  };
}

// "dense", or "each" unit to its own, or "all" to all.
function wiringOf({ plan, pass }, i) {
  const { parameters, elementwise, draws, class: name } = plan.layers[i];
  const [rows, columns] = parameters.weight?.shape ?? [];
  if (rows === pass.flows[i].columns && columns === pass.flows[i + 1].columns) return "dense";
  return elementwise || draws || name === "BatchNorm" ? "each" : "all";
}

// How each unit of a layer changes with its own input, where it has no other.
function slopesOf({ plan, pass }, i) {
  const { elementwise, draws } = plan.layers[i], { derivative, [draws]: mask } = pass.scopes[i];
  return (elementwise ? derivative : mask) ?? null;
}

const isImage = (columns) => IMAGES.includes(columns);

function drawnUnits({ pass, units }, i) {
  const { columns } = pass.flows[i];
  return i === 0 && isImage(columns) ? columns : Math.min(units, columns);
}

// How many edges there are if so many units of a column are drawn; those of an image are none.
function edgesDrawn(view, units) {
  const width = (i) => i === 0 && isImage(view.pass.flows[0].columns) ? 0 : drawnUnits({ ...view, units }, i);
  const counts = { dense: (i) => width(i) * width(i + 1), each: width, all: () => 0 };
  return view.plan.layers.reduce((sum, _, i) => sum + counts[wiringOf(view, i)](i), 0);
}

// ---- Losses: the batch's, and what one sample costs by itself

function ownLosses({ plan, pass, samples }, costs) {
  const width = costs.columns, share = plan.loss.mean_over_outputs ? pass.flows.at(-1).columns : 1;
  return matrix(samples, 1, Float64Array.from({ length: samples }, (_, i) =>
    costs.data.subarray(i * width, (i + 1) * width).reduce(add, 0) / share));
}

function lossTexts({ pass, own, ownAfter, sample, samples, digits }) {
  const { loss, lossAfter } = pass, [batch, batchAfter] = textsToTell(loss, lossAfter, digits);
  const one = samples > 1 ? [own.data[sample], ownAfter.data[sample]] : [loss, lossAfter];
  const [mine, mineAfter] = textsToTell(...one, digits);
  return { batch, batchAfter, own: mine, ownAfter: mineAfter, verdict: verdictOf(loss, lossAfter, digits) };
}

function verdictOf(before, after, digits) {
  const change = after - before, percent = 100 * Math.abs(change / before);
  const [old, now] = [before, after].map((number) => general(number, 6));
  if (!Number.isFinite(change) || before === 0) return `The loss went from ${old} to ${now}.`;
  if (change === 0) return `The loss stayed at ${old}.`;
  let much = `${percent >= 0.01 && percent < 1e6 ? percent.toFixed(2) : general(percent, 2)} %`;
  if (percent < 1) much += `, from ${textsToTell(before, after, digits).join(" to ")}`;
  return `The loss ${change < 0 ? "fell" : "rose"} by ${much}.`;
}

// Two numbers, to as many digits as it takes to see by how much they differ.
function textsToTell(before, after, digits) {
  const change = Math.abs(after - before), share = change / largestOf([before, after]);
  const wanted = change && Number.isFinite(change) ? Math.min(2 - Math.floor(Math.log10(share)), 17) : 0;
  return [before, after].map((number) => rounded(number, Math.max(digits, wanted)));
}

{{step/equations.js}}
