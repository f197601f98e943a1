"""What is printed where a terminal, or a file in its place, has fewer letters than the equations.

What is piped on Windows is in an old code page, unless asked otherwise: that has no ₁ and no ∂.
"""

from __future__ import annotations

import codecs
import sys
import unicodedata

#: How signs are spelled of which Unicode knows no plainer form.
SPELLED = {
    **{"∂": "d", "Σ": "sum", "√": "sqrt ", "π": "pi", "·": "*", "′": "'", "…": "..."},
    **{"ᵀ": "^T", "²": "^2", "³": "^3", "½": "1/2", "≤": "<=", "≥": ">="},
}


def legible(text: str) -> str:
    """Return a text as standard output can show it: with a1 in the place of a₁ where need be."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "legible").decode(encoding)


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding has no letters for."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = [
        SPELLED.get(sign) or unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
        for sign in error.object[error.start : error.end]
    ]
    return "".join(each or "?" for each in plain), error.end


codecs.register_error("legible", _spell)
