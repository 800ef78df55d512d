"""Errors that end in a plain sentence."""

import errno

FULL = "the disk is full"
FULL_DISK = (  # as safetensors and torch.save say it, whose errors have no number
    "No space left on device",
    "Disk quota exceeded",
    "inline_container.cc",
)
ROOM = "make room, or set `results` to where there is some"


class InputError(Exception):
    """Report that something the user gave cannot be used.

    The message names the file, the row or key, the value found and the value expected. It may repeat names, values and
    messages of libraries: characters that do not print, such as a terminal's commands, are escaped.
    """

    def __init__(self, message: object) -> None:
        printable = (
            letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in str(message)
        )
        super().__init__("".join(printable))


def unwritable(error: Exception) -> str | None:
    """Return why nothing can be written, or read, and what to do, where that is what the error says."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or any(text in str(error) for text in FULL_DISK):
        return f"cannot be written: {FULL}; {ROOM}"
    if number == errno.EROFS:
        return "cannot be written: the disk is read-only; make it writable"
    if number in (errno.EACCES, errno.EPERM):
        return "no permission; let this user read and write there"
    return None
