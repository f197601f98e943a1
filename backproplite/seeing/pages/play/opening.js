// This step, every number: the page of a step, of the network as it is now and of the batch that comes next.

const MOST_TRACED = 64; // samples of it

function planNow() {
  const { trainer } = runner, { network, points: { x, y } } = trainer;
  const coming = trainer.rows(trainer.batches) ?? Array.from({ length: x.rows }, (_, i) => i);
  const rows = coming.slice(0, MOST_TRACED), size = network.parameters.length.toLocaleString("en");
  return {
    ...network.plan,
    x: toRows(selected(x, rows)),
    y: toRows(selected(y, rows)),
    parameters: Array.from(network.parameters),
    steps: network.steps,
    epochs: network.epochs,
    layers: network.layers.map(layerNow),
    optimizer: optimizerNow(network.optimizer),
    head: `One training step: ${size} parameters, ${rows.length} of ${x.rows} samples.`,
    note: "Numbers are rounded to 4 digits; entries are counted from 0.",
    digits: 4,
  };
}

function layerNow({ entry, scope, stateNames, layers }) {
  const state = stateNames.map((name) => [name, Array.from(scope[name].data)]);
  return { ...entry, state: Object.fromEntries(state), layers: layers.map(layerNow) };
}

// Of a schedule the rates that are still to come.
function optimizerNow(optimizer) {
  const { entry, steps, firstStep, rates } = optimizer;
  const state = Object.entries(optimizer.state()).map(([name, numbers]) => [name, Array.from(numbers)]);
  const coming = rates.slice(Math.min(steps - firstStep, rates.length - 1));
  return { ...entry, steps, state: Object.fromEntries(state), rate: coming.length > 1 ? coming : coming[0] };
}

async function openStep() {
  pause();
  const template = await unpacked(given.step);
  const data = JSON.stringify(planNow()).replaceAll("<", "\\u003c");
  const parts = { "{{ENGINE}}": at("engine").textContent, "{{PLAN}}": data };
  const frame = document.createElement("iframe");
  frame.title = "One training step, every number";
  frame.srcdoc = template.replace(/\{\{(ENGINE|PLAN)\}\}/g, (name) => parts[name]);
  at("step").append(frame);
  at("step").showModal();
}

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}
