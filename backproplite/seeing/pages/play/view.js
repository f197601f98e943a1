// What the pictures show of the data: a view is {set, X, y, kind, range, bounds}.
//
// `kind` is "classes", where y has a label in each row, or "values"; `range` are the least and the largest of
// the first column of y; `bounds` those of the two axes of the picture.

const GRID = 40; // points along each side of the plane
const FINE = 160; // points along a curve
const MARGIN = 0.12; // of the data's width, around them
const MIDDLE = 0.5; // between two classes

function viewOf(set, points, bounds = null) {
  const { X } = points;
  const y = points.y.map((each) => (Array.isArray(each) ? each : [each]));
  const kind = set.kind === "numbers" ? "values" : "classes";
  const targets = column(y, 0);
  const second = X[0].length > 1 ? column(X, 1) : kind === "values" ? y.flat() : targets;
  const range = [leastOf(targets, Infinity), mostOf(targets, -Infinity)];
  return { set, X, y, kind, range, bounds: bounds ?? [column(X, 0), second].map(boundsOf) };
}

const column = (rows, index) => rows.map((row) => row[index]);

function boundsOf(numbers) {
  const low = leastOf(numbers, Infinity), high = mostOf(numbers, -Infinity);
  const margin = (high - low || 2) * MARGIN;
  return [low - margin, high + margin];
}

// The inputs for which the picture is computed, from its upper left corner on; null where there is none.
function gridOf({ X, bounds: [[left, right], [low, high]] }) {
  const between = (from, to, i, count) => from + ((to - from) * (i + 0.5)) / count;
  if (X[0].length > 2) return null;
  const flat = X[0].length === 1;
  return fromRows(Array.from({ length: flat ? FINE : GRID * GRID }, (_, i) => (flat
    ? [between(left, right, i, FINE)]
    : [between(left, right, i % GRID, GRID), between(high, low, Math.floor(i / GRID), GRID)])));
}

// From inputs to places in the picture.
function placed({ bounds: [[left, right], [low, high]] }, width, height) {
  return (x, y) => [((x - left) / (right - left)) * width, ((high - y) / (high - low)) * height];
}

// The label of a sample, or its first value where there are no classes.
const targetOf = (view, row) => view.y[row][0];

// The class that outputs or targets are for.
function classOf(numbers) {
  return numbers.length > 1 ? numbers.indexOf(Math.max(...numbers)) : Number(numbers[0] > MIDDLE);
}
