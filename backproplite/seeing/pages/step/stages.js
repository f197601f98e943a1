// Going from stage to stage: buttons, the list, keys, the address.

let current = 0; // which stage

function go(stage) {
  const goal = Math.max(0, Math.min(stage, page.stages.length - 1));
  if (goal !== current) revealed.clear();
  current = goal;
  showStage();
  scrollDrawing();
  at("calculation").scrollTo({ top: 0 });
  const frame = window.frameElement;
  if (frame) { // it grows with the page, so that nobody has to scroll in two places
    const needed = document.documentElement.scrollHeight;
    frame.style.height = `${Math.max(frame.offsetHeight, needed)}px`;
  }
  // A notebook's frame (about:srcdoc) has no address to keep it in.
  if (/^(file|https?):$/.test(location.protocol)) history.replaceState(null, "", `#${current + 1}`);
}

// All that depends on the stage, the sample and the numbers.
function showStage() {
  showBars();
  showDrawing();
  showCalculation();
  for (const part of parts.values()) {
    part.group.setAttribute("role", part.group.classList.contains("editable") ? "button" : "img");
    part.group.setAttribute("aria-label", spoken(part));
  }
}

function showBars() {
  const { title, way } = page.stages[current];
  const position = `${current + 1} of ${page.stages.length}`;
  document.body.dataset.way = way;
  at("position").textContent = position;
  if (at("title").textContent !== title) at("title").textContent = title;
  at("list").value = current + 1;
  disable("back", current === 0);
  disable("next", current === page.stages.length - 1);
  at("loss").textContent = lossInWords();
  at("steps").textContent = `Step ${network.steps}`;
  at("rate").textContent = `learning_rate ${network.alive ? rounded(network.rate, page.digits) : ""}`;
}

function lossInWords() {
  const name = page.samples > 1 ? "Loss of the batch" : "Loss";
  const before = told(page.loss.batch, valueAt(lossAt()), "loss");
  if (!before) return `${name}: not computed yet`;
  const after = told(page.loss.batchAfter, afterAt(), "loss");
  return `${name} ${before}${after && ` → ${after}`}`;
}

function fromAddress() {
  go((Number(location.hash.slice(1)) || 1) - 1);
}

const KEYS = {
  ArrowRight: 1, PageDown: 1, " ": 1, // clickers send the pages
  ArrowLeft: -1, PageUp: -1,
  Home: -Infinity, End: Infinity,
};

function pressed(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || target.closest("input, select")) return;
  if (key === "Escape") putAway();
  if (walk(event) || activate(event)) return void event.preventDefault();
  const moves = KEYS[key];
  const itsOwn = (key === " " && target.closest("button, summary"))
    || (key.startsWith("Arrow") && target.closest(".scroll[tabindex]")); // it scrolls by them
  if (moves === undefined || event.shiftKey || itsOwn) return;
  event.preventDefault();
  go(current + moves);
}

// Keys that go through the parts of the drawing, by themselves or by columns, and through factors.
function walk(event) {
  const direction = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!direction) return false;
  const drawn = [...parts.values()];
  const inDrawing = drawn.findIndex(({ group }) => group === event.target);
  const all = inDrawing < 0 ? allFactors() : drawn.map(({ group }) => group);
  const here = all.indexOf(event.target);
  if (here < 0) return false;
  let there = here + direction;
  const byColumns = event.shiftKey && inDrawing >= 0;
  while (byColumns && drawn[there]?.column === drawn[here].column) there += direction;
  all[there]?.focus();
  return true;
}

// Enter or the space bar on a part that can be changed.
function activate({ key, target }) {
  const part = [...parts.values()].find(({ group }) => group === target);
  if (![" ", "Enter"].includes(key) || !part || !targetOf(part)) return false;
  openBox(part);
  return true;
}

function putAway() {
  at("options").open = false;
  keep(null);
}

function startStages() {
  page.stages.forEach((stage, i) => at("list").add(new Option(`${i + 1}. ${stage.title}`, i + 1)));
  at("back").addEventListener("click", () => go(current - 1));
  at("next").addEventListener("click", () => go(current + 1));
  at("list").addEventListener("change", () => go(at("list").value - 1));
  addEventListener("hashchange", fromAddress);
  document.addEventListener("keydown", pressed);
}
