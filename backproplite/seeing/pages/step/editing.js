// Changing a number: a small box at its place. What is typed is followed at once; nonsense is refused in
// words beside it, and so is a number with which the step would diverge: the last good number stays.

let edited = null; // what the box changes: its target, the number and all else with which it was opened

// What of the network stands behind a part, to get and set; nothing where it cannot be changed.
function targetOf(part) {
  if (!page.alive) return null;
  const facts = factsOf(part);
  if (part.kind === "unit") return facts.editable && entryTarget(part, facts);
  const parameter = part.kind === "bias" ? facts : facts.weight;
  return parameter ? parameterTarget(parameter, part.wire.from) : null;
}

function entryTarget(part, { editable: { what, row, column }, id }) {
  const entries = network[what];
  const place = row * entries.columns + column;
  return {
    name: symbolOf(part),
    id,
    get: () => entries.data[place],
    set: (value) => (entries.data[place] = value),
    slope: () => (what === "x" ? pass.scopes[0].grad_input?.data[place] : null) ?? null,
    known: () => seen(reachedAt("backward", 0), id),
  };
}

function parameterTarget({ symbol, parameter, id }, layer) {
  return {
    name: symbol,
    id,
    get: () => network.parameters[parameter],
    set: (value) => (network.parameters[parameter] = value),
    slope: () => pass.gradients[parameter],
    known: () => seen(reachedAt("backward", layer), id),
  };
}

const rateTarget = {
  name: "learning_rate",
  get: () => network.rate,
  set: (rate) => (network.rate = rate),
};

function openBox(part) {
  const target = targetOf(part);
  if (!target) return;
  const place = new DOMPoint(part.x, part.y).matrixTransform(svg.getScreenCTM());
  openBoxAt(target, place.x, place.y + 14, part.group);
}

function openBoxAt(target, x, y, from) {
  edited = { target, first: target.get(), all: everything(), from };
  const box = at("box");
  box.hidden = false;
  at("what").textContent = target.name;
  at("number").value = target.get();
  refuse("");
  const around = box.offsetParent.getBoundingClientRect();
  const left = Math.min(x - around.left - box.offsetWidth / 2, around.width - box.offsetWidth);
  box.style.left = `${Math.max(0, left)}px`;
  box.style.top = `${Math.min(y - around.top, around.height - box.offsetHeight)}px`;
  at("number").focus({ preventScroll: true });
  at("number").select();
}

function closeBox(backToPart) {
  if (!edited) return;
  const { from, target } = edited;
  edited = null;
  at("box").hidden = true;
  if (backToPart) (from.isConnected ? from : parts.get(target.id).group).focus();
}

function refuse(why) {
  at("refusal").textContent = why;
  at("number").setAttribute("aria-invalid", Boolean(why));
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

// The number that a text says, or why it says none.
function readNumber(typed) {
  const text = typed.trim().replace("−", "-").replace(",", ".");
  if (!text) return { why: "Type a number." };
  if (!NUMBER.test(text)) return { why: `“${text.slice(0, 20)}” is no number.` };
  const number = Number(text);
  return Number.isFinite(number) ? { number } : { why: `${text.slice(0, 20)} is too large.` };
}

// What is refused leaves no trace: the number is again that with which the box was opened.
function typed() {
  const { number, why } = readNumber(at("number").value);
  const trouble = why ?? change(edited.target, number);
  if (trouble) undo();
  refuse(trouble && `${trouble} It stays ${edited.first}.`);
}

function undo() {
  putBack(edited.all);
  follow();
}

// Sets a number, and says why not if the step would diverge with it.
function change(target, number) {
  const before = everything();
  target.set(number);
  const trouble = follow();
  warn("");
  if (trouble) putBack(before);
  else say(`${target.name} is ${number}. ${lossInWords()}`);
  return trouble;
}

// One step of a key or of a drag: the last of two digits.
function step(number, times) {
  const size = Math.abs(number) >= 0.0995 ? 0.1 : 0.01;
  return Number((number + times * size).toPrecision(12));
}

function stepBy(times) {
  at("number").value = step(edited.target.get(), times);
  typed();
}

const BOX_KEYS = {
  ArrowUp: () => stepBy(1),
  ArrowDown: () => stepBy(-1),
  Enter: () => at("refusal").textContent || closeBox(true),
  Escape: () => {
    undo();
    closeBox(true);
  },
};

// A drag sideways on the box changes the number by a step for each few pixels.
function dragNumber(event) {
  const { clientX: from } = event;
  const first = edited.target.get();
  const box = at("number");
  box.setPointerCapture(event.pointerId);
  box.onpointermove = ({ clientX }) => {
    const times = Math.trunc((clientX - from) / 6);
    if (!times || !edited) return;
    box.value = step(first, times);
    typed();
  };
  box.onpointerup = () => (box.onpointermove = null);
}

function startEditing() {
  at("box").addEventListener("submit", (event) => event.preventDefault());
  at("number").addEventListener("input", typed);
  at("number").addEventListener("blur", () => closeBox(false));
  at("number").addEventListener("pointerdown", dragNumber);
  at("number").addEventListener("keydown", (event) => {
    if (!edited || !BOX_KEYS[event.key]) return;
    event.preventDefault();
    BOX_KEYS[event.key]();
  });
  at("rate").addEventListener("click", () => {
    const { left, top } = at("rate").getBoundingClientRect();
    openBoxAt(rateTarget, left + 60, top - 90, at("rate"));
  });
  at("train").addEventListener("click", () => train(1));
  at("reset").addEventListener("click", startAgain);
}
