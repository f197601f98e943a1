// The nudge: what a small change of a number does to the loss, measured, beside what its gradient promised.

const NUDGES = ["+0.001", "+0.01", "+0.1", "-0.001", "-0.01", "-0.1"];

function showNudge(part) {
  const size = Number(at("size").value);
  const target = targetOf(part);
  const moved = rounded(lossMoved(target, size), page.digits);
  const slope = target.slope();
  let promise = "what the gradient promises comes with the way back";
  if (slope === null) promise = "a step needs no gradient here";
  else if (target.known()) promise = `the gradient promised ${rounded(slope * size, page.digits)}`;
  at("moved").textContent = `here would move the loss by ${moved} (measured by a forward pass); ${promise}.`;
}

function lossMoved(target, size) {
  const value = target.get();
  const before = network.trainingLoss();
  target.set(value + size);
  const after = network.trainingLoss();
  target.set(value);
  return after - before;
}

function startNudge() {
  for (const text of NUDGES) at("size").add(new Option(text));
  at("size").value = "+0.01";
  at("size").addEventListener("change", showFacts);
}
