// The picture of the output: over inputs of two columns what the network gives for each point of the plane,
// with the boundary between two classes; over one column the curve. The data lie upon it.

const upper = document.createElement("canvas"); // the data and the axes, which change seldom
const small = document.createElement("canvas"); // a number of the grid in each of its points
small.width = small.height = GRID;

// `field` is what the network, or one of its units, gives for each row of the grid.
function drawPlane(canvas, view, field, ofUnit, cross) {
  const { pen, width, height } = sharp(canvas);
  if (upper.view !== view || upper.sized !== canvas.width || upper.paper !== theme.paper) {
    drawData(view, width, height);
    Object.assign(upper, { view, sized: canvas.width, paper: theme.paper });
  }
  pen.clearRect(0, 0, width, height);
  if (view.X[0].length === 1) drawFit(pen, view, field, ofUnit, width, height);
  else drawField(pen, view, field, ofUnit, width, height);
  pen.drawImage(upper, 0, 0, width, height);
  if (cross) drawCross(pen, placed(view, width, height)(...cross));
}

// What the network gives.

function drawField(pen, view, field, ofUnit, width, height) {
  const only = onlyOutput(view, field);
  if (ofUnit) paint(small, field, ofUnit.index, ofUnit.scale);
  else if (view.kind === "classes" && only === null) paintClasses(small, field);
  else paint(small, field, only ?? 0, outputScale(view));
  pen.drawImage(small, 0, 0, width, height);
  if (ofUnit || only === null) return;
  pen.beginPath();
  addBoundary(pen, field, only, width, height);
  Object.assign(pen, { lineWidth: 2, strokeStyle: theme.ink });
  pen.stroke();
}

// Of two classes one output tells all.
function onlyOutput(view, field) {
  return view.kind === "classes" && field.columns < 3 ? field.columns - 1 : null;
}

// How an output is told in colours: a number of 0 to 1 from its middle, others from the targets' middle.
function outputScale(view) {
  const [low, high] = view.kind === "classes" ? [0, 1] : view.range;
  return (value) => (2 * value - low - high) / (high - low || 1);
}

// Give each point of a canvas as large as the grid its shade.
function fill(canvas, shade) {
  const pen = canvas.getContext("2d");
  canvas.image ??= pen.createImageData(GRID, GRID);
  canvas.pixels ??= new Uint32Array(canvas.image.data.buffer);
  for (let i = 0; i < canvas.pixels.length; i++) canvas.pixels[i] = shade(i);
  pen.putImageData(canvas.image, 0, 0);
}

// One column of a field; `scale` makes its numbers -1 to 1.
function paint(canvas, { data, columns }, index, scale) {
  fill(canvas, (i) => shadeOf(scale(data[i * columns + index])));
}

// The likeliest class, the fuller the farther before the second.
function paintClasses(canvas, { data, columns }) {
  fill(canvas, (i) => {
    let best = -Infinity, second = -Infinity, label = 0;
    for (let k = 0; k < columns; k++) {
      const value = data[i * columns + k];
      if (value > best) [second, best, label] = [best, value, k];
      else if (value > second) second = value;
    }
    return theme.byClass[label % CLASSES.length][Math.round(Math.min(1, 0.25 + best - second) * SHADES)];
  });
}

// Where the field passes the middle, as short lines between the points of the grid.
function addBoundary(pen, { data, columns }, index, width, height) {
  const value = ([row, at]) => data[(row * GRID + at) * columns + index] - MIDDLE;
  const stepX = width / GRID, stepY = height / GRID;
  for (let row = 0; row < GRID - 1; row++) {
    for (let at = 0; at < GRID - 1; at++) {
      const corners = [[row, at], [row, at + 1], [row + 1, at + 1], [row + 1, at]];
      const crossings = [];
      corners.forEach((one, k) => {
        const other = corners[(k + 1) % 4], a = value(one), b = value(other);
        if (a > 0 === b > 0) return;
        const [down, across] = one.map((from, axis) => from + (a / (a - b)) * (other[axis] - from) + 0.5);
        crossings.push([across * stepX, down * stepY]);
      });
      crossings.forEach((crossing, k) => pen[k % 2 ? "lineTo" : "moveTo"](...crossing));
    }
  }
}

