// Training in epochs and batches, as `fit` does it.
//
// A trainer is a network, the points it learns, and a log of all that happened, from which python.js writes
// the Python that does the same.

const CURE = "The last finite parameters are kept. Lower the learning rate, scale the inputs, or clip the "
  + "gradients (clip_norm=1).";

class Trainer {
  // Points are what preparedPoints returns, `added` among them; without a batch size all go at once.
  constructor(network, points, batchSize = null, added = []) {
    const log = added.length ? [{ what: "points", added }] : [];
    Object.assign(this, { network, points, batchSize, log });
    this.beginEpoch();
  }

  beginEpoch() {
    Object.assign(this, { batches: 0, sum: 0, order: null });
  }

  get size() {
    const samples = this.points.x.rows;
    return Math.min(this.batchSize || samples, samples);
  }

  // The samples of a batch of the epoch under way, or null for all.
  rows(batch) {
    const { size, network, points: { x } } = this;
    if (size === x.rows) return null;
    this.order ??= new Chance(network.plan.seed).at(ORDER, network.epochs).permutation(x.rows);
    return this.order.slice(batch * size, (batch + 1) * size);
  }

  // One update, on the next batch. At the end of an epoch it returns [epoch, loss, validation loss or null].
  step() {
    const { network, points: { x, y, validation } } = this;
    const rows = this.rows(this.batches);
    this.sum += network.trainStep(...(rows ? [selected(x, rows), selected(y, rows)] : [x, y]))
      * (rows ? rows.length : x.rows);
    this.batches += 1;
    if (this.batches * this.size < x.rows) return null;
    network.epochs += 1;
    const loss = this.sum / x.rows;
    this.beginEpoch();
    this.count();
    return [network.epochs, loss, validation && network.lossOf(validation.x, validation.y)];
  }

  // Train to the end of the epoch under way.
  epoch() {
    let ended = null;
    while (!ended) ended = this.step();
    return ended;
  }

  count() {
    const last = this.log.at(-1);
    if (last?.what === "epochs" && last.batchSize === this.batchSize) last.count += 1;
    else this.log.push({ what: "epochs", count: 1, batchSize: this.batchSize });
  }

  // The batches that were made of an epoch that is not at its end.
  get begun() {
    return Array.from({ length: this.batches }, (_, i) => this.rows(i));
  }

  // Give up the epoch under way, so that the next begins anew.
  cut() {
    if (this.batches) this.log.push({ what: "steps", batches: this.begun });
    this.beginEpoch();
  }

  // What was edited between two steps; of what was edited twice, the latter.
  note(event) {
    this.cut();
    if (this.log.at(-1)?.what === event.what) this.log.pop();
    this.log.push(event);
  }

  setRate(rate) {
    this.note({ what: "rate", rate });
    this.network.rate = rate;
  }

  setParameter(index, value) {
    const fits = Number.isInteger(index) && this.network.parameters[index] !== undefined;
    if (!fits || !Number.isFinite(value)) {
      throw new RangeError("set needs an index of a parameter and a finite number.");
    }
    this.cut();
    const last = this.log.at(-1);
    const before = last?.what === "parameters" ? last.values : {};
    this.note({ what: "parameters", values: { ...before, [index]: value } });
    this.network.parameters[index] = value;
  }

  setBatchSize(batchSize) {
    this.cut();
    this.batchSize = batchSize;
  }

  // Other points: those of the set with these added.
  setPoints(points, added) {
    this.note({ what: "points", added });
    this.points = points;
  }

  // All that training changes, to be sent and to be put back.
  get state() {
    const { network, batches, sum, log } = this;
    return { network: network.snapshot(), batches, sum, log };
  }

  set state({ network, batches, sum, log }) {
    this.network.restore(network);
    Object.assign(this, { batches, sum, order: null, log: structuredClone(log) });
  }

  // What a divergence says, in the words of the library's error.
  trouble(divergence) {
    const where = `in epoch ${this.network.epochs + 1}, batch ${this.batches + 1}`;
    return `${divergence.message} ${where}, at learning rate ${this.network.rate}. ${CURE}`;
  }
}

function selected({ columns, data }, rows) {
  const chosen = new Float64Array(rows.length * columns);
  rows.forEach((row, i) => chosen.set(data.subarray(row * columns, (row + 1) * columns), i * columns));
  return matrix(rows.length, columns, chosen);
}
