"""Curves of losses: the numbers drawn, and where each is said to end."""

import numpy as np
import pytest
from pictures import XOR, legend, line, marked, network_of, path_of

import backproplite as bp
from backproplite import plots


def test_a_network_is_drawn_with_its_history():
    network = network_of().fit(*XOR, 30, validation_data=(XOR[0], 1 - XOR[1]))
    ax = plots.loss_curves(network)
    x, y = line(ax, "loss: ")
    assert x.tolist() == list(range(1, 31))
    assert y.tolist() == network.history["loss"]
    assert line(ax, "loss, validation")[1].tolist() == network.history["val_loss"]
    assert [each.get_linestyle() for each in ax.lines[::2]] == ["-", "--"]
    assert legend(ax) == [
        f"loss: ends at {network.history['loss'][-1]:.3g}",
        f"loss, validation: ends at {network.history['val_loss'][-1]:.3g}",
    ]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")
    plain = plots.loss_curves(network, validation=False, log=False)
    assert len(legend(plain)) == 1
    assert plain.get_yscale() == "linear"


def test_a_run_may_be_many_things():
    network, (_, descent) = network_of().fit(*XOR, 2), path_of(steps=2)
    ax = plots.loss_curves([network, network.history, [3.0, 2.0], np.array([1.0]), descent])
    curves = [each.get_data() for each in ax.lines[::2]]
    losses = network.history["loss"]
    assert [y.tolist() for _, y in curves] == [losses, losses, [3, 2], [1], descent.values.tolist()]
    assert [x[0] for x, _ in curves] == [1, 1, 1, 1, 0]
    assert [text.split(":")[0] for text in legend(ax)] == [f"run {i}" for i in range(1, 6)]
    assert ax.get_xlabel() == "epoch or step"
    assert marked(ax, "o")[-1] == (2, descent.values[-1])
    for single in ([3.0, 2.0], (3, 2), np.array([3.0, 2.0]), iter([3, 2]), {"loss": [3, 2]}):
        assert line(plots.loss_curves(single), "loss: ")[1].tolist() == [3, 2]


def test_labels_are_those_given():
    assert legend(plots.loss_curves({"a": [1.0], "b": [2.0]})) == ["a: ends at 1", "b: ends at 2"]
    long = "a label that is much longer than anyone would wish it to be on a picture"
    ax = plots.loss_curves([[1.0], [2.0]], labels=(long, 7))
    assert legend(ax) == [f"{long}: ends at 1", "7: ends at 2"]


def test_a_curve_has_the_colour_of_its_end_and_each_a_style_of_its_own():
    ax = plots.loss_curves([[1.0, 1 + i] for i in range(22)], log=False)
    curves, ends = ax.lines[::2], ax.lines[1::2]
    for curve, end in zip(curves, ends, strict=True):
        assert np.array_equal(curve.get_color(), end.get_color())
    looks = [(*curve.get_color(), curve.get_linestyle()) for curve in curves]
    assert len({*looks}) == 22


def test_zeros_have_no_logarithm():
    assert plots.loss_curves([0.0, np.inf]).get_yscale() == "linear"
    assert plots.loss_curves([0.0, 0.0]).get_yscale() == "linear"
    assert plots.loss_curves([1.0, 0.0]).get_yscale() == "log"


@pytest.mark.parametrize("losses", [[1.0], [1.0, 0.5], [1.0, 0.5, 0.25]])
def test_epochs_are_whole_numbers(losses):
    ticks = plots.loss_curves(losses).get_xticks()
    assert ticks.tolist() == [round(tick) for tick in ticks]


