"""What a playground is made of, and what it refuses."""

import html
import json
import pickle
import re

import numpy as np
import pytest
from javascript import run
from playing import FILES

import backproplite as bp
from backproplite.seeing.pages.play_data import SETS
from backproplite.seeing.pages.playground import play_page

X, Y = bp.datasets.xor()


def network(*layers, loss=None):
    layers = layers or [bp.Dense(2, 4), bp.Tanh(), bp.Dense(4, 1), bp.Sigmoid()]
    return bp.Network(list(layers), loss or bp.MeanSquaredError(), bp.Adam(0.1), seed=42)


def data(page):
    return json.loads(re.search(r'id="page-data">(.*?)</script>', page)[1])


def given(playground):
    return data(playground.html)["sets"][0]


def test_it_is_written_shown_and_returned(tmp_path):
    path = tmp_path / "play.htm"
    playground = bp.playground(network(), X, Y, path)
    assert path.read_text("utf-8") == playground.html
    assert f'<iframe srcdoc="{html.escape(playground.html)}"' in playground._repr_html_()
    assert re.fullmatch(r"Playground\(\d+ kB of HTML\)", repr(playground))
    assert bp.playground(network(), X, Y).html == playground.html
    assert list(tmp_path.iterdir()) == [path]


def test_it_is_small_and_loads_nothing():
    for name in SETS:
        page = play_page(name)
        assert len(page.encode()) < 200_000
        assert not re.findall(r"""(?:src|href)=["']?\w+:""", page)
        assert "default-src 'none'" in page
        assert data(page)["start"] == name
    assert len(bp.playground(network(), X, Y).html.encode()) < 200_000


def test_the_network_is_as_it_is_and_stays_so():
    one = network().fit(X, Y, 7)
    before = pickle.dumps(one.snapshot())
    plan = given(bp.playground(one, X, Y))["plan"]
    assert plan["parameters"] == one.parameters.tolist()
    assert (plan["steps"], plan["epochs"], plan["seed"]) == (7, 7, "42")
    for name, numbers in plan["optimizer"]["state"].items():
        assert numbers == getattr(one.optimizer, name).tolist()
    assert plan["optimizer"]["steps"] == 7
    assert pickle.dumps(one.snapshot()) == before


@pytest.mark.parametrize(
    ("y", "loss", "kind", "shown"),
    [
        (Y, bp.MeanSquaredError(), "classes", [0, 1, 1, 0]),
        (Y, bp.SigmoidCrossEntropy(), "classes", [0, 1, 1, 0]),
        (Y / 2, bp.SigmoidCrossEntropy(), "numbers", [[0.0], [0.5], [0.5], [0.0]]),
        (Y + 0.5, bp.MeanSquaredError(), "numbers", [[0.5], [1.5], [1.5], [0.5]]),
    ],
)
def test_zeros_and_ones_are_classes(y, loss, kind, shown):
    made = given(bp.playground(network(bp.Dense(2, 1), loss=loss), X, y))
    assert (made["kind"], made["y"]) == (kind, shown)


def test_settings_of_its_optimizer_are_kept_when_it_is_changed():
    one = network()
    one.optimizer = bp.Momentum(0.1, momentum=0.5, nesterov=True, clip_norm=2.0)
    choices = given(bp.playground(one, X, Y))["choices"]
    assert choices["optimizer"] == "Nesterov"
    assert choices["settings"] | {"weight_decay": 0.0} == {
        "momentum": 0.5,
        "clip_norm": 2.0,
        "weight_decay": 0.0,
    }


def test_labels_and_validation_data_go_along():
    labels = np.array([0, 2, 1, 0])
    one = network(bp.Dense(2, 3), loss=bp.SoftmaxCrossEntropy())
    made = given(bp.playground(one, X, labels, validation_data=(X[:2], labels[:2])))
    assert made["y"] == labels.tolist()
    assert made["validation"] == {"X": X[:2].tolist(), "y": [0, 2]}


class Flat(bp.Identity):
    pass


def test_its_python_makes_the_network_again():
    X, Y = bp.datasets.spirals(20)
    first = [bp.Standardize.of(X), bp.Dense(2, 3, bp.He()), Flat()]
    block = bp.Residual([bp.Dense(3, 3), bp.ELU()])
    one = bp.Network(
        [*first, block, bp.Dense(3, 1)],
        bp.SigmoidCrossEntropy(),
        bp.Momentum(bp.CosineSchedule(0.1, 50), nesterov=True),
        seed=42,
    )
    one.parameters[2] = 0.25
    described = given(bp.playground(one, X, Y))["described"]
    names = {"bp": bp, "np": np, "Flat": Flat}
    text = (
        f"network = bp.Network([{', '.join(described['layers'])}], {described['loss']}, "
        f"{described['optimizer']}, seed={described['seed']})"
    )
    exec("\n".join([text, *described["start"]]), names)
    assert repr(names["network"]) == repr(one)
    np.testing.assert_array_equal(names["network"].parameters, one.parameters)
    outputs = [each.predict(X) for each in (names["network"], one)]
    np.testing.assert_array_equal(*outputs)


