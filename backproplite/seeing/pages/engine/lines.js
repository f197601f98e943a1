// Written lines as trees: evaluated, printed in symbols, printed with the numbers plugged in.
//
// A tree is a name "x", a number, or [operation, operand, ...]. How an operation is printed comes with
// the plan, so that a page prints as the library does: its template, how tightly it binds (its rank),
// and the rank that each operand needs to stand without brackets. While numbers are plugged in a tree
// has two more kinds of operand: {number, name, row, column}, an entry of an array, and {text}.

let forms = null; // {operations: {name: [template, rank, needs]}, ranks: {name: rank}, spelled, most_terms}

// A function of a scope, which has an array for each name; to be made once for each tree.
function compile(tree) {
  if (typeof tree === "string") return (scope) => scope[tree];
  if (typeof tree === "number") {
    const array = constant(tree);
    return () => array;
  }
  const compute = operations[tree[0]], [a, b, ...others] = tree.slice(1).map(compile);
  if (!b) return (scope) => compute(a(scope));
  if (!others.length) return (scope) => compute(a(scope), b(scope));
  return (scope) => compute(a(scope), b(scope), ...others.map((operand) => operand(scope)));
}

function namesIn(tree) {
  if (typeof tree === "string") return [tree];
  return Array.isArray(tree) ? tree.slice(1).flatMap(namesIn) : [];
}

// Those lines, [name, tree] each, on which results depend, in their order.
function needed(lines, results) {
  const names = new Set(results);
  return [...lines].reverse().filter(([name, tree]) => {
    if (!names.has(name)) return false;
    namesIn(tree).forEach((each) => names.add(each));
    return true;
  }).reverse();
}

// "z₁ · weight + |bias|²": a tree with symbols in the places of names, in brackets below a rank.
function formula(tree, symbols = {}, within = forms.ranks.ANYTHING) {
  return operandIn(tree, symbols, within).join("");
}

// How entries come about, [row, column] each: texts and numbers, those of several entries as a sum.
function plugged(tree, scope, ...entries) {
  const terms = entries.map(([row, column]) => () => entryOf(tree, scope, row, column));
  return printed(shortened("terms", terms), {}).parts;
}

// The tree of numbers from which one entry is computed.
function entryOf(tree, scope, row, column) {
  if (typeof tree === "string") {
    const array = scope[tree], i = array.rows > 1 ? row : 0, j = array.columns > 1 ? column : 0;
    return { number: array.data[i * array.columns + j], name: tree, row: i, column: j };
  }
  if (!Array.isArray(tree)) return tree;
  const [operation, ...operands] = tree, [name, axis] = operation.split(" ");
  const at = (operand, i, j) => entryOf(operand, scope, i, j);
  const shape = (operand) => compile(operand)(scope);
  if (operation === "T") return at(operands[0], column, row);
  if (operation === "@") {
    const [left, right] = operands;
    return shortened("terms", Array.from({ length: shape(left).columns }, (_, k) =>
      () => ["*", at(left, row, k), at(right, k, column)]));
  }
  if (axis === "samples" || axis === "features") {
    const [operand] = operands, { rows, columns } = shape(operand);
    const count = axis === "samples" ? rows : columns;
    const entries = Array.from({ length: count }, (_, k) =>
      () => axis === "samples" ? at(operand, k, column) : at(operand, row, k));
    if (name === "max" || name === "min") return shortened(name, entries);
    const total = shortened("terms", entries);
    return name === "mean" ? ["/", total, { number: count, name: axis, row: 0, column: 0 }] : total;
  }
  return [operation, ...operands.map((each) => at(each, row, column))];
}

// An operation on many entries, with the first few of them.
function shortened(operation, entries) {
  const shown = entries.slice(0, forms.most_terms).map((entry) => entry());
  if (entries.length === 1) return shown[0];
  const left = entries.length - shown.length;
  return [operation, ...shown, ...(left ? [{ text: `… (${left} more)` }] : [])];
}

// Printing: each part is a text or a plugged number.

