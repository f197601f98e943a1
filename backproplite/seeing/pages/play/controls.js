// Boxes, lists and buttons. What is typed and cannot be is refused beside the box, and the last good value
// stays.

// Readers of what is typed: the value, or an error that says what was expected.

function readNumber(text, least = -Infinity) {
  const number = Number(text.trim().replace(",", "."));
  if (text.trim() && Number.isFinite(number) && number >= least) return number;
  throw new Error(`must be a number${Number.isFinite(least) ? ` of at least ${least}` : ""}`);
}

function readShare(text) {
  const number = readNumber(text, 0);
  if (number < 1) return number;
  throw new Error("must be below 1");
}

function readWhole(text, least) {
  if (/^\d+$/.test(text.trim()) && Number(text) >= least) return text.trim();
  throw new Error(`must be a whole number of at least ${least}`);
}

// `shown()` is the last good value as text, and `take(value)` what to do with a new one.
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

// Each returns what shows its present value.

function addBox(form, id, label, read, shown, take) {
  const outer = makeElement("label", {}, form, label);
  const described = { "aria-describedby": `${id}-refused`, autocomplete: "off", inputmode: "decimal" };
  const box = makeElement("input", { id, ...described }, outer);
  const refusal = makeElement("p", { id: `${id}-refused`, class: "refused", role: "alert" }, outer);
  listenToBox(box, refusal, read, shown, take);
  return () => {
    if (document.activeElement !== box) box.value = shown();
  };
}

function addList(form, id, label, optionsNow, shown, take) {
  const list = makeElement("select", { id }, makeElement("label", {}, form, label));
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

function addRadio(parent, name, value, checked, take) {
  const label = makeElement("label", {}, parent);
  const radio = makeElement("input", { type: "radio", name, value }, label);
  radio.checked = checked;
  radio.addEventListener("change", take);
  return label;
}
