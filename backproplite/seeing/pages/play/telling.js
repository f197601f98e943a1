// What is drawn and told of the network as it is: sixty times a second what moves, less often texts, and now
// and then a sentence for those who listen.

const SLOWLY = 500; // milliseconds between two pictures where motion is not wanted
const WRITTEN = 400; // between two changes of texts
const TOLD = 10_000; // between two sentences
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const drawn = { at: 0, spent: 0, written: 0, told: 0, half: 0 };

// A slow machine gets fewer pictures, so that there is time for its user.
function turn(now) {
  const rest = calm.matches && runner.running ? SLOWLY : 1.5 * drawn.spent;
  if (stale && now - drawn.at >= rest) draw(now);
  requestAnimationFrame(turn);
}

function draw(now) {
  stale = false;
  drawn.at = now;
  const start = performance.now();
  drawPictures();
  showReadout();
  drawn.spent = performance.now() - start;
  if (now - drawn.written >= WRITTEN) writeTexts(now);
  if (!runner.running || now - drawn.told < TOLD) return;
  drawn.told = now;
  say(describeTraining());
}

// All at rest: everything is shown and described as it is now.
function settle() {
  drawn.written = -WRITTEN;
  draw(performance.now());
  showState();
}

function drawPictures() {
  const network = net();
  showWeights(network);
  drawCurve(at("curve"), curve, at("log").checked);
  if (!grid) return;
  const fields = network.forward(grid);
  showUnits(fields, grid.columns, runner.running ? (drawn.half = 1 - drawn.half) : null);
  drawOutput(fields, network.loss);
}

// What a unit gives, where one is pointed at, else the outputs in the space of the targets.
function drawOutput(fields, loss) {
  const { column, row } = drawing.chosen ?? {};
  const unit = column ? { index: row, scale: column.scale } : null;
  const field = unit ? fields[column.flow] : loss.predictions(fields.at(-1));
  drawPlane(at("plane"), view, field, unit, isPlacing() ? cross : null);
  write(at("output-head"), unit ? `Output of ${column.symbol}[${row}]` : "Output");
}

function showState() {
  write(at("run"), runner.running ? "Pause" : "Start");
  write(at("trouble"), trouble && `Training stopped: ${trouble}`);
}

const currentLoss = () => net().trainingLoss(runner.trainer.points.x, runner.trainer.points.y);

function showReadout() {
  const network = net(), { validation } = runner.trainer.points;
  write(at("epochs"), network.epochs.toLocaleString("en"));
  write(at("steps"), network.steps.toLocaleString("en"));
  write(at("loss"), rounded(curve.newest?.[1] ?? currentLoss(), 4));
  at("validation-loss").hidden = at("validation-key").hidden = !validation;
  if (!validation) return;
  const loss = curve.newest?.[2] ?? network.lossOf(validation.x, validation.y);
  write(at("validation-loss").lastElementChild, rounded(loss, 4));
}

function writeTexts(now) {
  const { points } = runner.trainer;
  drawn.written = now;
  showHealth(healthOf(net(), points, given.limits, curve.rows[0]?.[1], curve.newest?.[1]));
  showTip(net());
  showKey(points);
  write(at("code"), pythonOf(set, describedNow(), runner.trainer));
  refreshRate();
  if (!runner.running) describeAll();
}

// What the page does as the library does, and what otherwise.
function showNote({ plan, chance }) {
  const first = plan === set.plan ? [] : ["the first weights"], masks = chance ? ["Dropout's masks"] : [];
  const what = [...first, "the order of samples", ...masks].join(", ");
  const notes = [`Drawn from seed ${plan.seed}, as the library draws them: ${what}.`];
  if (plan.dtype !== "float64") notes.push(`The network is ${plan.dtype}; this page computes in float64.`);
  if (Array.isArray(plan.optimizer.rate)) {
    notes.push(`After ${plan.optimizer.rate.length.toLocaleString("en")} steps the rate stays as it is.`);
  }
  write(at("note"), notes.join(" "));
}

