// The loss as it went, of training and of validation data, with an axis of equal steps or of equal factors.

const MOST_SEEN = 2000; // points of the curve; beyond, every second is left out

class LossCurve {
  constructor() {
    this.rows = []; // [epoch, loss, validation loss or null]
    this.every = 1;
    this.counted = 0;
  }

  add(epoch, loss, validation) {
    if (this.counted++ % this.every) return void (this.newest = [epoch, loss, validation]);
    this.rows.push((this.newest = [epoch, loss, validation]));
    if (this.rows.length < MOST_SEEN) return;
    this.rows = this.rows.filter((_, i) => i % 2 === 0);
    this.every *= 2;
  }

  get all() {
    return this.newest && this.newest !== this.rows.at(-1) ? [...this.rows, this.newest] : this.rows;
  }
}

function drawCurve(canvas, lossCurve, logarithmic) {
  const { pen, width, height } = sharp(canvas);
  const rows = lossCurve.all;
  pen.clearRect(0, 0, width, height);
  if (!rows.length) return;
  const [left, right, top, bottom] = [4.8 * theme.em, width - theme.em, 0.8 * theme.em, height - 2 * theme.em];
  const before = rows[0][0] - 1;
  const last = rows.at(-1)[0];
  const axis = lossAxis(rows, logarithmic);
  const x = (epoch) => left + ((right - left) * (epoch - before)) / Math.max(1, last - before);
  const y = (loss) => bottom - (bottom - top) * Math.min(1, Math.max(0, axis.share(loss)));
  pen.font = theme.font;
  Object.assign(pen, { fillStyle: theme.quiet, strokeStyle: theme.rule, lineWidth: 1, textBaseline: "middle" });
  pen.textAlign = "right";
  for (const tick of axis.ticks) {
    pen.fillText(tickText(tick), left - 8, y(tick));
    line(pen, [[left, y(tick)], [right, y(tick)]]);
  }
  pen.textAlign = "center";
  for (const tick of ticks(before, Math.max(last, before + 1), width > 500 ? 8 : 4).filter(Number.isInteger)) {
    if (x(tick) < right - 5 * theme.em || tick === before) pen.fillText(tick.toLocaleString("en"), x(tick), height - 0.8 * theme.em);
  }
  pen.textAlign = "right";
  pen.fillText("epoch", right, height - 0.8 * theme.em);
  drawLine(pen, rows, 2, x, y, theme.minus, [6, 4]);
  drawLine(pen, rows, 1, x, y, theme.plus, []);
}

function lossAxis(rows, logarithmic) {
  const seen = rows.flatMap(([, ...losses]) => losses).filter((loss) => loss !== null && Number.isFinite(loss));
  const high = seen.reduce((a, b) => Math.max(a, b), 0) || 1;
  const positive = seen.filter((loss) => loss > 0);
  if (logarithmic && positive.length) {
    const low = Math.max(positive.reduce((a, b) => Math.min(a, b), high), high * 1e-16);
    const [from, to] = [Math.floor(Math.log10(low)), Math.max(Math.ceil(Math.log10(high)), Math.floor(Math.log10(low)) + 1)];
    const step = Math.ceil((to - from) / 6);
    const powers = Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((i) => (i - from) % step === 0);
    return { ticks: powers.map((i) => 10 ** i), share: (loss) => (loss > 0 ? (Math.log10(loss) - from) / (to - from) : 0) };
  }
  const low = Math.min(0, seen.reduce((a, b) => Math.min(a, b), 0)); // a loss of counts may be negative
  return { ticks: ticks(low, high, 4), share: (loss) => (loss - low) / (1.05 * (high - low)) };
}

const tickText = (tick) => (tick !== 0 && (Math.abs(tick) < 1e-3 || Math.abs(tick) >= 1e5) ? tick.toExponential(0) : String(tick));

function line(pen, points) {
  pen.beginPath();
  for (const point of points) pen.lineTo(...point);
  pen.stroke();
}

function drawLine(pen, rows, index, x, y, colour, dashes) {
  const seen = rows.filter((row) => row[index] !== null && Number.isFinite(row[index]));
  pen.save();
  pen.setLineDash(dashes);
  Object.assign(pen, { strokeStyle: colour, lineWidth: 2, lineJoin: "round" });
  line(pen, seen.map((row) => [x(row[0]), y(row[index])]));
  pen.restore();
}
