"""Crowds of networks, what each would become alone, and the comparison of the two."""

import copy

import numpy as np
from hypothesis import strategies as st
from strategies import seeds, targets_for

import backproplite as bp
from backproplite import testing
from backproplite.configurable import arguments_of

XOR = bp.datasets.xor()


class Diary(bp.Callback):
    """Remembers what it has seen, step by step and epoch by epoch."""

    state_names = ("steps", "epochs")

    def __init__(self):
        self.steps, self.epochs = [], []

    def start(self, network):
        self.steps, self.epochs = [], []

    def after_step(self, network):
        self.steps.append((network.step_count, float(network.gradients.sum())))

    def __call__(self, network):
        self.epochs.append((network.epoch_count, network.history["loss"][-1]))


def small(seed=0, rate=0.1, hidden=4, **settings):
    """A network for exclusive or."""
    return bp.Network(
        [bp.Dense(2, hidden), bp.Tanh(), bp.Dense(hidden, 1)],
        bp.MeanSquaredError(),
        bp.Adam(rate, **settings),
        seed=seed,
    )


def become(network):
    """All that a network has become, by name."""
    return {
        **{name: array.copy() for name, array in network.named_arrays().items()},
        **{f"history.{name}": np.array(values) for name, values in network.history.items()},
        "gradients": network.gradients.copy(),
        "stopped": np.array(network.stop_training),
        "diverged": np.array(str(network.diverged)),
        "next draws": network.draws().random(3),
    }


#: How far a network may be from what it is alone. A product of stacked matrices may round otherwise.
TOLERANCES = {"float64": 1e-12, "float32": 1e-4}


def assert_same(network, other):
    """Assert that two networks are what the other is, and that their views are bound."""
    tolerance = TOLERANCES[network.dtype.name]
    for (name, one), two in zip(become(network).items(), become(other).values(), strict=True):
        if one.dtype.kind != "f":
            np.testing.assert_array_equal(one, two, err_msg=name)
        else:
            np.testing.assert_allclose(one, two, tolerance, tolerance, err_msg=name)
    for stretch, layer in zip(network.stretches, network.layers, strict=True):
        for array in layer.named_parameters().values():
            assert array.size == 0 or np.shares_memory(array, network.parameters[stretch])


def alone(network, *data, **options):
    """Fit a network by itself; one that diverges is marked."""
    try:
        network.fit(*data, **options)
    except bp.DivergenceError as error:
        network.diverged = error
    return network


def rates():
    return st.one_of(
        st.sampled_from([0.001, 0.01, 0.1]),
        st.builds(bp.ExponentialSchedule, st.sampled_from([0.1, 0.02]), st.just(0.9), st.just(2)),
    )


#: Values of the settings of optimizers.
SETTINGS = {
    "momentum": [0.0, 0.5, 0.9],
    "nesterov": [False, True],
    "beta1": [0.5, 0.9],
    "beta2": [0.9, 0.99],
    "epsilon": [1e-8, 1e-3],
    "clip_norm": [0.1, 10.0],
    "clip_value": [0.05, 10.0],
    "weight_decay": [0.0, 0.1],
}


@st.composite
def optimizers(draw, cls, named):
    """An optimizer of a class, with values for the settings that are named."""
    given = {name: draw(st.sampled_from(SETTINGS[name])) for name in named}
    return cls(draw(rates()), **given)


class Crowd:
    """Networks, the arguments of `fit_together`, and those of the `fit` of each."""

    def __init__(self, networks, together, each):
        self.networks, self.together, self.each = networks, together, each

    def __repr__(self):
        return f"Crowd({self.networks}, {self.together})"

    def together_and_alone(self, **more):
        """Return the networks that were trained side by side, and those that were alone."""
        twins, each = copy.deepcopy((self.networks, self.each))
        for twin, own in zip(twins, each, strict=True):
            alone(twin, **own)
        try:
            bp.fit_together(self.networks, **self.together, **more)
        except bp.DivergenceError:
            assert all(twin.diverged for twin in twins)
        return list(zip(self.networks, twins, strict=True)), each


