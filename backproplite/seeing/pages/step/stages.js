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
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, [role=slider]")) return;
  if (walk(event)) return void event.preventDefault();
  const part = event.target.closest(".part");
  if ((event.key === "Enter" || event.key === " ") && part?.classList.contains("editable")) {
    event.preventDefault();
    return openBox([...parts.values()].find(({ group }) => group === part));
  }
  if (event.key === "Escape") keep(null);
  const moves = KEYS[event.key];
  if (moves === undefined || event.shiftKey || (event.key === " " && event.target.closest("button, summary"))) return;
  if (event.key.startsWith("Arrow") && event.target.closest(".scroll[tabindex]")) return; // it scrolls by them
  event.preventDefault();
  go(current + moves);
}

function startStages() {
  page.stages.forEach((stage, i) => at("list").add(new Option(`${i + 1}. ${stage.title}`, i + 1)));
  at("back").addEventListener("click", () => go(current - 1));
  at("next").addEventListener("click", () => go(current + 1));
  at("list").addEventListener("change", () => go(at("list").value - 1));
  addEventListener("hashchange", fromAddress);
  document.addEventListener("keydown", pressed);
}
