// The page begins, and listens.

function listen() {
  at("run").addEventListener("click", () => (runner.running ? pause() : start()));
  at("one-step").addEventListener("click", () => {
    takeSteps(1);
    say(describeTraining());
  });
  at("one-epoch").addEventListener("click", () => {
    once((trainer) => note(trainer.epoch()));
    say(describeTraining());
  });
  at("reset").addEventListener("click", reset);
  at("every-number").addEventListener("click", openStep);
  at("close").addEventListener("click", () => at("step").close());
  at("step").addEventListener("close", () => at("step").querySelector("iframe").remove());
  at("log").addEventListener("change", () => { stale = true; });
  at("copy").addEventListener("click", copyPython);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new ResizeObserver(() => { stale = true; }).observe(at("plane"));
  new ResizeObserver(reshape).observe(at("scroll"));
  listenToPoints();
  listenToDrawing(net, () => { stale = true; });
}

function repaint() {
  readTheme();
  drawSets(given.sets);
  settle();
}

function reshape() {
  if (at("scroll").clientWidth - 6 === drawing.room) return;
  readTheme();
  layOut(net(), drawing.sizes, addUnitButtons);
  settle();
}

async function copyPython() {
  try {
    await navigator.clipboard.writeText(at("code").textContent);
  } catch { // a page within another may not be allowed to
    getSelection().selectAllChildren(at("code"));
    document.execCommand("copy");
  }
  say("Copied.");
  write(at("copy"), "Copied");
  setTimeout(() => write(at("copy"), "Copy"), 2000);
}

// For checks by others. Whatever is asked for stops a run first.
window.backproplite = {
  get parameters() {
    runner.stop();
    return net().parameters.slice();
  },
  get loss() {
    runner.stop();
    return currentLoss();
  },
  set(index, value) {
    once((trainer) => trainer.setParameter(index, value));
  },
  step(count = 1) {
    refuseCount(count);
    takeSteps(count);
  },
  reset,
};

for (const part of given.sets.flatMap((each) => [each, ...(each.validation ? [each.validation] : [])])) {
  part.X = toRows(fromPlain(part.X));
  if (part.y.float64) part.y = toRows(fromPlain(part.y));
}
readTheme();
addSettings();
addDepth();
listen();
chooseSet(given.sets.find(({ name }) => name === given.start));
addSets(given.sets);
drawSets(given.sets);
requestAnimationFrame(turn);