// What the colours of the output mean, and how many samples are classified right.
function showKey({ x, y, validation }) {
  const held = validation ? `, and ${countOf(validation.x, validation.y)} held out` : "";
  const right = view.kind === "classes" ? "Right: " : "";
  write(at("key"), `${meaningOf(view, y.columns)} ${right}${countOf(x, y)} samples${held}.`);
}

function meaningOf({ kind, X, range }, outputs) {
  if (X[0].length > 2) return "Of more than two columns there is no picture.";
  if (X[0].length === 1) return "Line: what the network gives.";
  if (kind === "values") return `Orange: ${rounded(range[0], 3)}, blue: ${rounded(range[1], 3)}.`;
  return outputs < 3 ? "Line: where both classes are equally likely." : "Colour: the likeliest class.";
}

// How many samples there are, and of classes how many are predicted.
function countOf(x, y) {
  const all = x.rows.toLocaleString("en");
  if (view.kind === "values") return all;
  const [predicted, targets] = [net().predict(x), y].map(toRows);
  const right = predicted.filter((row, i) => classOf(row) === classOf(targets[i])).length;
  return `${right.toLocaleString("en")} of ${all}`;
}

// Health.

function showHealth({ layers, findings }) {
  const sizes = at("sizes");
  while (sizes.children.length < layers.length) addSize(sizes);
  while (sizes.children.length > layers.length) sizes.lastElementChild.remove();
  layers.forEach(({ name, gradient }, i) => {
    const [label, bar, number] = sizes.children[i].children;
    const share = gradient ? Math.min(1, Math.max(0.01, 1 + Math.log10(gradient) / 8)) : 0; // from 1e-8 on
    write(label, name);
    bar.style.setProperty("--share", share);
    write(number, gradient === null ? "none" : rounded(gradient, 2));
    sizes.children[i].classList.toggle("sick", findings.some(({ layer }) => layer === i));
  });
  for (const each of drawing.columns) write(each.badge, badgeOf(each.layers, layers, findings));
  showFindings(findings);
}

function addSize(parent) {
  const row = makeElement("li", {}, parent);
  for (const name of ["name", "bar", "number"]) makeElement("span", { class: name }, row);
}

// At a column, in a word: what was found in its layers, and how many of its units are dead.
function badgeOf(layers, healths, findings) {
  const isHere = ({ layer }) => layers.some(({ index }) => index === layer);
  const found = findings.filter((each) => each.name !== "dead units" && isHere(each));
  const dead = layers.map(({ index }) => healths[index].dead).filter((each) => each?.share > 0);
  return [
    ...found.map(({ name }) => name.split(" ")[0]),
    ...dead.map(({ share, units }) => `${Math.round(share * units)} of ${units} dead`),
  ].join(", ");
}

function showFindings(findings) {
  const list = at("findings"), texts = findings.map(({ name, text }) => `${name}: ${text}`);
  if (!texts.length) texts.push("Nothing is wrong.");
  if ([...list.children].map((each) => each.textContent).join() === texts.join()) return;
  list.replaceChildren();
  for (const text of texts) makeElement("li", {}, list, text);
  if (runner.running) say(texts.join(" "));
}

// For those who listen.

function say(text) {
  at("said").textContent = text;
}

function describeTraining() {
  const [epoch, loss, validation] = curve.newest ?? [net().epochs, currentLoss(), null];
  const second = validation === null ? "" : `, validation loss ${rounded(validation, 3)}`;
  return `Epoch ${epoch.toLocaleString("en")}, loss ${rounded(loss, 3)}${second}.`;
}

function describeAll() {
  describeParts(net());
  at("plane").setAttribute("aria-label", describePlane());
  at("curve").setAttribute("aria-label", `The loss by epoch. ${describeTraining()}`);
}

function describePlane() {
  const { X, kind } = view, { x, y } = runner.trainer.points;
  const what = `${X.length} samples of ${X[0].length} ${X[0].length > 1 ? "columns" : "column"}`;
  if (kind === "values") return `The fitted curve over ${what}. ${describeTraining()}`;
  return `The decision boundary over ${what}: ${countOf(x, y)} are on the right side. ${describeTraining()}`;
}