def test_its_data_are_in_the_python_where_they_are_few():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((60, 2)), rng.standard_normal((60, 1)) * 1e-9
    few, many = (page_of(np.tile(x, (times, 1)), np.tile(y, (times, 1))) for times in (1, 5))
    names = {"np": np}
    exec(few, names)
    np.testing.assert_array_equal(names["X"], x)
    np.testing.assert_array_equal(names["y"], y)
    assert many.startswith("X = ...  # the X that you gave\ny = np.array([[")


def page_of(x, y):
    shown = {"X": x.tolist(), "y": y.tolist()}
    return run(FILES, "dataInPython(data)", shown)


def half_frozen():
    one = network()
    one.layers[0].trainable = False
    return one


def scaled():
    loss = bp.StandardizedTargets.of(100 + 30 * Y, bp.Huber(0.5))
    return network(bp.Dense(2, 1), loss=loss)


TRAINED = """(() => {
  const [set] = data.sets, network = new LiveNetwork(set.plan);
  const trainer = new Trainer(network, preparedPoints(pointsOf(set), set.plan.loss, 1));
  return [[1, 2, 3].map(() => trainer.epoch()[1]), pythonOf(set, set.described, trainer)];
})()"""


@pytest.mark.parametrize(("one", "y"), [(half_frozen(), Y), (scaled(), 100 + 30 * Y)])
def test_its_python_gives_the_losses_of_the_page(one, y):
    page = data(bp.playground(one, X, y).html)
    losses, code = run(FILES, TRAINED, page)
    names = {}
    exec(code, names)
    np.testing.assert_allclose(names["y"], np.reshape(y, np.shape(names["y"])), 1e-15)
    np.testing.assert_allclose(losses, names["network"].history["loss"], 1e-9)
    np.testing.assert_allclose(losses, one.fit(X, y, 3).history["loss"], 1e-9)


def test_what_has_no_python_of_its_own_is_left_to_the_reader():
    one = network()
    one.optimizer = bp.Adam(lambda step: 0.1)
    given_as = "network = ...  # the network that you gave"
    assert given(bp.playground(one, X, Y))["described"] == {"given": given_as}


def test_a_network_that_was_trained_before_is_loaded(tmp_path, monkeypatch):
    one = network().fit(X, Y, 3)
    code = given(bp.playground(one, X, Y))["described"]["given"]
    monkeypatch.chdir(tmp_path)
    one.save("model.npz")
    names = {"bp": bp}
    exec(code, names)
    np.testing.assert_array_equal(names["network"].parameters, one.parameters)
    assert names["network"].step_count == 3


def test_a_network_of_many_parameters_that_were_set_is_loaded():
    layers = bp.Dense(2, 200), bp.Tanh(), bp.Dense(200, 1)
    one = bp.Network(layers, bp.MeanSquaredError(), seed=0)
    one.parameters[0] = 0.5
    described = given(bp.playground(one, X, Y))["described"]
    assert described["given"].startswith('network = bp.Network.load("model.npz")')


class Doubled(bp.Layer):
    in_features = out_features = None

    def forward(self, x):
        return 2 * x, None

    def backward(self, grad_output, cache):
        return 2 * grad_output


def test_what_has_no_lines_is_refused_with_the_mend(tmp_path):
    with pytest.raises(bp.ParameterError, match=r"layers\[1\] Doubled .*written.*bp\.trace"):
        bp.playground(network(bp.Dense(2, 1), Doubled()), X, Y, tmp_path / "play.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((None, X, Y), bp.ParameterError, "network must be a Network; got NoneType."),
        ((network(), X, Y, "missing/play.html"), bp.InputError, "'missing' does not exist"),
        ((network(), X, Y, "play.txt"), bp.InputError, "must end in .html or .htm; got 'play.txt'"),
        ((network(), X, Y[:2]), bp.ShapeError, "y must"),
        ((network(), X, Y, None, (X[:1], Y)), bp.ShapeError, "validation y must"),
        (
            (network(), np.zeros((2001, 2)), np.zeros((2001, 1))),
            bp.ShapeError,
            "X must hold at most 2,000 samples, or the page would be slow; got 2,001.",
        ),
    ],
)
def test_what_cannot_be_played_with_is_refused(arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        bp.playground(*arguments)
