"""The Python of a playground, run: it gives the losses of the page."""

import itertools
from functools import cache

import numpy as np
import pytest
from playing import choices, play

import backproplite as bp
from backproplite.chance import ORDER, Chance
from backproplite.seeing.pages.plan import plan


def played(*cases):
    """For each of (choices, what happens, points added) the code, the losses and the numbers of the page."""
    begin = """(({ choices, added }) => {
        const { set, plan, network, trainer, prepared } = built(choices, added);
        const epochs = [];
        const note = (epoch) => { if (epoch) epochs.push(epoch); };
        const train = (count) => { for (let i = 0; i < count; i++) note(trainer.epoch()); };
        const step = (count) => { for (let i = 0; i < count; i++) note(trainer.step()); };
        const points = (added) => trainer.setPoints(prepared(added), added);
    """
    end = """;
        return {
          code: pythonOf(set, describedAs(plan), trainer), epochs, steps: network.steps,
          parameters: Array.from(network.parameters),
        };
    })(data.given[%d])"""
    scripts = [begin + happening + end % i for i, (_, happening, _) in enumerate(cases)]
    given = [{"choices": chosen, "added": added} for chosen, _, added in cases]
    return play(f"return [{', '.join(scripts)}];", given)


def run_python(code):
    names = {}
    exec(compile(code, "<page>", "exec"), names)
    return names["network"]


def agree(page, network):
    loss, validation = np.array([each[1:] for each in page["epochs"]], float).reshape(-1, 2).T
    np.testing.assert_allclose(loss, network.history["loss"], rtol=1e-9)
    np.testing.assert_allclose(validation, network.history["val_loss"], rtol=1e-9)
    np.testing.assert_allclose(page["parameters"], network.parameters, rtol=1e-9, atol=1e-14)
    assert page["steps"] == network.step_count
    assert [each[0] for each in page["epochs"]] == list(range(1, network.epoch_count + 1))


CHOSEN = [
    choices("moons"),
    choices("moons", loss="SoftmaxCrossEntropy", optimizer="Nesterov", activation="ReLU", seed="7"),
    choices("moons", layers=[], batchSize=None, optimizer="GradientDescent", learningRate=0.5),
    choices("xor"),
    choices("xor", loss="MeanSquaredError", optimizer="GradientDescent", activation="Sigmoid"),
    choices("xor", batchSize=3, optimizer="RMSProp", seed=str(2**100 + 1)),
    choices("circles", loss="BinaryCrossEntropy", optimizer="Momentum", activation="SiLU"),
    choices("circles", loss="CategoricalCrossEntropy", activation="GELU", batchSize=7),
    choices("circles", loss="HalfSquaredError", optimizer="AdamW", activation="Softplus"),
    choices("spirals", activation="ELU", settings={"clip_norm": 0.1, "beta1": 0.5}),
    choices("spirals", optimizer="Momentum", settings={"weight_decay": 0.01, "momentum": 0.5}),
    choices("regression"),
    choices("regression", loss="MeanAbsoluteError", activation="LeakyReLU", batchSize=1),
    choices("regression", loss="Huber", optimizer="Momentum", activation="Identity", batchSize=90),
    choices("regression", loss="HalfSquaredError", layers=[3, 2, 4], seed="123456789"),
]


@cache
def pages_of_choices():
    return played(*((chosen, "train(12)", []) for chosen in CHOSEN))


@pytest.mark.parametrize("i", range(len(CHOSEN)), ids=lambda i: CHOSEN[i]["loss"])
def test_python_gives_the_losses_of_the_page(i, capsys):
    page = pages_of_choices()[i]
    network = run_python(page["code"])
    agree(page, network)
    assert str(network.history["loss"][-1]) in capsys.readouterr().out


POINTS = [[0.1, 0.2, 1], [1.5, -0.25, 0], [0.0, 1e-9, 1]]
HAPPENINGS = {
    "an epoch that goes on after single steps": "train(2); step(5); train(2); step(12)",
    "an epoch that is not at its end": "train(3); step(4)",
    "steps alone": "step(3)",
    "nothing": "",
    "another rate": "train(2); trainer.setRate(0.5); trainer.setRate(0.01); train(3)",
    "another rate in the middle of an epoch": "step(3); trainer.setRate(0.01); train(2)",
    "other sizes of batches": "trainer.setBatchSize(32); train(2); step(1); trainer.setBatchSize(null); train(2)",
    "edited parameters": "trainer.setParameter(3, 0.5); trainer.setParameter(7, -1e-7); train(2); "
    "trainer.setParameter(3, 1); trainer.setParameter(3, 2); train(1); step(2); trainer.setParameter(0, 0); train(1)",
    "points that come and go": "train(1); points(added.slice(0, 2)); step(1); "
    "points([...added.slice(0, 1), [0.7, 0.7, 0], [0.8, 0.8, 1]]); train(2); points([]); train(1)",
}


CASES = list(itertools.product(["moons", "xor"], HAPPENINGS))


