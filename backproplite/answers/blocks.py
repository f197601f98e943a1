"""What is refused of layers of the user's own before a network takes them up."""

from __future__ import annotations

from ..errors import ParameterError
from ..layers import Layer, Residual


def refuse_half_a_block(place: str, block: Layer) -> None:
    """Refuse a layer that would not do in training what it should, or not tell those within it."""
    classes = type(block).__mro__
    for name, value in (pair for cls in classes for pair in vars(cls).items()):
        if isinstance(value, Layer):
            raise ParameterError(
                f"{place} has {name} {value!r} on its class, where all its instances share it: "
                "make it in __init__."
            )
    forward, training = (
        next(cls for cls in classes if method in vars(cls))
        for method in ("forward", "forward_training")
    )
    if training is not Layer and forward is not training and issubclass(forward, training):
        raise ParameterError(
            f"{place} has a forward of its own, and would still train by that of "
            f"{training.__name__}: define forward_training(self, x, rng) too."
        )
    for method, arguments, why in (
        ("forward_training", "x, rng", "behaves differently in training"),
        ("after_step", "cache", "learns after each step"),
    ):
        nothing, handed_on = getattr(Layer, method), getattr(Residual, method)
        if getattr(type(block), method) is nothing:
            for path, inner in list(block.parts().items())[1:]:
                if getattr(type(inner), method) not in (nothing, handed_on):
                    raise ParameterError(
                        f"{place} holds {path} {inner!r}, which {why}, and never tells it: define "
                        f"{method}(self, {arguments}) in {type(block).__name__}, and call that of "
                        "the layers within it."
                    )
