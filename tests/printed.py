"""What is printed: of an object as the name of a test, and of a line, read back."""

import re

OPERAND = r"(?:\d+(?:\.\d+)?(?:e[+-]\d+)?|\w+)"


def unprinted(text):
    """Turn what is printed back into a line."""
    spelled = {"²": " ** 2", "³": " ** 3", "^": " ** ", "≤": "<=", "≥": ">=", "½": "0.5", "π": "pi"}
    for sign, python in spelled.items():
        text = text.replace(sign, python)
    text = re.sub(rf"√({OPERAND})", r"√(\1)", text).replace("√", "sqrt")
    while re.search(r"\|(?=[\w(-])", text):  # a bar before an operand opens
        text = re.sub(r"\|(?=[\w(-])", "abs(", text)
    return text.replace("|", ")").replace("·", "*")


def plain_repr(value):
    """The repr of an object, without where it lies in memory, so that all processes agree on it."""
    return re.sub(r" at 0x\w+", "", repr(value))
