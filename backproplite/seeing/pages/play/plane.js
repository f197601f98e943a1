// The picture of the output: over inputs of two columns what the network gives for each point of the plane, with
// the boundary between the classes; over one column the curve. The data lie upon it.

const GRID = 40; // points along each side of the plane
const FINE = 160; // points along a curve
const MARGIN = 0.12; // of the data's width, around them
const MIDDLE = 0.5; // between the two classes

// A view is what a picture shows of the data: {X, y, kind, range, bounds}; kind is "classes" or "values".
function boundsOf(columns) {
  return columns.map((column) => {
    let [low, high] = [Infinity, -Infinity];
    for (const number of column) [low, high] = [Math.min(low, number), Math.max(high, number)];
    const margin = (high - low || 2) * MARGIN;
    return [low - margin, high + margin];
  });
}

const column = (rows, index) => rows.map((row) => row[index]);

// The inputs for which the picture is computed, from its left upper corner on.
function gridOf({ X, bounds: [[left, right], [low, high]] }) {
  const between = (from, to, i, count) => from + ((to - from) * (i + 0.5)) / count;
  if (X[0].length === 1) return Array.from({ length: FINE }, (_, i) => [between(left, right, i, FINE)]);
  return Array.from({ length: GRID * GRID }, (_, i) => [
    between(left, right, i % GRID, GRID),
    between(high, low, Math.floor(i / GRID), GRID),
  ]);
}

// ---- Points

const layer = document.createElement("canvas"); // the data and the axes, which change seldom

function placed({ bounds: [[left, right], [low, high]] }, width, height) {
  return (x, y) => [((x - left) / (right - left)) * width, ((high - y) / (high - low)) * height];
}

// Classes differ in shape too.
function addShape(pen, label, x, y, radius) {
  const corners = label % 6;
  pen.moveTo(x + radius, y);
  if (corners === 0) return pen.arc(x, y, radius, 0, 2 * Math.PI);
  const sides = corners === 1 ? 4 : corners + 1;
  const turn = corners === 1 ? Math.PI / 4 : -Math.PI / 2;
  for (let i = 0; i <= sides; i++) {
    const angle = turn + (2 * Math.PI * i) / sides;
    pen[i ? "lineTo" : "moveTo"](x + 1.2 * radius * Math.cos(angle), y + 1.2 * radius * Math.sin(angle));
  }
}

function drawPoint(pen, data, target, x, y, radius) {
  pen.beginPath();
  addShape(pen, data.kind === "values" ? 0 : target, x, y, radius);
  pen.fillStyle = data.kind === "values" ? theme.ink : classColour(target);
  pen.fill();
  pen.stroke();
}

// The label of a sample, or its first value where there are no classes.
const targetOf = (data, row) => data.y[row][0];
const classOf = (targets) => (targets.length > 1 ? targets.indexOf(Math.max(...targets)) : Number(targets[0] > MIDDLE));

function drawData(data, width, height) {
  const scale = window.devicePixelRatio || 1;
  Object.assign(layer, { width: width * scale, height: height * scale });
  const pen = layer.getContext("2d");
  pen.scale(scale, scale);
  const place = placed(data, width, height);
  const radius = theme.em * (data.X.length > 60 ? 0.28 : 0.5);
  pen.strokeStyle = theme.paper;
  pen.lineWidth = 1.2;
  data.X.forEach((row, i) => {
    const flat = row.length === 1;
    const values = flat && data.kind === "values" ? data.y[i] : [flat ? targetOf(data, i) : row[1]];
    for (const value of values) drawPoint(pen, data, targetOf(data, i), ...place(row[0], value), radius);
  });
  drawAxes(pen, data, width, height);
}

function drawAxes(pen, { bounds: [[left, right], [low, high]] }, width, height) {
  pen.font = theme.font;
  pen.lineWidth = 3;
  const write = (text, x, y, align) => {
    pen.textAlign = align;
    pen.fillStyle = theme.ink;
    pen.strokeStyle = theme.paper;
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  };
  for (const tick of ticks(left, right, 4)) {
    const x = ((tick - left) / (right - left)) * width;
    if (x > 24 && x < width - 24) write(String(tick), x, height - theme.em / 2, "center");
  }
  for (const tick of ticks(low, high, 4)) {
    const y = ((high - tick) / (high - low)) * height;
    if (y > 14 && y < height - 2 * theme.em) write(String(tick), 5, y + theme.em / 3, "left");
  }
}

// Round numbers from low to high.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(digits)));
}

// ---- What the network gives

// Paints the GRID x GRID numbers at `index` of each row of a field; `scale` makes them -1 to 1.
function paint(canvas, field, index, scale) {
  const pen = canvas.getContext("2d");
  const image = (canvas.image ??= pen.createImageData(GRID, GRID));
  const pixels = (canvas.pixels ??= new Uint32Array(image.data.buffer));
  for (let i = 0; i < pixels.length; i++) pixels[i] = shadeOf(scale(field.data[i * field.columns + index]));
  pen.putImageData(image, 0, 0);
}

