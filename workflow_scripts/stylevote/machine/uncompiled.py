"""timm, segmentation-models-pytorch and torch's optimizers without torch's compiler: that is imported when it compiles.

Its import takes three seconds, as long as all else of torch. torchvision, which timm imports, wants it for one
function, and optimizers for keeping their steps from being compiled.
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
# Those of an optimizer's methods that torch keeps from being compiled, but for `step`.
KEPT = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


class _Later(ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks for these
            raise AttributeError(name)
        _forget()
        return getattr(importlib.import_module(self.__name__), name)


def _forget() -> None:
    """Remove what stands in for the compiler's modules."""
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Later):
            del sys.modules[name]


@contextmanager
def compiler_later() -> Iterator[None]:
    """Let the compiler be imported later, where what is imported meanwhile wants it only for torchvision's function."""
    if COMPILER not in sys.modules:
        compiler, utils = _Later(COMPILER), _Later(f"{COMPILER}.utils")
        compiler.disable, utils.is_compile_supported = _disable, _is_compile_supported
        sys.modules.update({module.__name__: module for module in (compiler, utils)})
    try:
        yield
    finally:
        _forget()


def _disable(function: Callable | None = None, recursive: bool = True, **_: Any) -> Callable:
    """Stand for the compiler's function of that name: what it marks is the same, once something is compiled."""
    return torch._disable_dynamo(function, recursive)


def _is_compile_supported(device_type: str) -> bool:
    """Stand for the compiler's function of that name."""
    from torch._dynamo.utils import is_compile_supported  # noqa: PLC0415 (that it is imported late is the point)

    return is_compile_supported(device_type)


def uncompiled(optimizer: type[Optimizer]) -> type[Optimizer]:
    """Return a kind of optimizer that does the same, but may not be compiled."""
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in KEPT}
    step = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})


with compiler_later():
    # For others: `from stylevote.machine.uncompiled import smp, timm`.
    import segmentation_models_pytorch as smp  # noqa: F401
    import timm  # noqa: F401
