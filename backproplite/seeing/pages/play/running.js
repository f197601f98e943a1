// A trainer that runs until it is stopped, and shows some 60 times a second how far it has come.
//
// It runs in a worker, made of the page's own script, which keeps the page responsive; where there can be
// none, in short slices here. What a run shows after it was stopped is void: an edit stops it, and starts
// another one from what was shown last.

const FRAME = 1000 / 60; // milliseconds
const LONGEST = 100; // so long may an epoch go on before something is shown
const UNLIMITED = { epochs: Infinity, every: FRAME }; // a pace: so many epochs in so many milliseconds

// Steps until the time is up or so many epochs are over: {ended: [[epoch, loss, validation]], trouble: text}.
function slice(trainer, milliseconds, epochs) {
  const start = performance.now(), ended = [];
  try {
    do {
      const epoch = trainer.step();
      if (epoch) ended.push(epoch);
    } while (ended.length < epochs && performance.now() - start < (trainer.batches ? LONGEST : milliseconds));
  } catch (error) {
    if (!(error instanceof Divergence)) throw error;
    return { ended, trouble: trainer.trouble(error) };
  }
  return { ended, trouble: "" };
}

// Slices, one after the other, until the function that is returned is called, or something goes wrong.
function keepTraining(trainer, pace, milliseconds, show) {
  let timer = setTimeout(turn);
  function turn() {
    const start = performance.now();
    const news = slice(trainer, milliseconds, pace.epochs);
    const rest = pace.epochs < Infinity ? Math.max(0, pace.every - (performance.now() - start)) : 0;
    timer = news.trouble ? null : setTimeout(turn, rest);
    show(news);
  }
  return () => clearTimeout(timer);
}

// What a worker does: it trains what it is sent, and posts snapshots, until it is told otherwise.
function serve(port) {
  let stop = () => {};
  port.onmessage = ({ data: { run, plan, points, batchSize, state, pace } }) => {
    stop();
    if (!plan) return;
    const trainer = new Trainer(new LiveNetwork(plan), points, batchSize);
    trainer.state = state;
    const show = (news) => port.postMessage({ run, state: trainer.state, ...news });
    stop = keepTraining(trainer, pace, FRAME - 5, show); // a timer takes 4 of them
  };
}

// A worker made of the text of a script, or null.
function workerOf(text) {
  try {
    return new Worker(URL.createObjectURL(new Blob([text, "\nserve(self);"], { type: "text/javascript" })));
  } catch {
    return null;
  }
}

class Runner {
  // `show` is told {ended, trouble} after each slice; the trainer is then as far as that.
  constructor(trainer, worker, show) {
    Object.assign(this, { trainer, worker, show, run: 0, running: false, pace: UNLIMITED, halt: () => {} });
    if (!worker) return;
    worker.onmessage = ({ data: { run, state, ...news } }) => {
      if (!this.running || run !== this.run) return;
      this.trainer.state = state;
      this.shown(news);
    };
    worker.onerror = () => { // go on without it
      this.worker = null;
      if (this.running) this.start();
    };
  }

  shown(news) {
    if (news.trouble) this.stop();
    this.show(news);
  }

  start(pace = this.pace) {
    this.stop();
    const { trainer, worker, run } = Object.assign(this, { pace, running: true, run: this.run + 1 });
    if (worker) {
      const { network: { plan }, points, batchSize, state } = trainer;
      worker.postMessage({ run, plan, points, batchSize, state, pace });
      this.halt = () => worker.postMessage({});
    } else {
      this.halt = keepTraining(trainer, pace, FRAME / 2, (news) => this.shown(news));
    }
  }

  stop() {
    this.halt();
    this.halt = () => {};
    this.running = false;
  }

  // Edit the trainer, or put another in its place, between two steps.
  change(edit) {
    const { running } = this;
    this.stop();
    edit(this.trainer);
    if (running) this.start();
  }
}
