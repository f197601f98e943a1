// Elements of the page: found, made, and made to speak. Text is only ever set as text.

const at = (id) => document.getElementById(id);
const svg = at("drawing").firstElementChild;

function element(tag, text, parent, className = "") {
  const one = document.createElement(tag);
  one.textContent = text;
  if (className) one.className = className;
  return parent.appendChild(one);
}

function make(tag, attributes, parent, text) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  if (text !== undefined) one.textContent = text;
  return parent.appendChild(one);
}

// A button may be out of use and yet keep the focus.
const disable = (id, off) => at(id).setAttribute("aria-disabled", off);

// For those who cannot see what changed.
function say(text) {
  at("said").textContent = text;
}
