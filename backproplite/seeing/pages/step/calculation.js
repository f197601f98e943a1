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
  fitText(box);
  at("show").hidden = !box.querySelector(".unseen");
  allFactors().forEach((one, i) => (one.tabIndex = i ? -1 : 0)); // one stop for Tab
  for (const scroller of box.querySelectorAll(".scroll")) {
    if (scroller.scrollWidth > scroller.clientWidth) scroller.tabIndex = 0; // so that keys can scroll it
  }
  const pane = at("working");
  pane.tabIndex = pane.scrollHeight > pane.clientHeight ? 0 : -1;
  showChosen();
}

const allFactors = () => [...document.querySelectorAll("#equations .factor")];

const SMALLEST = 13, BROKEN = 18, LARGEST = 22; // px
let fitted = {}; // how large the text of a stage is

// Text is as large as all lines have room unbroken, or clearly larger and broken between terms. While
// numbers change, it stays as large as it is if it can. What even then is too high is scrolled.
function fitText(box) {
  const pane = at("working"), times = isLarger() ? 1.3 : 1;
  const place = [current, sample, pane.clientWidth, innerHeight, times].join();
  const across = ({ size, unbroken }) => {
    box.style.fontSize = `${size * times}px`;
    box.classList.toggle("unbroken", unbroken);
    return unbroken ? box.scrollWidth <= box.clientWidth : brokenWell(box, 1.8 * size * times);
  };
  const fits = (way) => across(way) && pane.scrollHeight <= pane.clientHeight;
  if (fitted.place === place && (fitted.high || fits(fitted))) return;
  const least = [true, false].map((unbroken) => ({ size: SMALLEST, unbroken, place, high: true }));
  across(least[1]);
  const high = pane.scrollHeight > pane.clientHeight;
  const most = Math.min(BROKEN, Math.floor(pane.clientWidth / 22 / times));
  fitted = (!high && waysToFit(place, most).find(fits)) || least.find(across) || least[1];
}

// The sizes of text, unbroken or broken, from the best.
function waysToFit(place, most) {
  const ways = [];
  for (let size = LARGEST; size > SMALLEST - 3; size--) {
    if (size >= SMALLEST) ways.push({ size, unbroken: true, place });
    if (size + 3 <= most) ways.push({ size: size + 3, unbroken: false, place });
  }
  return ways;
}

// Whether lines are broken between terms only, and arrays not at all.
function brokenWell(box, most) {
  return [...box.querySelectorAll(".term")].every((term) => term.offsetHeight < most)
    && [...box.querySelectorAll(".scroll")].every((one) => one.scrollWidth <= one.clientWidth);
}

function showEquation({ symbol, formula, lines, more, array, before }, parent) {
  const box = element("div", "", parent, "equation");
  if (formula) {
    const line = element("p", "", box, "formula");
    for (const term of termsOf([`${symbol} = ${formula}`])) {
      const words = element("span", "", line, "term");
      for (const word of term.join("").split(/( )/)) factor(word, wholeOf(word), words);
      line.append(" ");
    }
  }
  if (lines.length) {
    const list = element("ul", "", box, "lines");
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
    for (const term of termsOf(pieces)) {
      const box = element("span", "", how, "term");
      for (const piece of term) factor(piece.text ?? piece, piece.ref, box);
      how.append(" ");
    }
    how.lastChild.remove();
  }
  result(value, valueRef, element("span", " = ", item));
}

// The parts of a line, cut before each plus and minus that stands in no brackets.
function termsOf(pieces) {
  const terms = [[]];
  let depth = 0;
  for (const piece of pieces.flatMap((piece) => piece.text ? piece : piece.split(/( (?=[+-] )|[()])/))) {
    depth += { "(": 1, ")": -1 }[piece] ?? 0;
    if (piece === " " && depth === 0) terms.push([]);
    else terms.at(-1).push(piece);
  }
  return terms;
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
  const table = element("table", "", box, array.length > 1 ? "" : array[0].length > 1 ? "row" : "one");
  table.setAttribute("aria-label", symbol);
  for (const numbers of array) {
    const row = element("tr", "", table);
    for (const text of numbers) element("td", text, row);
  }
}
