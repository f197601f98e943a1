"""The Python of a playground, run: it gives the losses of the page."""

import numpy as np
import pytest
from playing import choices, play


def played(choices, happening, added=()):
    """The code, and each epoch's losses, of a network that has been trained in Node."""
    train = """
        const { set, plan, network, trainer, prepared } = built(data.given.choices, data.given.added);
        const epochs = [];
        const note = (epoch) => { if (epoch) epochs.push(epoch); };
        const train = (count) => { for (let i = 0; i < count; i++) note(trainer.epoch()); };
        const step = (count) => { for (let i = 0; i < count; i++) note(trainer.step()); };
        const points = (added) => trainer.setPoints(prepared(added), added);
    """
    told = """;
        return {
          code: pythonOf(set, describedAs(plan), trainer), epochs, steps: network.steps,
          parameters: Array.from(network.parameters),
        };
    """
    return play(train + happening + told, {"choices": choices, "added": list(added)})


def run_python(code):
    names = {}
    exec(compile(code, "<page>", "exec"), names)
    return names["network"]


def agree(page, network):
    loss, validation = np.array([each[1:] for each in page["epochs"]], float).reshape(-1, 2).T
    np.testing.assert_allclose(loss, network.history["loss"], rtol=1e-9)
    np.testing.assert_allclose(validation, network.history["val_loss"], rtol=1e-9)
    np.testing.assert_allclose(page["parameters"], network.parameters, rtol=1e-9, atol=1e-9)
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


@pytest.mark.parametrize("chosen", CHOSEN, ids=lambda each: f"{each['dataset']} {each['loss']}")
def test_python_gives_the_losses_of_the_page(chosen, capsys):
    page = played(chosen, "train(12)")
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
    "points that come and go": "train(1); points(data.given.added.slice(0, 2)); step(1); "
    "points([...data.given.added.slice(0, 1), [0.7, 0.7, 0], [0.8, 0.8, 1]]); train(2); points([]); train(1)",
}


@pytest.mark.parametrize("dataset", ["moons", "xor"])
@pytest.mark.parametrize("happening", HAPPENINGS.values(), ids=list(HAPPENINGS))
def test_what_happened_is_written_down(dataset, happening):
    size = {"moons": 10, "xor": 3}[dataset]
    page = played(choices(dataset, batchSize=size, layers=[5]), happening, POINTS)
    agree(page, run_python(page["code"]))