@st.composite
def callbacks_for(draw, count):
    """A list of callbacks for each network."""
    stopping, diaries, lists = draw(st.booleans()), draw(st.booleans()), []
    for _ in range(count):
        lists.append([lambda network: None] if draw(st.booleans()) else [])
        if stopping:
            lists[-1].append(bp.EarlyStopping(draw(st.integers(1, 2))))
        if diaries and draw(st.booleans()):
            lists[-1].append(Diary())
    return lists


@st.composite
def crowds(draw, dtype="float64"):
    """Networks of one or two architectures, with everything that may differ between them."""
    n = draw(st.integers(4, 9))
    sized = testing.networks(samples=n, features=st.integers(1, 4))
    base, X, y = draw(sized)
    rng = np.random.default_rng(draw(seeds))
    count = draw(st.integers(2, 5))
    per_network = {"y": draw(st.booleans())}
    optimizer = draw(st.sampled_from(testing.OPTIMIZERS))
    taken = [name for name in arguments_of(optimizer) if name in SETTINGS]
    named = draw(st.lists(st.sampled_from(taken), unique=True))
    other = draw(st.booleans())
    networks, targets = [], []
    for i in range(count):
        network = bp.fresh(base, seed=i, optimizer=draw(optimizers(optimizer, named)), dtype=dtype)
        own = y
        if other and i and draw(st.integers(0, 3)) == 0:  # another architecture
            network = bp.Network(
                [bp.Dense(X.shape[1], 3), bp.Tanh(), bp.Dense(3, base.out_features)],
                bp.MeanSquaredError(), bp.Adam(), seed=i, dtype=dtype,
            )  # fmt: skip
            per_network["y"] = True
        if per_network["y"]:
            own = targets_for(network.loss, n, network.out_features, rng)
        networks.append(network)
        targets.append(own)
    batch_size = draw(st.sampled_from([None, 2, 3, n]))
    shared = {"epochs": draw(st.integers(0, 4)), "batch_size": batch_size}
    shared |= {"shuffle": draw(st.booleans())}
    each = [{"X": X, "y": own} | shared for own in targets]
    together = {"X": X, "y": targets if per_network["y"] else y} | shared

    def one_or_each(name, make, take=lambda value, i: value):
        how = draw(st.sampled_from(["none", "one", "each"]))
        if how == "none":
            return
        values = [make()] * count if how == "one" else [make() for _ in range(count)]
        together[name] = values[0] if how == "one" else values
        for i, value in enumerate(values):
            each[i][name] = take(value, i)

    one_or_each("sample_weight", lambda: rng.integers(0, 3, n))
    if not per_network["y"]:
        one_or_each("validation_data", lambda: (X + rng.random(), y))
    if draw(st.booleans()):
        size = draw(st.integers(4, 2 * n))
        same = draw(st.integers(0, 3)) > 0
        rows = [
            rng.integers(0, n, size if same else draw(st.integers(4, 2 * n))) for _ in range(count)
        ]
        together["rows"] = rows
        for own, chosen in zip(each, rows, strict=True):
            own["X"], own["y"] = X[chosen], own["y"][chosen]
            if "sample_weight" in own:
                own["sample_weight"] = own["sample_weight"][chosen]
    lists = draw(callbacks_for(count))
    for own, listed in zip(each, lists, strict=True):
        own["callbacks"] = listed
    together["callbacks"] = copy.deepcopy(lists)
    return Crowd(networks, together, each)


class Fault(bp.Callback):
    """Raises an error, or what a function makes, after so many steps."""

    def __init__(self, error, at):
        self.error, self.at, self.seen = error, at, 0

    def after_step(self, network):
        self.seen += 1
        if self.seen == self.at:
            raise self.error() if callable(self.error) else self.error
