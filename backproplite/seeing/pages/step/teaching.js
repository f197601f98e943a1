// For a class: stages that play by themselves, guessing first, larger text, a handout on paper.

let playing = null; // the timer

function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(playOn, 1000 * at("pace").value) : null;
  at("play").textContent = on ? "❚❚" : "▶";
  at("play").ariaLabel = on ? "Pause" : "Play";
  at("play").setAttribute("aria-pressed", on);
}

function playOn() {
  if (current === page.stages.length - 1) play(false);
  else go(current + 1);
}

function guessFirst() {
  guessing = at("guess").checked;
  revealed.clear();
  showStage();
}

// Every stage with its calculation; results that are to be guessed are left blank.
function writeHandout() {
  const [stage, box] = [current, at("handout")];
  box.replaceChildren();
  page.stages.forEach(({ title }, i) => {
    current = i;
    const part = element("section", "", box);
    element("h2", `${i + 1}. ${title}`, part);
    for (const equation of page.stages[i].equations) showEquation(equation, part);
  });
  element("p", page.loss.verdict, box, "proof");
  current = guessing ? 0 : updateAt() - 1;
  showDrawing({ way: "", layer: null });
  current = stage;
}

function removeHandout() {
  at("handout").replaceChildren();
  showStage();
}

function startTeaching() {
  at("play").addEventListener("click", () => play(!playing));
  at("pace").addEventListener("change", () => playing && play(true));
  at("guess").addEventListener("change", guessFirst);
  at("show").addEventListener("click", () => reveal("all"));
  at("larger").addEventListener("change", () => {
    document.documentElement.classList.toggle("larger", at("larger").checked);
    lay();
  });
  at("print").addEventListener("click", () => print());
  addEventListener("beforeprint", writeHandout);
  addEventListener("afterprint", removeHandout);
}
