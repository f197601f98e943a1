"""What a playground builds by choices: the plan of the network that its Python builds."""

import json

import pytest
from playing import choices, known, play

import backproplite as bp
from backproplite.seeing.pages.plan import plan

CHOSEN = [
    (
        choices("moons", seed=str(2**90)),
        [bp.Dense(2, 8), bp.Tanh(), bp.Dense(8, 8), bp.Tanh(), bp.Dense(8, 1)],
        bp.SigmoidCrossEntropy(),
        bp.Adam(0.03),
    ),
    (
        choices(
            "xor",
            loss="CategoricalCrossEntropy",
            activation="LeakyReLU",
            optimizer="Nesterov",
            settings={"momentum": 0.5, "clip_norm": 1},
        ),
        [bp.Dense(2, 4), bp.LeakyReLU(), bp.Dense(4, 2), bp.Softmax()],
        bp.CategoricalCrossEntropy(),
        bp.Momentum(0.1, momentum=0.5, nesterov=True, clip_norm=1.0),
    ),
    (
        choices("circles", loss="MeanSquaredError", layers=[], optimizer="AdamW"),
        [bp.Dense(2, 1), bp.Sigmoid()],
        bp.MeanSquaredError(),
        bp.AdamW(0.03),
    ),
    (
        choices("regression", loss="Huber", optimizer="RMSProp", settings={"weight_decay": 0.1}),
        [bp.Dense(1, 8), bp.Tanh(), bp.Dense(8, 8), bp.Tanh(), bp.Dense(8, 1)],
        bp.Huber(),
        bp.RMSProp(0.01, weight_decay=0.1),
    ),
]


@pytest.mark.parametrize(("chosen", "layers", "loss", "optimizer"), CHOSEN)
def test_plan_is_that_of_the_network(chosen, layers, loss, optimizer):
    network = bp.Network(layers, loss, optimizer, seed=int(chosen["seed"]))
    expected = json.loads(json.dumps(plan(network)))
    made = play("return built(data.given).plan;", chosen)
    # it names the rate always
    made["optimizer"]["name"] = repr(eval(made["optimizer"]["name"], vars(bp)))
    if not optimizer.decays:  # then nobody asks what would
        assert expected["decaying"] is None
        expected["decaying"] = network.decaying.tolist()
    assert made == expected


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_losses_come_with_a_last_layer_that_suits_them(kind):
    dataset = {"classes": "moons", "numbers": "regression"}[kind]
    names = [each["name"] for each in known()["kinds"][kind]]
    given = [choices(dataset, loss=name, layers=[2]) for name in names]
    script = "built(each).plan.layers.map(({ name }) => name)"
    built = play(f"return data.given.map((each) => {script});", given)
    for name, layers in zip(names, built, strict=True):
        *_, last = network = [eval(each, vars(bp)) for each in layers]
        loss = getattr(bp, name)()
        bp.Network(network, loss)  # which refuses a wrong one
        assert type(last) is (loss.suits or (bp.Sigmoid if bounded(kind, loss) else bp.Dense))


def bounded(kind, loss):
    """Whether outputs must be made to lie between 0 and 1."""
    return kind == "classes" and loss.labels is None
