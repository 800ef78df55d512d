"""That networks are made and trained without torch's compiler, and compiled all the same where somebody wants it."""

import subprocess
import sys

import pytest
import torch

from places import REPOSITORY
from stylevote.machine.uncompiled import uncompiled

TRAIN = """
import sys
import torch
import stylevote.augment.segmenter_training
import stylevote.cnn.train
from stylevote.cnn.network import Network
from stylevote.cnn.optimizer import Adam

setting = {"backbone": "test_resnet", "backbone_args": {}, "weights": "none", "size": 32, "hidden_units": [4]}
network = Network(setting, 2)
optimizer = Adam(network.parameters())
optimizer.zero_grad()
network(torch.rand(2, 3, 32, 32)).sum().backward()
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
"""
COMPILE = """
compiled = torch.compile(network, backend="eager")
photos = torch.rand(2, 3, 32, 32)
torch.testing.assert_close(compiled(photos), network(photos))
assert torch._dynamo.utils.is_compile_supported("cpu") in (True, False)
assert sys.modules["torch._dynamo"] is torch._dynamo
"""
IN_TORCHVISION = """
import torchvision
assert torchvision.ops.roi_align.__globals__["is_compile_supported"]("cpu") in (True, False)
assert "torch._dynamo" in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "then", ["assert not [name for name in sys.modules if name.startswith('torch._dynamo')]", COMPILE, IN_TORCHVISION]
)
def test_the_compiler_is_imported_when_it_is_used(then):
    subprocess.run([sys.executable, "-c", TRAIN + then], check=True, cwd=REPOSITORY / "workflow_scripts")


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_an_uncompiled_optimizer_takes_the_same_steps(kind):
    starts = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    found = []
    for one in (kind, uncompiled(kind)):
        weight = torch.nn.Parameter(starts.clone())
        optimizer = one([weight], lr=0.1, weight_decay=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
        found.append(weight.detach())
    assert torch.equal(*found)
    assert not torch.equal(found[0], starts)