function paintClasses(canvas, field) {
  const pen = canvas.getContext("2d");
  const image = (canvas.image ??= pen.createImageData(GRID, GRID));
  const pixels = (canvas.pixels ??= new Uint32Array(image.data.buffer));
  const count = field.columns;
  for (let i = 0; i < pixels.length; i++) {
    let [best, second] = [-Infinity, -Infinity];
    let label = 0;
    for (let k = 0; k < count; k++) {
      const value = field.data[i * count + k];
      if (value > best) [second, best, label] = [best, value, k];
      else if (value > second) second = value;
    }
    const table = theme.byClass[label % theme.byClass.length];
    pixels[i] = table[Math.round(Math.min(1, 0.25 + best - second) * SHADES)];
  }
  pen.putImageData(image, 0, 0);
}

// Of two classes one output tells all.
const onlyOutput = (data, field) => (data.kind === "classes" && field.columns < 3 ? field.columns - 1 : null);

// How an output is told in colours: a number of 0 to 1 from its middle, others from the targets' middle.
function outputScale(data) {
  const [low, high] = data.kind === "classes" ? [0, 1] : data.range;
  return (value) => (2 * value - low - high) / (high - low || 1);
}

// Where the field passes the middle, as short lines between the points of the grid.
function addBoundary(pen, field, index, middle, width, height) {
  const value = (row, col) => field.data[(row * GRID + col) * field.columns + index] - middle;
  const [stepX, stepY] = [width / GRID, height / GRID];
  for (let row = 0; row < GRID - 1; row++) {
    for (let col = 0; col < GRID - 1; col++) {
      const corners = [[row, col], [row, col + 1], [row + 1, col + 1], [row + 1, col]];
      const crossings = [];
      for (let k = 0; k < 4; k++) {
        const [[r1, c1], [r2, c2]] = [corners[k], corners[(k + 1) % 4]];
        const [a, b] = [value(r1, c1), value(r2, c2)];
        if (a > 0 === b > 0) continue;
        const part = a / (a - b);
        crossings.push([(c1 + part * (c2 - c1) + 0.5) * stepX, (r1 + part * (r2 - r1) + 0.5) * stepY]);
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        pen.moveTo(...crossings[k]);
        pen.lineTo(...crossings[k + 1]);
      }
    }
  }
}

const small = document.createElement("canvas");
small.width = small.height = GRID;

// Draws the whole picture: `field` is what the network, or one of its units, gives for each row of the grid.
function drawPlane(canvas, data, field, ofUnit, cross) {
  const { pen, width, height } = sharp(canvas);
  if (layer.data !== data || layer.sized !== canvas.width || layer.theme !== theme.paper) {
    drawData(data, width, height);
    Object.assign(layer, { data, sized: canvas.width, theme: theme.paper });
  }
  pen.clearRect(0, 0, width, height);
  if (data.X[0].length === 1) drawFit(pen, data, field, ofUnit, width, height);
  else drawField(pen, data, field, ofUnit, width, height);
  pen.drawImage(layer, 0, 0, width, height);
  if (cross) drawCross(pen, placed(data, width, height)(...cross));
}

function drawField(pen, data, field, ofUnit, width, height) {
  const only = onlyOutput(data, field);
  if (ofUnit) paint(small, field, ofUnit.index, ofUnit.scale);
  else if (data.kind === "classes" && only === null) paintClasses(small, field);
  else paint(small, field, only ?? 0, outputScale(data));
  pen.drawImage(small, 0, 0, width, height);
  if (ofUnit || only === null) return;
  pen.beginPath();
  addBoundary(pen, field, only, MIDDLE, width, height);
  pen.lineWidth = 2;
  pen.strokeStyle = theme.ink;
  pen.stroke();
}

function drawFit(pen, data, field, ofUnit, width, height) {
  const place = placed(data, width, height);
  const [[left, right]] = data.bounds;
  for (let k = ofUnit ? ofUnit.index : 0; k < (ofUnit ? ofUnit.index + 1 : field.columns); k++) {
    pen.beginPath();
    for (let i = 0; i < FINE; i++) {
      pen.lineTo(...place(left + ((right - left) * (i + 0.5)) / FINE, field.data[i * field.columns + k]));
    }
    pen.lineWidth = 3;
    pen.strokeStyle = ofUnit || field.columns === 1 ? theme.plus : classColour(k);
    pen.stroke();
  }
}

function drawCross(pen, [x, y]) {
  pen.beginPath();
  pen.moveTo(x - 12, y);
  pen.lineTo(x + 12, y);
  pen.moveTo(x, y - 12);
  pen.lineTo(x, y + 12);
  for (const [colour, wide] of [[theme.paper, 5], [theme.ink, 2]]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: wide });
    pen.stroke();
  }
}
