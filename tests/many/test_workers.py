"""Workers as threads: all end as one would on all data, and all come down together."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many.sums import together
from strategies import loss_classes, optimizer_classes, seeds, targets_for

import backproplite as bp


def small(seed=0, optimizer=None, layers=None, **options):
    layers = layers or [bp.Dense(3, 5), bp.Tanh(), bp.Dense(5, 2)]
    optimizer = optimizer or bp.Adam(0.01, clip_norm=0.1, weight_decay=0.1)
    return bp.Network(layers, bp.MeanSquaredError(), optimizer, seed=seed, **options)


def data(samples=20, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))


def shards(sizes):
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(*pair) for pair in itertools.pairwise(ends)]


def fit(networks, given, **options):
    """Fit each on its own arguments; return what came of it."""
    works = [
        lambda add, n=network, g=own: n.fit(**g, **options, all_reduce=add)
        for network, own in zip(networks, given, strict=True)
    ]
    return together(works)


def split(X, y, rows, **more):
    """The arguments of each worker."""
    return [
        {"X": X[r], "y": y[r]} | {n: None if v is None else v[r] for n, v in more.items()}
        for r in rows
    ]


def assert_all_alike(networks):
    first = networks[0]
    for network in networks:
        assert (network.record.bytes == first.record.bytes).all()
        np.testing.assert_equal(network.history, first.history)


def assert_like(network, one, tolerance=1e-12):
    for name, array in one.named_arrays().items():
        if name != "running":  # its plan is that of a shard
            scale = max(1.0, np.abs(array).max(initial=0))
            assert (
                np.abs(network.named_arrays()[name] - array).max(initial=0) <= tolerance * scale
            ), name
    for name, values in one.history.items():
        np.testing.assert_allclose(network.history[name], values, rtol=tolerance, atol=tolerance)


@st.composite
def cases(draw):
    sizes = draw(st.lists(st.integers(0, 7), min_size=2, max_size=5).filter(any))
    rng = np.random.default_rng(draw(seeds))
    loss = draw(st.sampled_from(loss_classes))()
    last = [loss.suits()] if loss.wants_probabilities else []
    cls, rate = draw(st.sampled_from(optimizer_classes)), 0.01
    clip_norm, decay = draw(st.sampled_from([None, 0.05])), draw(st.sampled_from([0.0, 0.1]))
    seed = draw(st.integers(0, 9))
    weights = draw(st.sampled_from([None, "some", "zeros"]))
    total = sum(sizes)
    X, y = rng.normal(size=(total, 3)), targets_for(loss, total, 2, rng)
    sample_weight = None
    if weights is not None:
        sample_weight = rng.uniform(0.1, 3, total)
        if weights == "zeros":
            sample_weight[rng.permutation(total)[: total // 2]] = 0.0

    def build():
        layers = [bp.Dense(3, 4), bp.Tanh(), bp.LayerNorm(4), bp.Dense(4, 2), *last]
        optimizer = cls(rate, clip_norm=clip_norm, weight_decay=decay)
        return bp.Network(layers, loss, optimizer, seed=seed)

    return build, sizes, X, y, sample_weight


@settings(max_examples=60)
@given(cases(), st.booleans())
def test_workers_end_as_one_does_on_all_data(case, scored):
    build, sizes, X, y, weight = case
    rows, options = shards(sizes), {"epochs": 3}
    validation = {"validation_data": (X, y, weight)} if scored else {}
    one = build().fit(X, y, sample_weight=weight, **options, **validation)
    networks = [build() for _ in rows]
    own = split(X, y, rows, sample_weight=weight)
    if scored:  # each has its shard of these too
        for each, r in zip(own, rows, strict=True):
            each["validation_data"] = (X[r], y[r], None if weight is None else weight[r])
    assert fit(networks, own, **options) == networks
    assert_all_alike(networks)
    for network in networks:
        assert_like(network, one)


def test_float32_agrees_as_far_as_it_goes():
    X, y = data()
    rows = shards([3, 0, 17])
    one = small(dtype="float32").fit(X, y, epochs=20)
    networks = [small(dtype="float32") for _ in rows]
    assert fit(networks, split(X, y, rows), epochs=20) == networks
    assert_all_alike(networks)
    np.testing.assert_allclose(networks[0].parameters, one.parameters, atol=1e-5)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 3.0}, {0: 0.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_classes_count_as_they_do_over_all_samples(class_weight, weighted):
    X, _ = data()
    y = np.r_[np.zeros(9, int), np.ones(11, int)]  # the first worker has one class alone
    weight = np.random.default_rng(0).uniform(0, 2, 20) if weighted else None

    def build():
        return bp.Network([bp.Dense(3, 2)], bp.SoftmaxCrossEntropy(), bp.Adam(0.1), seed=0)

    rows = shards([8, 12])
    options = {"epochs": 5, "class_weight": class_weight}
    one = build().fit(X, y, sample_weight=weight, **options)
    networks = [build() for _ in rows]
    assert fit(networks, split(X, y, rows, sample_weight=weight), **options) == networks
    assert_like(networks[0], one)


@pytest.mark.parametrize("sizes", [(6, 6), (7, 3), (1, 10, 4), (0, 5)])
def test_a_step_is_made_on_the_next_batches_of_all(sizes):
    X, y = data(sum(sizes))
    rows, networks, one = shards(sizes), [small() for _ in sizes], small()
    assert fit(networks, split(X, y, rows), epochs=2, batch_size=3, shuffle=False) == networks
    steps = -(-max(sizes) // 3)
    for _ in range(2):
        for i in range(steps):
            union = np.concatenate([np.arange(r.start, r.stop)[3 * i : 3 * i + 3] for r in rows])
            one.step(one.prepare(X[union], y[union]), float(len(union)))
    assert networks[0].step_count == 2 * steps
    np.testing.assert_allclose(networks[0].parameters, one.parameters, rtol=0, atol=1e-13)
    assert_all_alike(networks)


def test_shuffled_batches_train_all_alike():
    X, y = data()
    networks = [small() for _ in range(3)]
    own = split(X, y, shards([9, 4, 7]))
    assert fit(networks, own, epochs=5, batch_size=2) == networks
    assert_all_alike(networks)


def test_one_buffer_is_summed_once_a_step():
    X, y = data()
    fit([small(), small()], split(X, y, shards([9, 11])), epochs=50)
    size = small().parameters.size + 4
    assert together.sizes.count(size) == 50 + 1  # the last says that all have come to the end


def test_batch_norm_takes_each_shard_alone_and_its_statistics_end_alike():
    X, y = data()
    layers = lambda: [bp.BatchNorm(3), bp.Dense(3, 2)]  # noqa: E731
    networks = [small(layers=layers()) for _ in range(4)]
    rows = shards([8, 11, 0, 1])
    assert fit(networks, split(X, y, rows), epochs=1) == networks
    assert_all_alike(networks)
    norm = networks[0].layers[0]
    learnt = [X[r] for r in rows[:2]]  # a single sample has no spread
    for found, of in ((norm.running_mean, np.mean), (norm.running_variance, np.var)):
        options = {"ddof": 1} if of is np.var else {}
        wanted = np.average([of(x, axis=0, **options) for x in learnt], axis=0, weights=[8, 11])
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert norm.batches == 1
    assert fit(networks, split(X, y, rows), epochs=30) == networks
    assert_all_alike(networks)


def test_dropout_masks_differ_between_workers_and_come_again():
    class Seen(bp.Dropout):
        def forward_training(self, x, rng):
            output, cache = super().forward_training(x, rng)
            if len(x) > 2:  # two samples are tried before the fit
                masks.append(cache[0])
            return output, cache

    def run():
        masks.clear()
        networks = [small(layers=[Seen(0.5), bp.Dense(3, 2)]) for _ in range(2)]
        assert fit(networks, split(X, y, shards([10, 10])), epochs=4) == networks
        assert_all_alike(networks)
        return networks[0].parameters.copy(), sorted(mask.tobytes() for mask in masks)

    masks, (X, y) = [], data()
    parameters, drawn = run()
    again, drawn_again = run()
    assert (parameters == again).all()
    assert drawn == drawn_again
    assert len(set(drawn)) == 8


@pytest.mark.parametrize("everywhere", [True, False])
def test_early_stopping_stops_all_in_the_same_epoch(everywhere):
    X, y = data()
    rows = shards([4, 0, 16])
    stopping = bp.EarlyStopping(2, restore_best=everywhere, min_delta=0.01)
    one = small().fit(X, y, epochs=100, callbacks=stopping)
    networks = [small() for _ in rows]
    own = split(X, y, rows)
    for i, each in enumerate(own):
        if everywhere or i == 1:
            each["callbacks"] = bp.EarlyStopping(2, restore_best=everywhere, min_delta=0.01)
    assert fit(networks, own, epochs=100) == networks
    assert 2 < one.epoch_count < 100
    for network in networks:
        assert network.epoch_count == one.epoch_count
        np.testing.assert_allclose(network.parameters, one.parameters, rtol=0, atol=1e-12)


def test_parameters_that_differ_in_the_end_are_told():
    X, y = data()
    networks, own = [small(), small()], split(X, y, shards([4, 16]))

    class Meddle(bp.Callback):
        def finish(self, network):
            network.parameters[...] += 1

    own[0]["callbacks"] = Meddle()
    came = fit(networks, own, epochs=2)
    assert all("different parameters" in str(each) for each in came)  # warnings are errors here


def test_a_fit_of_one_worker_is_a_fit():
    X, y = data()
    one, other = small().fit(X, y, 5), small().fit(X, y, 5, all_reduce=lambda buffer: None)
    np.testing.assert_allclose(other.parameters, one.parameters, rtol=0, atol=1e-15)


def test_what_was_cut_off_goes_on_from_one_file(tmp_path):
    X, y = data()
    rows = shards([9, 4, 7])
    options = {"epochs": 2, "batch_size": 2}
    whole = [small() for _ in rows]
    assert fit(whole, split(X, y, rows), **options) == whole
    networks, own = [small() for _ in rows], split(X, y, rows)

    def fall(network):
        raise RuntimeError("power failure")

    class Fall(bp.Callback):
        def after_step(self, network):
            if network.step_count == 3:
                network.save(tmp_path / "model.npz")
                fall(network)

    own[1]["callbacks"] = Fall()
    fit(networks, own, **options)
    again = [bp.Network.load(tmp_path / "model.npz") for _ in rows]
    assert fit(again, split(X, y, rows), **options) == again
    for network in again:
        np.testing.assert_array_equal(network.parameters, whole[0].parameters)


class Failing(bp.Callback):
    """Fails at one of the moments when a callback is called."""

    def __init__(self, moment, error):
        self.moment, self.error = moment, error

    def fail(self, moment, network):
        if moment == self.moment and network.step_count in {"start": [0], "finish": [4]}.get(
            moment, [3]
        ):
            raise self.error

    def start(self, network):
        self.fail("start", network)

    def after_step(self, network):
        self.fail("step", network)

    def __call__(self, network):
        self.fail("epoch", network)

    def finish(self, network):
        self.fail("finish", network)


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("moment", ["start", "step", "epoch", "finish"])
@pytest.mark.parametrize("scored", [False, True])
def test_an_error_of_a_callback_brings_all_down(workers, moment, scored):
    X, y = data()
    networks = [small() for _ in range(workers)]
    own = split(X, y, shards([4] * workers))
    error = KeyboardInterrupt() if moment == "step" else RuntimeError("out of ink")
    own[1]["callbacks"] = Failing(moment, error)
    options = {"validation_data": (X, y)} if scored else {}
    came = (
        fit(networks, own, epochs=2, batch_size=2, **options)
        if moment != "epoch"
        else fit(networks, own, epochs=6, **options)
    )
    assert came[1] is error
    for each in came[:1] + came[2:]:
        assert isinstance(each, bp.WorkerError)
        assert f"failed: {type(error).__name__}" in str(each)
        assert str(error) in str(each)
    if moment == "start":
        assert all(network.step_count == 0 for network in networks)
    else:
        assert_all_alike(networks)


@pytest.mark.parametrize("where", ["forward", "backward", "after_step", "schedule"])
def test_an_error_of_a_part_brings_all_down_before_the_step(where):
    class Part(bp.Identity):
        fails = False

        def forward(self, x):
            self.fail("forward")
            return super().forward(x)

        def backward(self, grad_output, cache):
            self.fail("backward")
            return super().backward(grad_output, cache)

        def after_step(self, cache):
            self.fail("after_step")

        def fail(self, here):
            if self.fails and here == where and networks[1].step_count == 2:
                raise OSError("the disk is gone")

    def schedule(step, whose=None):
        if where == "schedule" and step == 2 and len(asked) > 12:
            raise OSError("the disk is gone")
        asked.append(step)
        return 0.1

    asked, (X, y) = [], data()
    networks = [
        small(0, bp.Adam(schedule), [bp.Dense(3, 4), Part(), bp.Dense(4, 2)]) for _ in range(3)
    ]
    networks[1].layers[1].fails = True
    came = fit(networks, split(X, y, shards([5, 5, 10])), epochs=9)
    assert any(isinstance(each, OSError) for each in came)
    assert all(isinstance(each, OSError) or "the disk is gone" in str(each) for each in came)
    assert networks[0].step_count == networks[1].step_count == networks[2].step_count
    assert_all_alike(networks)


def test_a_step_that_one_could_not_make_is_taken_back_by_all():
    class Breaking(bp.GradientDescent):
        def update(self, parameters, gradients, rate):
            if self is networks[1].optimizer and self.step_count == 3:
                raise OSError("the disk is gone")
            super().update(parameters, gradients, rate)

    X, y = data()
    networks = [small(optimizer=Breaking(0.1)) for _ in range(3)]
    came = fit(networks, split(X, y, shards([5, 5, 10])), epochs=9)
    assert isinstance(came[1], OSError)
    assert isinstance(came[0], bp.WorkerError)
    assert [network.step_count for network in networks] == [3, 3, 3]
    assert_all_alike(networks)


@pytest.mark.parametrize("sizes", [(5, 5, 10), (20, 0, 0)])
def test_all_diverge_together(sizes):
    X, y = data()
    y[0] = 1e200  # of the first worker alone
    networks = [small(optimizer=bp.GradientDescent(10.0)) for _ in sizes]
    came = fit(networks, split(X, y, shards(sizes)), epochs=50)
    assert all(isinstance(each, bp.DivergenceError) for each in came)
    assert all(np.isfinite(network.parameters).all() for network in networks)
    assert_all_alike(networks)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"X": np.full((4, 3), np.nan)}, "finite"),
        ({"X": np.zeros((4, 2))}, "3 features"),
        ({"X": np.zeros((0, 2)), "y": np.zeros((0, 2))}, "(0, 3)"),
        ({"X": np.zeros((0, 3))}, "length of 0"),
        ({"sample_weight": [-1, 1, 1, 1]}, "negative"),
        ({"sample_weight": [0, 0, 0]}, "shape (4,)"),
        ({"validation_data": 3}, "validation_data"),
        ({"validation_data": (np.zeros((2, 3)), np.full((2, 2), np.inf))}, "validation y"),
        ({"callbacks": 3}, "callbacks"),
        ({"epochs": -1}, "epochs"),
        ({"y": None}, "arrays"),
        ({"metrics": "r_squared"}, "metrics cannot be had with all_reduce"),
        ({"validation_split": 0.5}, "validation_split cannot be had with all_reduce"),
    ],
)
def test_bad_data_on_one_worker_is_told_to_all(change, said):
    X, y = data(12)
    networks = [small() for _ in range(3)]
    own = [each | {"epochs": 3} for each in split(X, y, shards([4, 4, 4]))]
    own[2] |= change
    before = [network.record.bytes.copy() for network in networks]
    came = fit(networks, own)
    assert isinstance(came[2], bp.BackpropliteError)
    assert not isinstance(came[2], bp.WorkerError)
    for each in came[:2]:
        assert isinstance(each, bp.WorkerError)
    assert all(said in str(each) for each in came)
    for network, old in zip(networks, before, strict=True):
        assert (network.record.bytes == old).all()


def test_workers_without_a_sample_that_counts_are_refused():
    X, y = data(4)
    own = split(X, y, shards([0, 4]), sample_weight=np.zeros(4))
    came = fit([small(), small()], own, epochs=1)
    assert all(
        isinstance(each, bp.InputError) and "a sample that counts" in str(each) for each in came
    )


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda: small(layers=[bp.Dense(3, 2)]), {}, "Dense(5, 2)"),
        (lambda: small(optimizer=bp.Adam(0.5)), {}, "0.5"),
        (lambda: small(seed=3), {}, "seed=3"),
        (lambda: small().fit(*data(), 1), {}, "checksum"),
        (small, {"epochs": 4}, "epochs=4"),
        (small, {"batch_size": 2}, "batch_size=2"),
        (small, {"shuffle": False}, "shuffle=False"),
        (lambda: small(dtype="float32"), {}, "float32"),
    ],
)
def test_workers_that_differ_are_refused_with_both_shown(make, options, said):
    X, y = data(12)
    networks = [small(), small(), make()]
    own = [each | {"epochs": 3} for each in split(X, y, shards([4, 4, 4]))]
    own[2] |= options
    steps = [network.step_count for network in networks]
    came = fit(networks, own)
    for each in came:
        assert isinstance(each, bp.ParameterError)
        assert said in str(each)
        assert str(each).count("process") == 2
    assert steps == [network.step_count for network in networks]


def test_a_rate_that_one_changes_alone_is_refused():
    def slow_down(network):
        network.optimizer.learning_rate /= 2

    X, y = data()
    networks, own = [small(), small()], split(X, y, shards([4, 16]))
    own[0]["callbacks"] = slow_down
    came = fit(networks, own, epochs=3)
    assert all(isinstance(each, bp.ParameterError) and "rate" in str(each) for each in came)


def test_what_is_no_sum_is_refused():
    X, y = data()
    with pytest.raises(bp.ParameterError, match="must be a function"):
        small().fit(X, y, 1, all_reduce=3)
    with pytest.raises(bp.ParameterError, match="in place"):
        small().fit(X, y, 1, all_reduce=lambda buffer: 2 * buffer)


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        *itertools.product(["half", "double"], [1, 2, 3]),
        *itertools.product(["mean", "maximum", "minimum", "own"], [2, 3]),  # right for one alone
    ],
)
def test_what_is_no_sum_over_all_is_refused_by_all(name, workers):
    def wrong(place, add):
        def all_reduce(buffer):
            table = np.zeros((workers, len(buffer)))
            table[place] = buffer
            add(whole := table.reshape(-1))
            table = whole.reshape(workers, -1)
            buffer[...] = {
                "mean": table.mean(axis=0),
                "half": table.sum(axis=0) / 2,
                "maximum": table.max(axis=0),
                "minimum": table.min(axis=0),
                "double": 2 * table.sum(axis=0),
                "own": workers * table[place],
            }[name]

        return all_reduce

    X, y = data()
    works = [
        lambda add, i=i: small().fit(X, y, 1, all_reduce=wrong(i, add)) for i in range(workers)
    ]
    for _ in range(20):  # by chance, two may look like one
        came = together(works)
        assert all("the sum over all" in str(each) for each in came), came


def test_an_interrupt_waits_for_the_next_sum_and_brings_all_down():
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background lacks
    X, y = data()
    network, stepped = small(), []

    def interrupt(network):
        if network.step_count == 2:
            signal.raise_signal(signal.SIGINT)
            stepped.append(network.step_count)

    with pytest.raises(KeyboardInterrupt):
        network.fit(X, y, 9, callbacks=interrupt, all_reduce=lambda buffer: None)
    assert stepped == [2]
    assert network.step_count == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
