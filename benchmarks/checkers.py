"""What gradient checkers say to gradients that are wrong, and to gradients that are right.

Without options it runs the catalogue of the tests (`tests/checking/wrong_gradients.py`) at three
scales through `check_gradients` and through every other checker that is installed (torch, JAX, HIPS
autograd, SciPy), each with its own defaults, and prints tables in Markdown. `--families 300`
prints how far backpropagation is from the complex step and from central differences on so many
random networks of each family; `--correct 5000`, how many of so many right networks are failed,
in float64 and in float32. Both need hypothesis.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported

import argparse
import copy
import datetime
import importlib.metadata
import importlib.util
import pathlib
import sys
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests"))

from checking import wrong_gradients as wrong

import backproplite as bp

SCALES = {"1e-9": 1e-9, "1": 1.0, "1e9": 1e9}
RNG = np.random.default_rng(5)
X = RNG.standard_normal((5, 4))
LONG = RNG.standard_normal((2, 4))
PARAMETERS = RNG.standard_normal((4, 4)), RNG.standard_normal(4), np.array([3, 0, 1, 2, 2])


def functions(layer):
    """Turn a layer into a pair of functions of x and its parameters, for any checker."""
    names, kept = list(layer.named_parameters()), []

    def forward(x, *parameters):
        for name, value in zip(names, parameters, strict=True):
            getattr(layer, name)[...] = value
        output, cache = layer.forward(np.array(x))
        kept[:] = [cache]
        return output

    def backward(grad_output):
        grad_input = layer.backward(np.array(grad_output), kept[0])
        return (grad_input, *(getattr(layer, f"grad_{name}").copy() for name in names))

    return forward, backward


def affine(fault, outputs=4):
    """Take the dense layer of the catalogue with a fault."""

    def build(scale):
        layer = wrong.Affine(4, outputs, scale, fault)
        x = X if outputs == 4 else LONG
        return functions(layer), (x, layer.weight.copy(), layer.bias.copy())

    return build


def pair(fault):
    def build(scale):
        return wrong.Pair(scale, fault).both(), (X, *PARAMETERS[:2], PARAMETERS[2])

    return build


def plain(forward, derivative, x=X):
    """Take an elementwise function, and what passes for its derivative."""

    def build(scale):
        kept = []

        def remember(x):
            kept[:] = [x]
            return scale * forward(x)

        return (remember, lambda grad_output: (scale * grad_output * derivative(kept[0]),)), (x,)

    return build


def at_a_kink():
    x = X.copy()
    x[1, 2] = 0
    return plain(lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0), x)


LEFT_OUT = "wrong shape", "text", "complex", "none at all", "one too few"  # not of torch's making
WRONG = {
    **{f"dense: {name}": affine(fault) for name, fault in wrong.FAULTS.items()},
    "dense: one entry of 3,000 zero": affine(("weight", wrong.replaced(2345, lambda g: 0)), 750),
    "dense: 3,000 entries × 1.0009": affine(("weight", lambda g: 1.0009 * g), 750),
    **{
        f"classifier: {name}": pair(fault)
        for name, fault in wrong.PAIRS.items()
        if name not in LEFT_OUT
    },
}
RIGHT = {
    "dense": affine(None),
    "classifier": pair(None),
    "tanh": plain(np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "ReLU": plain(lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
    "ReLU, one input at 0": at_a_kink(),
    "abs": plain(np.abs, np.sign),
}


# The checkers. Each raises, or returns False, if it finds fault with the gradients.


def ours(forward, backward, arrays):
    bp.check_gradients((forward, backward), *arrays)


def torch_checker(fast):
    import torch

    def check(forward, backward, arrays):
        class Function(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *tensors):
                return torch.tensor(forward(*(tensor.detach().numpy() for tensor in tensors)))

            @staticmethod
            def backward(ctx, grad_output):
                forward(*arrays)
                gradients = backward(grad_output.numpy())
                return tuple(None if g is None else torch.tensor(np.array(g)) for g in gradients)

        tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        return torch.autograd.gradcheck(Function.apply, tensors, fast_mode=fast)

    return check


def jax_checker():
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def check(forward, backward, arrays):
        moved = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]

        def whole(floats):
            given = list(arrays)
            for i, array in zip(moved, floats, strict=True):
                given[i] = np.array(array)
            return given

        shape = jax.ShapeDtypeStruct(np.shape(forward(*arrays)), np.float64)
        shapes = tuple(jax.ShapeDtypeStruct(arrays[i].shape, np.float64) for i in moved)

        @jax.custom_vjp
        def function(*floats):
            return jax.pure_callback(lambda *f: np.asarray(forward(*whole(f))), shape, *floats)

        def back(floats, grad_output):
            def gradients(grad_output, *floats):
                forward(*whole(floats))
                given = backward(np.array(grad_output))
                return tuple(np.asarray(given[i], dtype=np.float64) for i in moved)

            return jax.pure_callback(gradients, shapes, grad_output, *floats)

        function.defvjp(lambda *floats: (function(*floats), floats), back)
        check_grads(function, [arrays[i] for i in moved], order=1, modes=["rev"])

    return check


def autograd_checker():
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def check(forward, backward, arrays):
        floats = [array for array in arrays if array.dtype.kind == "f"]
        others = arrays[len(floats) :]  # labels come last

        @primitive
        def function(*floats):
            return forward(*floats, *others)

        def maker(i):
            def vjp(answer, *floats):
                def gradient(grad_output):
                    forward(*floats, *others)
                    return backward(np.asarray(grad_output))[i]

                return gradient

            return vjp

        defvjp(function, *map(maker, range(len(floats))))
        check_grads(function, tuple(range(len(floats))), modes=["rev"], order=1)(*floats)

    return check


def scipy_checker():
    """`check_grad` gives the length of the difference, no verdict: 1e-6 is taken for too much."""
    from scipy.optimize import check_grad

    def check(forward, backward, arrays):
        moved = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
        ends = np.cumsum([arrays[i].size for i in moved])[:-1]
        weights = np.random.default_rng(0).standard_normal(np.shape(forward(*arrays)))

        def whole(flat):
            given = list(arrays)
            for i, part in zip(moved, np.split(flat, ends), strict=True):
                given[i] = part.reshape(arrays[i].shape)
            return given

        def gradient(flat):
            forward(*whole(flat))
            given = backward(np.array(weights))
            return np.concatenate([np.ravel(given[i]) for i in moved])

        start = np.concatenate([arrays[i].ravel() for i in moved])
        return (
            check_grad(lambda flat: np.sum(weights * forward(*whole(flat))), gradient, start) < 1e-6
        )

    return check


CHECKERS = {
    "backproplite": ("backproplite", lambda: ours),
    "torch gradcheck": ("torch", lambda: torch_checker(False)),
    "torch, fast mode": ("torch", lambda: torch_checker(True)),
    "JAX check_grads": ("jax", jax_checker),
    "autograd check_grads": ("autograd", autograd_checker),
    "SciPy check_grad": ("scipy", scipy_checker),
}


def accepts(check, build, scale):
    """Whether a checker lets a pair of functions pass."""
    both, arrays = build(scale)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            verdict = check(*both, [array.copy() for array in arrays])
    except Exception:  # a checker may say no in any way
        return False
    return verdict is None or bool(verdict)


def catalogue():
    there = {n: module for n, (module, _) in CHECKERS.items() if importlib.util.find_spec(module)}
    checks = {name: CHECKERS[name][1]() for name in there}
    versions = {
        module: importlib.metadata.version(module)
        for module in dict.fromkeys(there.values())
        if module != "backproplite"  # it need not be installed
    }
    print(f"{datetime.date.today()}: backproplite {bp.__version__}, NumPy {np.__version__}", end="")
    print("".join(f", {module} {version}" for module, version in versions.items()))
    for title, cases, wanted in (("wrong", WRONG, False), ("right", RIGHT, True)):
        print(f"\n| {title} | " + " | ".join(there) + " |\n|---|" + "---|" * len(there))
        totals = dict.fromkeys(there, 0)
        for case, build in cases.items():
            row = []
            for name, check in checks.items():
                mistaken = [k for k, s in SCALES.items() if accepts(check, build, s) is not wanted]
                totals[name] += len(SCALES) - len(mistaken)
                row.append(", ".join(mistaken))
            print(f"| {case} | " + " | ".join(row) + " |", flush=True)
        right = f"of {len(cases) * len(SCALES)} {'passed' if wanted else 'caught'}"
        print(f"| **{right}** | " + " | ".join(f"**{n}**" for n in totals.values()) + " |")


# Right networks.


def drawn(count, use, cases):
    """Call `use` with `count` random networks and their batches."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    quick = {"deadline": None, "database": None, "phases": [Phase.generate]}
    for first in range(0, count, 300):
        now = min(300, count - first)

        @seed(first)
        @settings(max_examples=now, suppress_health_check=list(HealthCheck), **quick)
        @given(cases)
        def run(case):
            use(*case)

        run()


