"""S6 and S10: whole jobs from a fresh process, and what the library weighs.

The job: 1,500 handwritten digits, 20 epochs in batches of 32, momentum, float32, one thread; then
the share of 297 others that is read rightly. Imports and compilation count.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .measuring import MEMORY, ROOT, fresh, installed, number_row, ratio_row

READ = """
import sys, json
import numpy as np
data = np.load(sys.argv[1]); X, y, T, t = (data[k] for k in "XyTt")
"""
OURS = """
import backproplite as bp
network = bp.Network([bp.Dense(64, 64), bp.ReLU(), bp.Dense(64, 10)], bp.SoftmaxCrossEntropy(),
                     bp.Momentum(0.05), seed=0, dtype="float32")
network.fit(X, y, epochs=20, batch_size=32)
guesses = network.predict(T).argmax(axis=1)
"""
SKLEARN = """
import warnings
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
warnings.simplefilter("ignore", ConvergenceWarning)
model = MLPClassifier((64,), solver="sgd", learning_rate_init=0.05, momentum=0.9, alpha=0,
                      nesterovs_momentum=False, batch_size=32, max_iter=20, tol=0, random_state=0)
guesses = model.fit(X, y).predict(T)
"""
TORCH = """
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
optimizer = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9, fused=True)
loss_function = torch.nn.CrossEntropyLoss()
X, y, T = torch.tensor(X), torch.tensor(y), torch.tensor(T)
for _ in range(20):
    for rows in torch.randperm(len(X)).split(32):
        optimizer.zero_grad()
        loss_function(network(X[rows]), y[rows]).backward()
        optimizer.step()
with torch.no_grad():
    guesses = network(T).argmax(1).numpy()
"""
JAX = """
import jax
import jax.numpy as jnp
key = jax.random.key(0)
shapes = [(64, 64), (64, 10)]
parameters = [(jax.random.normal(key, s) * (2 / s[0]) ** 0.5, jnp.zeros(s[1])) for s in shapes]

def forward(parameters, x):
    (weight_1, bias_1), (weight_2, bias_2) = parameters
    return jax.nn.relu(x @ weight_1 + bias_1) @ weight_2 + bias_2

def loss(parameters, x, y):
    return -jnp.mean(jax.nn.log_softmax(forward(parameters, x))[jnp.arange(len(y)), y])

@jax.jit
def step(parameters, velocities, x, y):
    gradients = jax.grad(loss)(parameters, x, y)
    velocities = jax.tree.map(lambda v, g: 0.9 * v + 0.05 * g, velocities, gradients)
    return jax.tree.map(lambda p, v: p - v, parameters, velocities), velocities

velocities = jax.tree.map(jnp.zeros_like, parameters)
rng = np.random.default_rng(0)
for _ in range(20):
    order = rng.permutation(len(X))
    for start in range(0, len(X), 32):
        rows = order[start:start + 32]
        parameters, velocities = step(parameters, velocities, X[rows], y[rows])
guesses = np.asarray(forward(parameters, T)).argmax(1)
"""
SCORE = f"""
{MEMORY}
print(json.dumps([float((guesses == t).mean()), megabytes("VmHWM")]))
"""
JOBS = {
    "ours": ("backproplite", OURS, None),
    "scikit-learn": ("sklearn", SKLEARN, 0.15),
    "PyTorch": ("torch", TORCH, 0.07),
    "JAX": ("jax", JAX, 1.0),
}
IMPORT = """
import time
started = time.perf_counter()
import numpy
between = time.perf_counter()
import backproplite
print(1000 * (time.perf_counter() - between))
"""


def measure(figures, quick):
    """Return the rows of S6 and S10; the job is run for both."""
    import backproplite as bp

    X, y = bp.datasets.digits()
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:1500], order[1500:]
    jobs = {name: job for name, (m, *job) in JOBS.items() if installed(m) is not None}
    seconds, memory, right = ({name: [] for name in jobs} for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "digits.npz")
        f4 = X.astype(np.float32)
        np.savez(path, X=f4[train], y=y[train], T=f4[test], t=y[test])
        for i in range(1 + (2 if quick else 8)):
            for name, (code, _) in jobs.items():
                (score, peak), taken = fresh(READ + code + SCORE, path)
                if i:  # the first fills the caches
                    seconds[name].append(taken)
                    memory[name].append(peak)
                    right[name].append(score)
    assert min(map(max, right.values())) > max(map(max, right.values())) - 0.03, right
    work = f"digits, 20 epochs, from a fresh process ({right['ours'][0]:.1%} right)"
    for name, (_, goal) in jobs.items():
        if name == "ours":
            continue
        if "S6" in figures:
            beside = f"{name} ({right[name][0]:.1%} right)"
            yield ratio_row("S6", work, beside, "s", seconds["ours"], seconds[name], goal)
        if "S10" in figures:
            sixth = 1 / 6 if name == "PyTorch" else None
            what = "peak memory of the digits job"
            yield ratio_row("S10", what, name, "MB", memory["ours"], memory[name], sixth)
    if "S10" in figures:
        runs = [fresh(IMPORT)[0] for _ in range(6 if quick else 31)][1:]
        yield number_row("S10", "import, beyond NumPy's own", "ms", runs, 15)
        yield number_row("S10", "wheel", "kB", [wheel_size() / 1000], 200)


def wheel_size():
    """Build the wheel, and return its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, str(ROOT)]
        subprocess.run(command, check=True, capture_output=True)
        return next(Path(folder).glob("*.whl")).stat().st_size
