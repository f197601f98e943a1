// What can be chosen, and the boxes and buttons for it. What is typed and cannot be is refused beside the box,
// and the last good value stays.

const SPEEDS = {
  "5 epochs a second": { epochs: 1, every: 200 },
  "1 epoch a frame": { epochs: 1, every: FRAME },
  "10 epochs a frame": { epochs: 10, every: FRAME },
  "as fast as it can": UNLIMITED,
};
const MOST_LAYERS = 6;
const MOST_WIDE = 64;

// Readers of what is typed: the value, or an Error that says what was expected.
function readNumber(text, least = -Infinity) {
  const number = Number(text.trim().replace(",", "."));
  const bound = Number.isFinite(least) ? ` of at least ${least}` : "";
  if (!text.trim() || !Number.isFinite(number) || number < least) throw new Error(`must be a number${bound}`);
  return number;
}

function readWhole(text, least, most = Infinity) {
  if (!/^\d+$/.test(text.trim()) || Number(text) < least || Number(text) > most) {
    throw new Error(`must be a whole number of at least ${least}${most < Infinity ? ` and at most ${most}` : ""}`);
  }
  return text.trim();
}

// A box with its label and its refusal. `shown()` is the last good value as text, `take(value)` what to do with a new one.
function listenToBox(box, refusal, read, shown, take) {
  box.addEventListener("input", () => {
    box.removeAttribute("aria-invalid");
    refusal.textContent = "";
  });
  box.addEventListener("change", () => {
    try {
      take(read(box.value));
    } catch (error) {
      box.setAttribute("aria-invalid", "true");
      refusal.textContent = `${error.message}; got "${box.value.slice(0, 30)}". ${shown()} is kept.`;
    }
    box.value = shown();
  });
}

function addBox(form, id, label, read, shown, take) {
  const outer = makeElement("label", {}, form, label);
  const box = makeElement("input", { id, autocomplete: "off", inputmode: "decimal", "aria-describedby": `${id}-refused` }, outer);
  const refusal = makeElement("p", { id: `${id}-refused`, class: "refused", role: "alert" }, outer);
  listenToBox(box, refusal, read, shown, take);
  return () => { box.value = shown(); };
}

function addList(form, id, label, optionsNow, shown, take) {
  const outer = makeElement("label", {}, form, label);
  const list = makeElement("select", { id }, outer);
  list.addEventListener("change", () => take(list.value));
  return () => {
    const options = optionsNow();
    if ([...list.options].map((each) => each.value).join() !== options.join()) {
      list.replaceChildren();
      for (const each of options) makeElement("option", { value: each }, list, each);
    }
    list.value = shown();
  };
}

function addButton(parent, text, label, action, disabled = false) {
  const button = makeElement("button", { type: "button", "aria-label": label }, parent, text);
  button.disabled = disabled;
  button.addEventListener("click", action);
  return button;
}

// ---- Data sets, each with a small picture, and the class of points that are added

function addSets(sets, chosen, take) {
  const root = at("sets");
  root.replaceChildren();
  for (const set of sets) {
    const label = makeElement("label", {}, root);
    const radio = makeElement("input", { type: "radio", name: "set", value: set.name }, label);
    radio.checked = set === chosen;
    radio.addEventListener("change", () => take(set));
    set.picture = makeElement("canvas", { "aria-hidden": "true" }, label);
    makeElement("span", {}, label, set.name);
  }
}

function drawSets(sets) {
  for (const set of sets) {
    const { pen, width, height } = sharp(set.picture);
    const view = viewOf(set, pointsOf(set));
    const place = placed(view, width, height);
    pen.clearRect(0, 0, width, height);
    if (view.X[0].length > 2) continue;
    view.X.forEach((row, i) => {
      const target = targetOf(view, i);
      pen.fillStyle = view.kind === "values" ? theme.plus : classColour(target);
      pen.beginPath();
      pen.arc(...place(row[0], row.length > 1 ? row[1] : target), view.X.length > 60 ? 1.5 : 4, 0, 7);
      pen.fill();
    });
  }
}

function addClasses(count, chosen, take) {
  const root = at("classes");
  root.replaceChildren();
  for (let label = 0; label < count; label++) {
    const outer = makeElement("label", {}, root);
    const radio = makeElement("input", { type: "radio", name: "class", value: label }, outer);
    radio.checked = label === chosen;
    radio.addEventListener("change", () => take(label));
    const shown = makeElement("span", {}, outer);
    const mark = makeElement("canvas", { width: 28, height: 28, style: "width: 14px; height: 14px", "aria-hidden": "true" }, shown);
    const pen = mark.getContext("2d");
    pen.beginPath();
    addShape(pen, label, 14, 14, 10);
    pen.fillStyle = classColour(label);
    pen.fill();
    shown.append(`class ${label}`);
  }
}
