"""Every block of docs/recipes.md works as printed, and does what the page says."""

import contextlib
import copy
import pathlib
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import backproplite as bp

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "recipes.md"
SECTIONS = {}
for section in PAGE.read_text(encoding="utf-8").split("\n## "):
    blocks = re.findall(r"```[^\n]*python[^\n]*\n(.*?)```\n", section, re.DOTALL)
    SECTIONS[section.partition("\n")[0]] = blocks
(START,) = SECTIONS.pop("---")


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The names that the page has at the end of its first block."""
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(START, names)
    return names


def test_every_section_has_a_test_here():
    assert {heading: len(blocks) for heading, blocks in SECTIONS.items()} == {
        "In other programs: ONNX": 2,
        "With NumPy alone": 1,
        "To PyTorch, and back": 3,
        "In safetensors files": 2,
        "Trained by SciPy": 1,
        "A web service": 1,
        "In many processes": 2,
    }


def test_onnx(page):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    for block in SECTIONS["In other programs: ONNX"]:
        exec(block, page)
    expected = page["network"].predict(page["X"])
    np.testing.assert_allclose(page["probabilities"], expected, 1e-14)


def test_numpy_alone_needs_nothing_of_ours(page, capsys):
    (block,) = SECTIONS["With NumPy alone"]
    exec(block, page)
    assert capsys.readouterr().out == "True\n"
    code, _ = block.split("\nprint")
    code = f"""if True:
        import numpy as np, sys
        sys.modules["backproplite"] = None
        exec({code!r})
        np.save("predictions.npy", predict(np.load("X.npy")))
    """
    np.save("X.npy", page["X"])
    subprocess.run([sys.executable, "-c", code], check=True)
    assert abs(np.load("predictions.npy") - page["network"].predict(page["X"])).max() < 1e-14


def test_pytorch(page):
    torch = pytest.importorskip("torch")
    define, to_pytorch, back = SECTIONS["To PyTorch, and back"]
    exec(define, page)
    exec(to_pytorch, page)
    network, module, X = page["network"], page["module"], page["X"]
    outputs = network.forward(X)
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.from_numpy(X)), outputs, 1e-12, 1e-12)
        for tensor in module.state_dict().values():
            tensor.copy_(tensor * 1.25 + 1)
        exec(back, page)
        outputs = module(torch.from_numpy(X))
    np.testing.assert_allclose(network.forward(X), outputs, 1e-12, 1e-12)
    assert network.layers[1].batches == int(module[1].num_batches_tracked)


def test_safetensors(page):
    pytest.importorskip("safetensors")
    save, load = SECTIONS["In safetensors files"]
    exec(save, page)
    network, X, y = page["network"], page["X"], page["y"]
    page["network"] = other = bp.fresh(network, seed=1)
    exec(load, page)
    assert (other.predict(X) == network.predict(X)).all()
    other.chance = network.chance  # the seed is no array
    for each in (network, other):
        each.fit(X, y, epochs=1, batch_size=32)
    assert (other.parameters == network.parameters).all()


def test_scipy(page):
    pytest.importorskip("scipy")
    network, X, y = page["network"], page["X"], page["y"]
    before, _ = network.loss_and_gradient(X, y)
    (block,) = SECTIONS["Trained by SciPy"]
    exec(block, page)
    assert page["result"].fun < before / 2
    assert (network.predict(X).argmax(axis=1) == y).mean() > 0.99
    value, gradient = page["loss_and_gradient"](network.parameters.copy(), decay=0.1)
    change = 1e-6 * gradient / np.linalg.norm(gradient)
    further, _ = page["loss_and_gradient"](network.parameters + change, decay=0.1)
    assert (further - value) / 1e-6 == pytest.approx(np.linalg.norm(gradient), rel=1e-3)


def test_the_service(page):
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what FastAPI needs, which is not ours to mend
        from fastapi.testclient import TestClient
    network, X = page["network"], page["X"]
    (block,) = SECTIONS["A web service"]
    exec(block, page)
    client = TestClient(page["app"])

    def answer(row):
        return client.post("/predict", json={"features": row})

    np.testing.assert_array_equal(answer(X[0].tolist()).json(), network.predict(X[:1])[0])
    wrong = answer([1.0, 2.0])
    assert wrong.status_code == 422
    assert "64 features" in wrong.json()["detail"]
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(answer, X[:64].tolist())]
    np.testing.assert_allclose([each.json() for each in answers], network.predict(X[:64]), 1e-12)


def test_joblib(page):
    pytest.importorskip("joblib")
    joblib, _ = SECTIONS["In many processes"]
    exec(joblib, page)
    np.testing.assert_allclose(page["probabilities"], page["network"].predict(page["X"]), 1e-12)


def test_dask(page):
    pytest.importorskip("dask.array")
    _, dask = SECTIONS["In many processes"]
    exec(dask, page)
    np.testing.assert_allclose(page["probabilities"], page["network"].predict(page["X"]), 1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads_may_share_a_network(dtype):
    inner = [bp.LayerNorm(20), bp.Dense(20, 20), bp.GELU(), bp.Dropout(0.5), bp.Softplus()]
    layers = [bp.Dense(5, 20), bp.BatchNorm(20), bp.Residual(inner), bp.ELU(), bp.Dense(20, 3)]
    network = bp.Network(layers, bp.SoftmaxCrossEntropy(), seed=0, dtype=dtype)
    rng = np.random.default_rng(0)
    network.fit(rng.standard_normal((50, 5)), rng.integers(0, 3, 50), epochs=3)
    data = [rng.standard_normal((n, 5)) for n in rng.integers(1, 200, 16)]
    labels = [rng.integers(0, 3, len(X)) for X in data]
    alone = copy.deepcopy(network)
    expected = [(alone.predict(X), alone.evaluate(X, y)) for X, y in zip(data, labels, strict=True)]

    def work(i):
        for _ in range(20):
            with contextlib.suppress(bp.InputError):
                network.predict(data[i] * np.nan)  # what one is refused, others do not notice
            predictions, loss = network.predict(data[i]), network.evaluate(data[i], labels[i])
            assert (predictions == expected[i][0]).all()
            assert loss == expected[i][1]
        return True

    before, interval = network.record.bytes.copy(), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(len(data))))
    finally:
        sys.setswitchinterval(interval)
    assert (network.record.bytes == before).all()
