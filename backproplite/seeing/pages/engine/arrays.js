// Arrays, and the operations of written lines on them.
//
// Every array has two axes, samples and features: {rows, columns, data}, its rows one after another.
// A parameter of shape (n,) is one row, and a number is an array of one entry. As in NumPy an axis of
// length 1 is stretched to that of the other operand. No operation changes its operands.

function matrix(rows, columns, data = new Float64Array(rows * columns)) {
  return { rows, columns, data };
}

function constant(number) {
  return matrix(1, 1, Float64Array.of(number));
}

// Numbers of a shape as a plan has it; all axes but the last are rows.
function shaped(shape, data) {
  const columns = shape.at(-1) ?? 1;
  return matrix(data.length / columns, columns, data);
}

function copied(array) {
  return matrix(array.rows, array.columns, array.data.slice());
}

function fromRows(rows) {
  return matrix(rows.length, rows[0].length, Float64Array.from(rows.flat(Infinity)));
}

function toRows(array) {
  const { rows, columns, data } = array;
  return Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * columns, (i + 1) * columns)));
}

// An array as a plan has it: a number, a list, rows, or the bytes of many numbers as text.
function fromPlain(plain) {
  if (typeof plain === "number") return constant(plain);
  if (Array.isArray(plain)) return Array.isArray(plain[0]) ? fromRows(plain) : fromRows([plain]);
  const text = atob(plain.float64), bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return shaped(plain.shape, new Float64Array(bytes.buffer));
}

// The Euclidean length of all entries, also where its square would not fit.
function lengthOf(array) {
  const root = (scale) => scale * Math.sqrt(array.data.reduce((sum, x) => sum + (x / scale) ** 2, 0));
  const plain = root(1);
  if (plain > 1e-15 && plain < Infinity) return plain;
  const largest = largestOf(array.data);
  return largest > 0 && largest < Infinity ? root(largest) : largest;
}

function largestOf(numbers) {
  return numbers.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
}

// Operations entry by entry.

function ofOne(compute) {
  return (a) => {
    const { rows, columns, data } = a, result = new Float64Array(data.length);
    for (let k = 0; k < data.length; k++) result[k] = compute(data[k]);
    return matrix(rows, columns, result);
  };
}

function ofTwo(compute) {
  return (a, b) => {
    const rows = together(a.rows, b.rows), columns = together(a.columns, b.columns);
    const result = new Float64Array(rows * columns), x = a.data, y = b.data;
    if (x.length === result.length && y.length === result.length) {
      for (let k = 0; k < result.length; k++) result[k] = compute(x[k], y[k]);
      return matrix(rows, columns, result);
    }
    const [xDown, xAcross] = strides(a), [yDown, yAcross] = strides(b);
    for (let i = 0, k = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++, k++) {
        result[k] = compute(x[i * xDown + j * xAcross], y[i * yDown + j * yAcross]);
      }
    }
    return matrix(rows, columns, result);
  };
}

function choose(chosen, test, other) {
  const rows = together(chosen.rows, together(test.rows, other.rows));
  const columns = together(chosen.columns, together(test.columns, other.columns));
  const [down, across] = strides(test), [chosenDown, chosenAcross] = strides(chosen);
  const [otherDown, otherAcross] = strides(other), result = new Float64Array(rows * columns);
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, k++) {
      result[k] = test.data[i * down + j * across]
        ? chosen.data[i * chosenDown + j * chosenAcross] : other.data[i * otherDown + j * otherAcross];
    }
  }
  return matrix(rows, columns, result);
}

// The length of an axis of two arrays together.
function together(one, other) {
  if (one === other || other === 1) return one;
  if (one === 1) return other;
  throw new Error(`axes of ${one} and ${other} do not fit each other`);
}

// How far apart entries below and beside each other lie, 0 where an axis is stretched.
function strides(array) {
  return [array.rows > 1 ? array.columns : 0, array.columns > 1 ? 1 : 0];
}

// Operations on whole arrays.

function transpose(a) {
  const { rows, columns, data } = a, result = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j];
  }
  return matrix(columns, rows, result);
}

function product(a, b) {
  if (a.columns !== b.rows) throw new Error(`${a.columns} columns times ${b.rows} rows`);
  const { rows, columns: inner } = a, { columns } = b;
  const result = new Float64Array(rows * columns), x = a.data, y = b.data;
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = x[i * inner + k];
      for (let j = 0, to = i * columns, from = k * columns; j < columns; j++) {
        result[to + j] += factor * y[from + j];
      }
    }
  }
  return matrix(rows, columns, result);
}

function overSamples(compute) {
  return (a) => {
    const { rows, columns, data } = a, result = data.slice(0, columns);
    for (let i = 1, k = columns; i < rows; i++) {
      for (let j = 0; j < columns; j++, k++) result[j] = compute(result[j], data[k]);
    }
    return matrix(1, columns, result);
  };
}

function overFeatures(compute) {
  return (a) => {
    const { rows, columns, data } = a, result = new Float64Array(rows);
    for (let i = 0, k = 0; i < rows; i++) {
      result[i] = data[k++];
      for (let j = 1; j < columns; j++) result[i] = compute(result[i], data[k++]);
    }
    return matrix(rows, 1, result);
  };
}

const add = (x, y) => x + y;
const divide = ofTwo((x, y) => x / y), larger = ofTwo(Math.max), smaller = ofTwo(Math.min);
const sumSamples = overSamples(add), sumFeatures = overFeatures(add);

// By the names that written lines give them in the plan.
const operations = {
  "+": ofTwo(add),
  "-": ofTwo((x, y) => x - y),
  "@": product,
  "*": ofTwo((x, y) => x * y),
  "/": divide,
  "negative": ofOne((x) => -x),
  "**": ofTwo(Math.pow),
  "** 2": ofOne((x) => x * x),
  "** 3": ofOne((x) => x * x * x),
  "<": ofTwo((x, y) => Number(x < y)),
  "<=": ofTwo((x, y) => Number(x <= y)),
  ">": ofTwo((x, y) => Number(x > y)),
  ">=": ofTwo((x, y) => Number(x >= y)),
  "if": choose,
  "T": transpose,
  "sqrt": ofOne(Math.sqrt),
  "abs": ofOne(Math.abs),
  "exp": ofOne(Math.exp),
  "log": ofOne(Math.log),
  "sign": ofOne(Math.sign),
  "tanh": ofOne(Math.tanh),
  "sigmoid": ofOne((x) => 1 / (1 + Math.exp(-x))),
  "max": (...several) => several.reduce((x, y) => larger(x, y)),
  "min": (...several) => several.reduce((x, y) => smaller(x, y)),
  "sum samples": sumSamples,
  "mean samples": (a) => divide(sumSamples(a), constant(a.rows)),
  "max samples": overSamples(Math.max),
  "min samples": overSamples(Math.min),
  "sum features": sumFeatures,
  "mean features": (a) => divide(sumFeatures(a), constant(a.columns)),
  "max features": overFeatures(Math.max),
  "min features": overFeatures(Math.min),
};
