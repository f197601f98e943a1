// The points on the screen: those of a data set, some of which are held out, and those added by hand.
//
// A set has a name, X, y, and the Python that makes it, as `code`. Where it says `held`, every fifth sample
// is kept for validation, unless it brings validation data of its own; points that are added are trained on.

const HELD = 5; // one sample in so many

const isHeld = (set, index) => Boolean(set.held) && index % HELD === HELD - 1;

// Points are [x, ..., y]. The result is { X, y, validation: { X, y } or null }, in rows.
function pointsOf(set, added = []) {
  const training = { X: [], y: [] }, validation = { X: [], y: [] };
  set.X.forEach((x, i) => {
    const part = isHeld(set, i) ? validation : training;
    part.X.push(x);
    part.y.push(set.y[i]);
  });
  for (const point of added) {
    training.X.push(point.slice(0, -1));
    training.y.push(point.at(-1));
  }
  return { ...training, validation: set.validation ?? (validation.X.length ? validation : null) };
}

// What the network is trained on: arrays of inputs and of targets, prepared for a loss.
function preparedPoints({ X, y, validation }, { labels, outer }, outputs) {
  const prepared = (part) => {
    const targets = fromRows(targetsOf(part.y, labels, outputs));
    return { x: fromRows(part.X), y: outer ? standardized(targets, outer.settings) : targets };
  };
  return { ...prepared({ X, y }), validation: validation && prepared(validation) };
}

function standardized(targets, { mean, scale }) {
  return divide(operations["-"](targets, fromPlain(mean)), fromPlain(scale));
}

// A row of targets for each label or number, as the loss wants them; rows are taken as they are.
function targetsOf(y, labels, outputs) {
  const oneHot = (label) => Array.from({ length: outputs }, (_, i) => Number(i === label));
  return y.map((one) => Array.isArray(one) ? one : labels === "categorical" ? oneHot(one) : [one]);
}
