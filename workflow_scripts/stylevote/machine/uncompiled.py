"""timm and torch's optimizers, without an early import of torch's compiler.

The compiler's import takes three seconds, as long as the rest of torch. torchvision, which timm imports, needs it for
one function. Optimizers need it to exclude their steps from compilation.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from torch.optim import Optimizer

COMPILER = "torch._dynamo"
# Methods of an optimizer, other than `step`, that torch excludes from compilation.
EXCLUDED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


class _Later(ModuleType):
    """A module that is imported when it is first used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks for these
            raise AttributeError(name)
        _forget()
        return getattr(importlib.import_module(self.__name__), name)


def _forget() -> None:
    """Remove the substitutes for the compiler's modules."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Later):
            del sys.modules[name]


@contextmanager
def compiler_later() -> Iterator[None]:
    """Postpone the import of the compiler; imports in this block may only need it for torchvision's function."""
    if COMPILER not in sys.modules:
        compiler, utils = _Later(COMPILER), _Later(f"{COMPILER}.utils")
        compiler.disable, utils.is_compile_supported = _disable, _is_compile_supported
        sys.modules.update({module.__name__: module for module in (compiler, utils)})
    try:
        yield
    finally:
        _forget()


def _disable(function: Callable | None = None, recursive: bool = True, **_: Any) -> Callable:
    """Replace the compiler's function of that name, with the same effect on later compilation."""
    return torch._disable_dynamo(function, recursive)


def _is_compile_supported(device_type: str) -> bool:
    """Replace the compiler's function of that name."""
    from torch._dynamo.utils import is_compile_supported  # noqa: PLC0415 (a late import is the purpose)

    return is_compile_supported(device_type)


def uncompiled(optimizer: type[Optimizer]) -> Callable[..., Optimizer]:
    """Return the same kind of optimizer, which cannot be compiled."""
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in EXCLUDED}
    step = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})


with compiler_later():
    # For others: `from stylevote.machine.uncompiled import timm`.
    import timm  # noqa: F401