def test_learning_rates_are_in_order_and_say_where_they_ended():
    runs = {2.0: [0.3, 0.4], 0.1: [0.3, 0.2], 0.5: [0.3, 0.3], 3.0: [0.3, np.nan], 9.0: []}
    ax = plots.learning_rates(runs)
    assert legend(ax) == [
        "0.1: ends at 0.2",
        "0.5: ends at 0.3",
        "2: ends at 0.4, diverged",
        "3: ends at nan, diverged",
        "9: no epoch finished",
    ]
    assert line(ax, "0.1")[1].tolist() == [0.3, 0.2]
    title = ax.get_legend().get_title().get_text()
    assert title == "learning rate\n(diverged: ended higher than it began)"
    calm = plots.learning_rates({0.1: [0.3, 0.2]})
    assert calm.get_legend().get_title().get_text() == "learning rate"


def test_learning_rates_of_variants_are_medians_over_the_others():
    runs = bp.variants(network_of(), learning_rate=[0.5, 0.1], seed=range(3))
    bp.fit_together(runs[:5], *XOR, 6)
    bp.fit_together(runs[5:], *XOR, 4)  # as one that stops early
    ax = plots.learning_rates(runs)
    tables = [[run.history["loss"] for run in runs[i : i + 3]] for i in (0, 3)]
    medians = [
        np.median(tables[0], axis=0),
        [*np.median([row[:4] for row in tables[1]], axis=0)]
        + [np.mean([row[i] for row in tables[1][:2]]) for i in (4, 5)],
    ]
    for rate, median in zip((0.5, 0.1), medians, strict=True):
        np.testing.assert_allclose(line(ax, f"{rate} (median of 3): ends at ")[1], median)
    single = bp.fit_together(bp.variants(network_of(), learning_rate=[0.5]), *XOR, 2)
    assert legend(plots.learning_rates(single))[0].startswith("0.5: ends at")
    with pytest.raises(bp.ParameterError, match="one of the settings: seed; got 'learning_rate'"):
        plots.learning_rates(bp.variants(network_of(), seed=[0, 1]))


def test_a_rate_that_diverges_leaves_at_the_top_unless_it_is_alone():
    paths = {rate: path_of(rate)[1] for rate in (1.5, 0.3)}
    ax = plots.learning_rates(paths)
    assert legend(ax) == ["0.3: ends at 7.56e-16", "1.5: ends at 6.87e+12, diverged"]
    assert ax.get_ylim()[1] == pytest.approx(625)  # a hundred times the start
    assert plots.learning_rates({1.5: paths[1.5]}).get_ylim()[1] > 6.87e12


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("far", [5.0, 1e30, 1e200, np.inf, np.nan])
@pytest.mark.parametrize(
    "calm",
    [[0.4, 0.06], [1.0, 0.99], [3.0, 3.0], [1e-5, 1e-20], [1.0, 0.0]],
)
def test_runs_that_do_not_diverge_keep_about_half_of_the_height_or_more(calm, far, log):
    ax = plots.loss_curves([calm, [2 * calm[0], calm[1]], [calm[0], far, far]], log=log)
    ax.figure.canvas.draw()
    shown = np.array([*calm, 2 * calm[0]])
    if ax.get_yscale() == "log":
        shown = shown[shown > 0]
    ends = ax.transAxes.inverted().transform(ax.transData.transform([(1, y) for y in shown]))[:, 1]
    assert (ends > -1e-9).all()
    assert (ends < 1 + 1e-9).all()
    factor = shown.max() / shown.min() if ax.get_yscale() == "log" else 10
    assert np.ptp(ends) > 0.47 or factor < 2.1 or far == 5  # then nothing has to leave


def test_validation_losses_are_kept_visible_too():
    kept = {"loss": [1.0, 0.5], "val_loss": [1.0, 40.0]}
    lost = {"loss": [1.0, 1e30], "val_loss": [1.0, 1e40]}
    assert 40 < plots.loss_curves([kept, lost]).get_ylim()[1] < 1e5
    assert plots.loss_curves([kept, lost], validation=False).get_ylim()[1] < 40
    assert plots.loss_curves([lost]).get_ylim()[1] > 1e40
