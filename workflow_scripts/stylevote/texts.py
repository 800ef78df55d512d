"""Texts that users bring, as they are shown to readers."""

# Characters that turn the direction of what follows them: a label could swap the letters, or the figures, beside it.
TURNING = {code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def escape_bidi(text: str) -> str:
    """Return a text in which what turns the direction of writing is spelt out, so that it does so no more."""
    return text.translate(TURNING)