function printed(tree, symbols) {
  const { NAME, SIGN, FRACTION, SUM, MATRIX } = forms.ranks;
  if (typeof tree === "string" || tree.text) {
    const text = tree.text ?? symbols[tree] ?? tree;
    return { parts: [text], rank: /[/ ]/.test(text) ? FRACTION : NAME };
  }
  if (typeof tree === "number") return { parts: [literal(tree)], rank: NAME };
  if (!Array.isArray(tree)) return { parts: [tree], rank: tree.number < 0 ? SIGN : NAME };
  const [operation, ...operands] = tree;
  if (operation === "terms") {
    return { parts: joined(operands.map((each) => operandIn(each, symbols, MATRIX))), rank: SUM };
  }
  const [template, rank, needs] = forms.operations[operation];
  const texts = template.includes("{}") ? template.split("{}")
    : [`${template}(`, ...operands.slice(1).map(() => ", "), ")"];
  const parts = [texts[0]];
  operands.forEach((operand, k) => {
    // a + (b + c) is a + b + c
    const alike = ["+", "*", "@"].includes(operation) && operand[0] === operation && Array.isArray(operand);
    const shown = operandIn(operand, symbols, alike ? rank : needs[k] ?? forms.ranks.ANYTHING);
    parts.push(...(/^ *[-+·/] *$/.test(texts[k]) ? unsigned(shown) : shown), texts[k + 1]);
  });
  return { parts: parts.filter((part) => part !== ""), rank };
}

function operandIn(tree, symbols, need) {
  const { parts, rank } = printed(tree, symbols);
  return rank < need ? ["(", ...parts, ")"] : parts;
}

function startsNegative([first]) {
  return typeof first === "string" ? first.startsWith("-") : first.number < 0;
}

// What follows upon an operator and begins with a minus stands in brackets.
function unsigned(parts) {
  if (!startsNegative(parts)) return parts;
  return typeof parts[0] === "string" ? ["(", ...parts, ")"] : ["(", parts[0], ")", ...parts.slice(1)];
}

// A sum of terms; one that begins with a minus is subtracted.
function joined(terms) {
  return terms.flatMap((term, k) => {
    const [first, ...rest] = term;
    if (k === 0) return term;
    if (typeof first === "string" && first.startsWith("-")) return [` - ${first.slice(1)}`, ...rest];
    return [" + ", ...unsigned(term)];
  });
}

// A number of a line, as Python writes it.
function literal(number) {
  if (forms.spelled[number]) return forms.spelled[number];
  const [mantissa, power] = number.toExponential().split("e");
  return -5 < power && power < 16 ? String(number) : `${mantissa}e${twoDigits(power)}`;
}

// Numbers as text.

// A number with so many significant digits, but all of those before its point; in powers of ten from a
// million on, unless it has so many digits, and below 0.0001.
function rounded(number, digits) {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return String(number).replace("Infinity", "inf").replace("NaN", "nan");
  let text = evenly(number, "toExponential", digits - 1);
  const power = Number(text.split("e")[1]);
  if (-5 < power && power < Math.max(digits, 6)) {
    text = evenly(number, "toFixed", Math.max(digits - 1 - power, 0));
  }
  let [mantissa, exponent] = text.split("e");
  const exact = Math.abs(Number(text) - number) <= 1e-13 * Math.abs(number);
  if (mantissa.includes(".") && exact) mantissa = mantissa.replace(/\.?0+$/, ""); // 0.7000 is rounded
  return exponent ? `${mantissa}e${twoDigits(exponent)}` : mantissa;
}

// A number with so many digits, as Python's :g writes it.
function general(number, digits) {
  if (!number || !Number.isFinite(number)) return rounded(number, digits);
  const [mantissa, power] = evenly(number, "toExponential", digits - 1).split("e");
  const short = (text) => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (power < -4 || power >= digits) return `${short(mantissa)}e${twoDigits(power)}`;
  return short(evenly(number, "toFixed", digits - 1 - power));
}

// Rounded half to even, as Python does: JavaScript's own rounds the half up.
function evenly(number, format, decimals) {
  const text = number[format](decimals), closer = number[format](decimals + 1);
  if (!/5(e|$)/.test(closer) || Number(closer) !== number) return text; // no half
  const [whole, exponent] = number[format](100).split("e");
  const end = whole.indexOf(".") + 1 + decimals, kept = whole.slice(0, end).replace(/\.$/, "");
  const half = /^\.?50*$/.test(whole.slice(end)) && /[02468]$/.test(kept);
  return half ? kept + (exponent ? `e${exponent}` : "") : text;
}

function twoDigits(exponent) {
  return exponent.replace(/^([+-])(\d)$/, "$10$2");
}
