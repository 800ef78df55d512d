"""Errors that end in one sentence for the user."""

import errno

FULL = "the disk is full"
FULL_DISK = (  # in errors of safetensors and torch.save, which have no number
    "No space left on device",
    "Disk quota exceeded",
    "inline_container.cc",
)
ROOM = "make room, or set `results` to where there is some"


class InputError(Exception):
    """Input of the user that cannot be used.

    The message names the file, the row or key, the value found and the value expected. Characters that do not print are
    escaped: they could be commands for the terminal.
    """

    def __init__(self, message: object) -> None:
        super().__init__("\n".join(map(printable, str(message).split("\n"))))


def printable(text: str) -> str:
    """Return a text with an escape in the place of each character that does not print."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def unwritable(error: Exception) -> str | None:
    """Return the cause and the remedy if a disk cannot be written or read, else None."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or any(text in str(error) for text in FULL_DISK):
        return f"cannot be written: {FULL}; {ROOM}"
    if number == errno.EROFS:
        return "cannot be written: the disk is read-only; make it writable"
    if number in (errno.EACCES, errno.EPERM):
        return "no permission; let this user read and write there"
    return None