function drawFit(pen, view, field, ofUnit, width, height) {
  const place = placed(view, width, height), [[left, right]] = view.bounds;
  for (let k = 0; k < field.columns; k++) {
    if (ofUnit && k !== ofUnit.index) continue;
    const colour = field.columns > 1 && !ofUnit ? classColour(k) : theme.plus;
    Object.assign(pen, { lineWidth: 3, strokeStyle: colour });
    drawLine(pen, Array.from({ length: FINE }, (_, i) =>
      place(left + ((right - left) * (i + 0.5)) / FINE, field.data[i * field.columns + k])));
  }
}

// Data and axes.

function drawData(view, width, height) {
  const scale = window.devicePixelRatio || 1;
  Object.assign(upper, { width: width * scale, height: height * scale });
  const pen = upper.getContext("2d");
  pen.scale(scale, scale);
  const place = placed(view, width, height);
  const radius = theme.em * (view.X.length > 60 ? 0.28 : 0.5);
  Object.assign(pen, { strokeStyle: theme.paper, lineWidth: 1.2 });
  view.X.forEach((row, i) => {
    const heights = row.length > 1 ? [row[1]] : view.y[i];
    for (const each of heights) drawPoint(pen, view, targetOf(view, i), ...place(row[0], each), radius);
  });
  drawAxes(pen, view, width, height);
}

function drawPoint(pen, { kind }, target, x, y, radius) {
  pen.beginPath();
  addShape(pen, kind === "values" ? 0 : target, x, y, radius);
  pen.fillStyle = kind === "values" ? theme.ink : classColour(target);
  pen.fill();
  pen.stroke();
}

// Classes differ in shape too: a disc, a square, a triangle and so on.
function addShape(pen, label, x, y, radius) {
  const kind = label % CLASSES.length, sides = kind === 1 ? 4 : kind + 1;
  pen.moveTo(x + radius, y);
  if (kind === 0) return pen.arc(x, y, radius, 0, 2 * Math.PI);
  const turn = kind === 1 ? Math.PI / 4 : -Math.PI / 2;
  for (let i = 0; i <= sides; i++) {
    const angle = turn + (2 * Math.PI * i) / sides;
    pen[i ? "lineTo" : "moveTo"](x + 1.2 * radius * Math.cos(angle), y + 1.2 * radius * Math.sin(angle));
  }
}

function drawAxes(pen, view, width, height) {
  const { em } = theme, place = placed(view, width, height);
  const [[left, right], [low, high]] = view.bounds;
  Object.assign(pen, { font: theme.font, lineWidth: 3, fillStyle: theme.ink, strokeStyle: theme.paper });
  const write = (text, x, y) => {
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  };
  pen.textAlign = "center";
  for (const tick of ticks(left, right, 4)) {
    const [x] = place(tick, 0);
    if (x > 2 * em && x < width - 2 * em) write(String(tick), x, height - em / 2);
  }
  pen.textAlign = "left";
  for (const tick of ticks(low, high, 4)) {
    const [, y] = place(0, tick);
    if (y > em && y < height - 2 * em) write(String(tick), 5, y + em / 3);
  }
}

// Where a point would be added.
function drawCross(pen, [x, y]) {
  pen.beginPath();
  for (const [across, down] of [[12, 0], [0, 12]]) {
    pen.moveTo(x - across, y - down);
    pen.lineTo(x + across, y + down);
  }
  for (const [colour, wide] of [[theme.paper, 5], [theme.ink, 2]]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: wide });
    pen.stroke();
  }
}
