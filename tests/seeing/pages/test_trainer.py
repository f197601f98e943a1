"""Training on the page, by itself and as a run: how far it comes, what it says, when it stops."""

import pytest
from playing import choices, play

import backproplite as bp

MOONS = choices("moons", layers=[3])


def test_a_trainer_goes_on_from_the_state_of_another():
    ended, other = play(
        """
        const one = built(data.given).trainer, other = built(data.given).trainer;
        one.setRate(0.5);
        for (let i = 0; i < 17; i++) one.step();
        for (let i = 0; i < 3; i++) other.step();
        other.state = structuredClone(one.state);
        const end = (trainer) => [trainer.epoch(), trainer.epoch(), trainer.log, trainer.network.snapshot()];
        return [end(one), end(other)];
        """,
        MOONS,
    )
    assert ended == other
    assert ended[2] == [
        {"what": "rate", "rate": 0.5},
        {"what": "epochs", "count": 3, "batchSize": 10},
    ]


def test_a_state_does_not_change_when_training_goes_on():
    before, after = play(
        """
        const { trainer } = built(data.given);
        trainer.epoch();
        const start = trainer.state, before = structuredClone(start);
        trainer.state = start;
        for (let i = 0; i < 20; i++) trainer.step();
        return [before, start];
        """,
        MOONS,
    )
    assert after == before


@pytest.mark.parametrize("batch_size", [7, None])
def test_divergence_is_told_in_the_words_of_the_library(batch_size):
    chosen = choices(
        "regression",
        activation="Identity",
        layers=[3],
        optimizer="GradientDescent",
        learningRate=5,
        batchSize=batch_size,
    )
    code, trouble, finite = play(
        """
        const { trainer, set, plan, network } = built(data.given);
        const code = pythonOf(set, describedAs(plan), trainer);
        const { trouble } = slice(trainer, Infinity, 100);
        return [code, trouble, network.parameters.every(Number.isFinite)];
        """,
        chosen,
    )
    names = {}
    exec(code, names)  # before anything was trained
    with pytest.raises(bp.DivergenceError) as error:
        names["network"].fit(names["X"], names["y"], epochs=100, batch_size=batch_size)
    assert trouble == str(error.value)
    assert finite


def test_a_slice_ends_with_its_epochs():
    ended = play(
        "return [slice(built(data.given).trainer, Infinity, 3), slice(built(data.given).trainer, 0, 3)];",
        choices("xor"),
    )
    assert [[each[0] for each in news["ended"]] for news in ended] == [[1, 2, 3], [1]]


#: A worker as a browser has it, but of this very script, and a run of a few epochs in it or without.
WORKING = """
  class Working {
    constructor() {
      this.orders = [];
      this.port = { postMessage: (sent) => this.send(this, sent) };
      serve(this.port);
    }
    send(to, sent) {
      const message = { data: structuredClone(sent) };
      this.later(() => to.onmessage(message));
    }
    later(act) { setTimeout(act, 0); }
    postMessage(order) {
      this.orders.push(order);
      this.send(this.port, order);
    }
  }
  const { trainer } = built(data.given.choices);
  const worker = data.given.worker ? new Working() : null;
  const ended = [];
  let told = () => {};
  const runner = new Runner(trainer, worker, (news) => {
    ended.push(...news.ended);
    told(news);
  });
  const until = (happened) => new Promise((resolve) => {
    told = (news) => { if (happened(news)) resolve(); };
  });
  const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
  const slowly = { epochs: 1, every: 0 };
"""


def working(script, chosen=MOONS, worker=True):
    return play(
        f"return (async () => {{ {WORKING} {script} }})();", {"choices": chosen, "worker": worker}
    )


@pytest.mark.parametrize("worker", [True, False])
def test_a_run_trains_as_steps_do_until_it_is_stopped(worker):
    ended, log, plain = working(
        """
        runner.start(slowly);
        await until(() => ended.length > 4);
        runner.stop();
        const { log } = structuredClone(trainer.state);
        await pause();
        const plain = built(data.given.choices).trainer;
        return [ended, [log, trainer.log, runner.running], ended.map(() => plain.epoch())];
        """,
        worker=worker,
    )
    assert ended == plain
    counted = [{"what": "epochs", "count": len(ended), "batchSize": 10}]
    assert log == [counted, counted, False]


def test_what_a_run_shows_after_an_edit_is_void():
    first, second, parameter, shown = working(
        """
        runner.start(slowly);
        await until(() => ended.length > 1);
        const { onmessage } = worker, late = { run: runner.run, state: trainer.state, ended: [[99, 0, 0]], trouble: "" };
        runner.change((trainer) => trainer.setParameter(0, 123));
        onmessage({ data: late });
        const parameter = trainer.network.parameters[0];
        await until(() => ended.length > 3);
        runner.stop();
        return [late.run, runner.run, parameter, ended.map(([epoch]) => epoch)];
        """
    )
    assert (second, parameter) == (first + 1, 123)
    assert shown == [*range(1, len(shown) + 1)]


@pytest.mark.parametrize("worker", [True, False])
def test_a_run_ends_where_training_diverges(worker):
    chosen = choices(
        "regression", activation="Identity", optimizer="GradientDescent", learningRate=9
    )
    trouble, running = working(
        """
        let trouble;
        runner.start();
        await until((news) => { trouble = news.trouble; return trouble; });
        return [trouble, runner.running];
        """,
        chosen,
        worker,
    )
    assert trouble.startswith("the loss turned ")
    assert not running


def test_a_run_goes_on_here_if_its_worker_cannot():
    ended, orders = working(
        """
        worker.later = () => {};
        runner.start(slowly);
        worker.onerror();
        await until(() => ended.length > 2);
        runner.stop();
        return [ended.map(([epoch]) => epoch), worker.orders.length];
        """
    )
    assert ended == [*range(1, len(ended) + 1)]
    assert orders == 2  # to start and to stop


def test_a_pace_is_kept():
    shown = working(
        """
        const sizes = [];
        runner.start({ epochs: 3, every: 1 });
        await until((news) => { sizes.push(news.ended.length); return sizes.length === 4; });
        runner.stop();
        return sizes;
        """,
        choices("xor"),
    )
    assert max(shown) <= 3  # fewer if the time is up


def test_only_a_parameter_that_there_is_can_be_set_and_only_to_a_number():
    expression = """
      const { trainer } = built(known.sets[1].choices), before = trainer.network.parameters.slice();
      return [[-1, 0], [1e6, 0], ["length", 0], [0.5, 0], [0, NaN], [0, Infinity], [0, "1"]].map((each) => {
        try { trainer.setParameter(...each); } catch (error) {
          return error instanceof RangeError && !trainer.log.length
            && trainer.network.parameters.every((each, k) => each === before[k]);
        }
      });
    """
    assert play(expression) == [True] * 7
