// The loss as it went, of training and of validation data, on an axis of equal steps or of equal factors.

const MOST_SEEN = 2000; // points of the curve; beyond, every second is left out

class LossCurve {
  constructor() {
    this.rows = []; // [epoch, loss, validation loss or null]
    this.every = 1;
    this.counted = 0;
    this.newest = null;
  }

  add(...row) {
    this.newest = row;
    if (this.counted++ % this.every) return;
    this.rows.push(row);
    if (this.rows.length < MOST_SEEN) return;
    this.rows = this.rows.filter((_, i) => i % 2 === 0);
    this.every *= 2;
  }

  get all() {
    return this.newest && this.newest !== this.rows.at(-1) ? [...this.rows, this.newest] : this.rows;
  }
}

function drawCurve(canvas, curve, logarithmic) {
  const { pen, width, height } = sharp(canvas);
  const rows = curve.all;
  pen.clearRect(0, 0, width, height);
  if (!rows.length) return;
  const { em } = theme;
  const place = placesOfLosses(rows, logarithmic, [4.8 * em, width - em], [0.8 * em, height - 2 * em]);
  drawAxesOfLosses(pen, place, height - 0.8 * em);
  drawLosses(pen, rows, 2, place, theme.minus, [6, 4]);
  drawLosses(pen, rows, 1, place, theme.plus, []);
}

// Where epochs and losses stand between the edges of the picture, and the ticks of both.
function placesOfLosses(rows, logarithmic, [left, right], [top, bottom]) {
  const before = rows[0][0] - 1, last = Math.max(rows.at(-1)[0], before + 1);
  const losses = rows.flatMap(([, ...each]) => each).filter(Number.isFinite);
  const axis = (logarithmic && factorAxis(losses)) || stepAxis(losses);
  return {
    left, right, losses: axis.ticks,
    epochs: ticks(before, last, right - left > 500 ? 8 : 4).filter(Number.isInteger),
    x: (epoch) => left + ((right - left) * (epoch - before)) / (last - before),
    y: (loss) => bottom - (bottom - top) * Math.min(1, Math.max(0, axis.share(loss))),
  };
}

const leastOf = (numbers, start) => numbers.reduce((a, b) => Math.min(a, b), start);
const mostOf = (numbers, start) => numbers.reduce((a, b) => Math.max(a, b), start);

function stepAxis(losses) {
  const low = leastOf(losses, 0), high = mostOf(losses, 0) || 1; // a loss of counts may be below 0
  return { ticks: ticks(low, high, 4), share: (loss) => (loss - low) / (1.05 * (high - low)) };
}

// Equal factors take equal room; null where no loss is above 0.
function factorAxis(losses) {
  const high = mostOf(losses, 0);
  if (high <= 0) return null;
  const least = leastOf(losses.filter((loss) => loss > 0), high);
  const from = Math.floor(Math.log10(Math.max(least, high * 1e-16)));
  const to = Math.max(Math.ceil(Math.log10(high)), from + 1);
  const step = Math.ceil((to - from) / 6);
  const powers = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + step * i);
  return {
    ticks: powers.map((power) => 10 ** power),
    share: (loss) => (loss > 0 ? (Math.log10(loss) - from) / (to - from) : 0),
  };
}

function drawAxesOfLosses(pen, { left, right, x, y, losses, epochs }, below) {
  const { em } = theme;
  Object.assign(pen, { fillStyle: theme.quiet, strokeStyle: theme.rule, lineWidth: 1 });
  Object.assign(pen, { font: theme.font, textBaseline: "middle", textAlign: "right" });
  for (const tick of losses) {
    pen.fillText(tickText(tick), left - 0.6 * em, y(tick));
    drawLine(pen, [[left, y(tick)], [right, y(tick)]]);
  }
  pen.fillText("epoch", right, below);
  pen.textAlign = "center";
  for (const tick of epochs.filter((each) => x(each) < right - 5 * em)) {
    pen.fillText(tick.toLocaleString("en"), x(tick), below);
  }
}

function tickText(tick) {
  const small = tick !== 0 && Math.abs(tick) < 1e-3;
  return small || Math.abs(tick) >= 1e5 ? tick.toExponential(0) : String(tick);
}

function drawLosses(pen, rows, index, { x, y }, colour, dashes) {
  pen.save();
  pen.setLineDash(dashes);
  Object.assign(pen, { strokeStyle: colour, lineWidth: 2, lineJoin: "round" });
  const seen = rows.filter((row) => Number.isFinite(row[index]));
  drawLine(pen, seen.map((row) => [x(row[0]), y(row[index])]));
  pen.restore();
}

function drawLine(pen, points) {
  pen.beginPath();
  for (const point of points) pen.lineTo(...point);
  pen.stroke();
}

// Round numbers from low to high.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toFixed(digits)));
}
