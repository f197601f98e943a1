// A network by what was chosen: a plan for the engine, and its Python.
//
// The catalogue has the entry in a plan of each class that can be chosen; here they are strung together,
// and the first weights drawn from the seed, as the library draws them.

// `choices` are {layers: units of the hidden ones, activation, loss, optimizer, settings, learningRate,
// seed}, all by name, as play_data.py has them; `set` is a data set. A trainer brings x and y.
function planOf(choices, set, { kinds, catalogue }) {
  const { labels, head } = kinds[set.kind].find((kind) => kind.name === choices.loss);
  const outputs = labels === "categorical" ? Math.max(...set.y) + 1 : set.y[0].length ?? 1;
  const widths = [set.X[0].length, ...choices.layers, outputs];
  const layers = [], flows = ["x"];
  let size = 0;
  widths.slice(1).forEach((units, i) => {
    const inputs = widths[i], number = subscript(i + 1);
    layers.push(denseOf(catalogue.layers.Dense, inputs, units, size, number));
    flows.push(`z${number}`);
    size += (inputs + 1) * units;
    const activation = i < choices.layers.length ? choices.activation : head;
    if (!activation) return;
    layers.push(catalogue.layers[activation]);
    flows.push(`a${number}`);
  });
  const placed = layers.map((layer, i) => ({ ...layer, place: `layers[${i}]` }));
  return {
    alive: true, why: "", dtype: "float64", seed: choices.seed, steps: 0, epochs: 0, x: null, y: null,
    moving: null, forms: catalogue.forms, flows, layers: placed,
    parameters: firstWeights(widths, choices.seed), decaying: decayingIn(layers, size),
    loss: catalogue.losses[choices.loss], optimizer: optimizerOf(choices, catalogue.optimizers, size),
  };
}

function denseOf(entry, inputs, units, offset, number) {
  const weight = { symbol: `weight${number}`, shape: [inputs, units], offset };
  const bias = { symbol: `bias${number}`, shape: [units], offset: offset + inputs * units };
  const settings = { in_features: inputs, out_features: units };
  return { ...entry, name: `Dense(${inputs}, ${units})`, settings, parameters: { weight, bias } };
}

// Glorot's uniform weights, layer after layer, and biases of zero.
function firstWeights(widths, seed) {
  const generator = new Chance(seed).at(WEIGHTS, 0);
  return widths.slice(1).flatMap((units, i) => {
    const bound = Math.sqrt(3) * Math.sqrt(2 / (widths[i] + units));
    const weight = Array.from({ length: widths[i] * units }, () => generator.uniform(-bound, bound));
    return [...weight, ...Array(units).fill(0)];
  });
}

// Weights decay, biases do not.
function decayingIn(layers, size) {
  const marks = Array(size).fill(0);
  for (const { parameters: { weight } } of layers) {
    if (weight) marks.fill(1, weight.offset, weight.offset + weight.shape[0] * weight.shape[1]);
  }
  return marks;
}

function optimizerOf({ optimizer, settings = {}, learningRate }, optimizers, size) {
  const entry = optimizers[optimizer];
  const chosen = { ...entry.settings, ...settings, learning_rate: learningRate };
  const own = (name) => settings[name] ?? entry[name];
  return {
    ...entry, settings: chosen, rate: learningRate, name: optimizerName(entry, settings, learningRate),
    state: Object.fromEntries(Object.keys(entry.state).map((name) => [name, Array(size).fill(0)])),
    clip_norm: own("clip_norm"), clip_value: own("clip_value"), weight_decay: own("weight_decay"),
  };
}

// As Python prints it: the rate, and what else differs from the usual.
function optimizerName(entry, settings, rate) {
  const others = Object.entries(settings).filter(([name, value]) => entry.settings[name] !== value);
  const usual = entry.name.slice(entry.class.length + 1, -1); // such as nesterov=True
  const shown = [`learning_rate=${rate}`, usual, ...others.map(([name, value]) => `${name}=${value}`)];
  return `${entry.class}(${shown.filter(Boolean).join(", ")})`;
}

function subscript(number) {
  return String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
}

// What pythonOf wants to know of a plan that was made here.
function describedAs(plan) {
  return {
    layers: plan.layers.map(({ name }) => `bp.${name}`), loss: `bp.${plan.loss.name}`,
    optimizer: `bp.${plan.optimizer.name}`, seed: plan.seed,
  };
}
