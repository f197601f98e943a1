"""What a passed check found, tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorCheck:
    """How one tensor fared.

    Attributes
    ----------
    name : str
        Which tensor, such as "layers[0].weight" or "X".
    size : int
        How many entries it has.
    checked : int
        How many were compared one by one; the others in random sums, if any.
    kinks : int
        How many lie where the slope jumps, so that there was nothing to compare.
    largest : float
        The size of the largest entry of the gradient.
    error : float
        The largest difference found, relative to the largest entry.
    method : str
        "complex step" or "central differences".
    """

    name: str
    size: int
    checked: int
    kinks: int
    largest: float
    error: float
    method: str


@dataclass(frozen=True, repr=False)
class GradientReport:
    """What a passed check found, tensor by tensor; `print` it for a table.

    Attributes
    ----------
    tensors : tuple of TensorCheck
        One for each parameter and each input.
    seed : int or Generator
        What the random choices of the check were drawn from.
    skipped : tuple of str
        Arguments of a function without a gradient: whole numbers, and where `backward` gave None.
    """

    tensors: tuple[TensorCheck, ...]
    seed: object
    skipped: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """The largest relative difference over all tensors."""
        return max(tensor.error for tensor in self.tensors)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        rows = [("tensor", "entries", "error", "method")]
        for t in self.tensors:
            entries = f"{t.size}" if t.checked + t.kinks == t.size else f"{t.checked} of {t.size}"
            kinks = f", {t.kinks} at a kink" if t.kinks else ""
            sampled = ", sampled" if t.checked + t.kinks < t.size else ""
            zero = ", zero on both sides" if t.largest == 0 else ""
            rows.append((t.name, entries, f"{t.error:.1e}", t.method + sampled + kinks + zero))
        rows += [(name, "", "", "not checked: no gradient") for name in self.skipped]
        a, b, c, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{i:{a}}  {j:>{b}}  {k:>{c}}  {m}" for i, j, k, m in rows)
