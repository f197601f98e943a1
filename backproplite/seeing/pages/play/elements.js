// Elements of the page, found and made.

const at = (id) => document.getElementById(id);

function makeElement(tag, attributes, parent, text) {
  const space = ["svg", "g", "path"].includes(tag) ? "2000/svg" : "1999/xhtml";
  const element = document.createElementNS(`http://www.w3.org/${space}`, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

// Change a text, if it is another.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