@cache
def pages_of_happenings():
    small = {"moons": 10, "xor": 3}
    return played(
        *(
            (choices(dataset, batchSize=small[dataset], layers=[5]), HAPPENINGS[name], POINTS)
            for dataset, name in CASES
        )
    )


@pytest.mark.parametrize("i", range(len(CASES)), ids=lambda i: ": ".join(CASES[i]))
def test_what_happened_is_written_down(i):
    page = pages_of_happenings()[i]
    agree(page, run_python(page["code"]))


def test_points_of_one_input_are_written_down():
    happening = "train(1); points([[0.5, 2]]); train(1)"
    (page,) = played((choices("regression"), happening, [[0.25, -1]]))
    agree(page, run_python(page["code"]))


WHOLE = """\
import backproplite as bp
import numpy as np

X, y = bp.datasets.circles(150)
held_out = np.arange(len(X)) % 5 == 4
validation = X[held_out], y[held_out]
X, y = X[~held_out], y[~held_out]
X = np.vstack([X, [[0.5, -0.25]]])
y = np.append(y, [1])

network = bp.Network(
    [bp.Dense(2, 6), bp.Tanh(), bp.Dense(6, 1)],
    loss=bp.SigmoidCrossEntropy(),
    optimizer=bp.Adam(learning_rate=0.03),
    seed=42,
)

network.fit(X, y, epochs=3, batch_size=10, validation_data=validation)
network.optimizer.learning_rate = 0.01
network.parameters[[0, 5]] = [1, -0.5]
network.fit(X, y, epochs=2, batch_size=10, validation_data=validation)
network.fit(X, y, epochs=1, validation_data=validation)
X, y = X[:-1], y[:-1]
for rows in [[ROWS]]:
    network.train_step(X[rows], y[rows])

print("loss", network.history["loss"][-1])
print("val_loss", network.history["val_loss"][-1])
"""


def test_python_is_as_a_person_would_write_it():
    happening = """
      train(3); trainer.setRate(0.1); trainer.setRate(0.01);
      trainer.setParameter(5, -0.5); trainer.setParameter(0, 1); train(2);
      trainer.setBatchSize(null); train(1); trainer.setBatchSize(4); points([[9, 9, 1]]); points([]); step(1)
    """
    (page,) = played((choices("circles", seed="42"), happening, [[0.5, -0.25, 1]]))
    rows = Chance(42).at(ORDER, 6).permutation(120)[:4]
    assert page["code"] == WHOLE.replace("ROWS", ", ".join(map(str, rows)))


@pytest.mark.parametrize("widths", [[3] * 12, []])
def test_no_line_is_too_long(widths):
    chosen = choices("moons", layers=widths, batchSize=60)
    (page,) = played((chosen, "step(1)", [[0.125, 0.5, 1]] * 9))
    assert max(map(len, page["code"].splitlines())) <= 88
    agree(page, run_python(page["code"]))


def test_validation_data_of_ones_own_are_named():
    code = play(
        """
        const { set, plan, trainer } = built(data.given);
        trainer.epoch();
        const own = { ...set, held: false, validation: { X: [[0, 0]], y: [1] } };
        return pythonOf(own, describedAs(plan), trainer);
        """,
        choices("moons"),
    )
    assert "network.fit(X, y, epochs=1, batch_size=10, validation_data=validation)" in code
    assert "held_out" not in code
    assert 'print("val_loss"' in code


def test_a_network_that_was_trained_before_goes_on():
    X, y = bp.datasets.moons(40)
    layers = [bp.Dense(2, 6), bp.Tanh(), bp.BatchNorm(6), bp.Dropout(0.2), bp.Dense(6, 1)]
    network = bp.Network(
        layers, bp.SigmoidCrossEntropy(), bp.Adam(bp.ExponentialSchedule(0.1, 0.9, 3)), 3
    )
    network.fit(X, y, epochs=3, batch_size=12)
    page = play(
        """
        const network = new LiveNetwork(data.given.plan), { X, y } = data.given;
        const set = { X, y, code: "X, y = bp.datasets.moons(40)" };
        const trainer = new Trainer(network, preparedPoints(pointsOf(set), network.plan.loss, 1), 9);
        const epochs = Array.from({ length: 4 }, () => trainer.epoch());
        return {
          code: pythonOf(set, { given: "# network is the one that you gave" }, trainer), epochs,
          parameters: Array.from(network.parameters), steps: network.steps,
        };
        """,
        {"plan": plan(network), "X": X.tolist(), "y": y.tolist()},
    )
    exec(page["code"], {"network": network})
    assert [each[0] for each in page["epochs"]] == [4, 5, 6, 7]
    losses = [each[1] for each in page["epochs"]]
    np.testing.assert_allclose(losses, network.history["loss"][3:], rtol=1e-9)
    np.testing.assert_allclose(page["parameters"], network.parameters, rtol=1e-9, atol=1e-14)
    assert page["steps"] == network.step_count