def checked(network, X, y):
    """Return a report, or None where all gradients are zero, as behind a softmax of one output."""
    try:
        return bp.check_gradients(network, X, y)
    except bp.GradientMismatch as error:
        if "nothing to compare" in str(error):
            return None
        raise


def central_error(network, X, y, tensors):
    """Return the worst difference from central differences, relative to the largest entry."""
    start = network.parameters.copy()

    def loss(parameters):
        network.parameters[...] = parameters
        return network.loss_and_gradient(X, y)[0]

    numerical, place, errors = bp.numerical_gradient(loss, start), 0, [0.0]
    loss(start)
    for tensor in tensors:
        part = slice(place, place := place + tensor.size)
        if tensor.largest > 1e-3:  # below, central differences of a loss of about 1 have no digits
            errors.append(abs(network.gradients - numerical)[part].max() / tensor.largest)
    return max(errors)


def families(count):
    import strategies

    print("| family | networks | complex step: worst | above 1e-12 | central: worst | above 1e-7 |")
    print("|---|---|---|---|---|---|")
    for name, cases in strategies.families.items():
        exact, central = [], []

        def use(network, X, y, exact=exact, central=central):
            report = checked(network, X, y)
            if report is not None:
                exact.append(report.error)
                central.append(central_error(network, X, y, report.tensors[1:]))

        drawn(count, use, cases)
        exact, central = np.array(exact), np.array(central)
        print(
            f"| {name} | {len(exact)} | {exact.max():.1e} | {(exact > 1e-12).sum()} "
            f"| {central.max():.1e} | {(central > 1e-7).sum()} |",
            flush=True,
        )


def correct(count):
    from backproplite.testing import networks

    for dtype in ("float64", "float32"):
        seen, failed = [], []

        def use(network, X, y, dtype=dtype, seen=seen, failed=failed):
            layers = copy.deepcopy(network.layers)
            try:
                seen.append(checked(bp.Network(layers, network.loss, seed=0, dtype=dtype), X, y))
            except bp.GradientMismatch as error:
                failed.append(f"{network}\n{error}")

        drawn(count, use, networks())
        zero = seen.count(None)
        print(f"{dtype}: {len(seen) - zero} passed, {len(failed)} failed, {zero} all zero")
        print(*failed, sep="\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--families", type=int, metavar="N")
    parser.add_argument("--correct", type=int, metavar="N")
    options = parser.parse_args()
    if options.families:
        families(options.families)
    if options.correct:
        correct(options.correct)
    if not (options.families or options.correct):
        catalogue()


if __name__ == "__main__":
    main()
