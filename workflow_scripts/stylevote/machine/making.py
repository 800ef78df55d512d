"""Try whether a network can be made. No training needs this module, so that its changes train nothing again."""

from collections.abc import Callable

import torch

from stylevote.errors import InputError


def making_problem(make: Callable[[], object]) -> str | None:
    """Return the reason why ``make`` cannot make a network on torch's default device (its `InputError`), or None.

    A network on the device ``meta`` has shapes and no numbers, and takes a fraction of a second. Only a problem there
    is confirmed on the CPU.
    """
    problem = None
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                make()
        except InputError as error:
            problem = str(error)
        else:
            return None
    return problem
