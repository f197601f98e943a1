// The calculation of a stage: formulas in symbols and in numbers. Each number of which the drawing has
// a part is a factor that lights it, and is lit by it.

let guessing = false; // results are hidden until asked for
const revealed = new Set(); // ids of the results that were asked for, or "all"

function showCalculation() {
  const stage = page.stages[current];
  const box = at("equations");
  box.replaceChildren();
  if (stage.way === "after" && seen(current, "loss")) element("p", page.loss.verdict, box, "proof");
  for (const equation of stage.equations) showEquation(equation, box);
  fitText(stage.equations, box);
  at("show").hidden = !box.querySelector(".unseen");
  allFactors().forEach((one, i) => (one.tabIndex = i ? -1 : 0)); // one stop for Tab
  for (const scroller of box.querySelectorAll(".scroll")) {
    if (scroller.scrollWidth > scroller.clientWidth) scroller.tabIndex = 0; // so that keys can scroll it
  }
  const pane = at("calculation");
  pane.tabIndex = pane.scrollHeight > pane.clientHeight ? 0 : -1;
  showChosen();
}

const allFactors = () => [...document.querySelectorAll("#equations .factor")];

const SMALLEST = 13, LARGEST_TEXT = 26; // px
const LETTER_SHARE = 0.61; // the width of a letter by its height

// How many of the smallest letters a line has room for; longer lines wrap.
const lettersInLine = () => Math.floor(at("calculation").clientWidth / SMALLEST / LETTER_SHARE) - 1;

// Text is as large as the longest line and the number of lines allow.
function fitText(equations, box) {
  const lengths = equations.flatMap(({ symbol, formula, lines, array, before }) => [
    1.15 * lettersOf(symbol + formula), ...lines.map(lengthOfLine),
    ...[...(before?.array ?? []), ...(array ?? [])].map((row) => lengthOfRow(symbol, row)),
  ]);
  const most = lettersInLine();
  const rows = lengths.reduce((sum, length) => sum + Math.ceil(length / most), 2 * equations.length);
  const letters = Math.min(most, Math.max(30, ...lengths) + 1);
  const { clientWidth, clientHeight } = at("calculation");
  const fitting = Math.min(clientWidth / letters / LETTER_SHARE, Math.max(clientHeight, 300) / rows / 1.5);
  const size = Math.max(SMALLEST, Math.min(fitting, LARGEST_TEXT));
  box.style.fontSize = `${size * (isLarger() ? 1.3 : 1)}px`;
}

const lettersOf = (text) => [...text].length;
const lengthOfRow = (symbol, row) => symbol.length + 5 + 1.7 * row.length + row.join("").length;
const lengthOfLine = ({ label, parts: pieces, value }) =>
  [label, ...pieces.map((piece) => piece.text ?? piece), value].join("").length + (pieces.length ? 6 : 3);

function showEquation({ symbol, formula, lines, more, array, before }, parent) {
  const box = element("div", "", parent, "equation");
  if (formula) {
    const line = element("p", "", box, "formula"); // wraps between its terms only
    for (const term of `${symbol} = ${formula}`.split(" ")) {
      factor(term, wholeOf(term), element("span", "", line));
      line.append(" ");
    }
  }
  if (lines.length) {
    const long = lines.some((line) => lengthOfLine(line) > lettersInLine());
    const list = element("ul", "", box, long ? "lines long" : "lines");
    for (const line of lines) showLine(line, list);
  }
  if (more) element("p", `… and ${more.toLocaleString("en")} more:`, box, "more");
  if (before) showArray(before.symbol, before.array, true, box);
  if (array) showArray(symbol, array, !formula && !before, box);
}

// What a symbol in a formula stands for: the id of a whole column, or of a whole layer.
function wholeOf(term) {
  const symbol = term.replace(/∂loss\/∂|[()|²³ᵀ,√]|^-/g, "");
  const column = page.columns.findIndex((one) => one.symbol === symbol);
  if (column >= 0) return `u${column}`;
  const ofLayer = (one) => one?.symbol.startsWith(`${symbol}[`);
  const layer = page.links.findIndex(({ edges, biases }) => [edges[0]?.weight, ...biases].some(ofLayer));
  return layer < 0 ? null : `l${layer}`;
}

function showLine({ label, ref, parts: pieces, value, valueRef }, list) {
  const item = element("li", "", list);
  factor(label, ref ?? valueRef, element("span", "", item));
  if (pieces.length) {
    const how = element("span", " = ", item);
    for (const piece of pieces) {
      if (typeof piece === "string") how.append(piece);
      else factor(piece.text, piece.ref, how);
    }
  }
  result(value, valueRef, element("span", " = ", item));
}

// A number of which the drawing has a part can be pointed at and gone to.
function factor(text, ref, parent) {
  if (!ref) return void parent.append(text);
  const one = element("span", text, parent, "factor");
  one.dataset.ref = ref;
  one.setAttribute("aria-description", parts.has(ref) ? symbolOf(parts.get(ref)) : "");
  one.addEventListener("pointerenter", () => point(ref));
  one.addEventListener("pointerleave", () => point(null));
  one.addEventListener("focus", () => {
    for (const other of allFactors()) other.tabIndex = other === one ? 0 : -1;
    keep(ref);
  });
  one.addEventListener("click", () => one.focus());
}

function result(text, ref, parent) {
  const id = ref ?? "all";
  if (seen(current, id)) return factor(text, ref, parent);
  const unseen = element("button", "?", parent, "unseen");
  unseen.type = "button";
  unseen.ariaLabel = "Show this result";
  unseen.addEventListener("click", () => reveal(id));
}

function reveal(id) {
  revealed.add(id);
  showStage();
}

function showArray(symbol, array, given, parent) {
  const box = element("div", "", element("div", "", parent, "scroll"), "array");
  element("span", `${symbol} =`, box);
  if (!given && !seen(current, "all")) return result("", null, box);
  const table = element("table", "", box, array.length === 1 && array[0].length === 1 ? "one" : "");
  table.setAttribute("aria-label", symbol);
  for (const numbers of array) {
    const row = element("tr", "", table);
    for (const text of numbers) element("td", text, row);
  }
}
