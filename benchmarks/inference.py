"""Compare ways to compute a network's outputs on one thread of a CPU, over ten backbones.

The ways: PyTorch's modules with channels in the last dimension (the workflow's); the same traced and frozen by
TorchScript, which folds batch normalization into convolutions; ONNX Runtime as `stylevote.cnn.inference` uses it, one
photo at a time; OpenVINO, also one photo at a time, if it is installed. All ways compute the same photos in turn,
several times. Time is processor time, so that other programs disturb less. A ratio is the median of those of the
rounds. The last table shows the preparation of each way, and after how many photos it has paid. Memory is what the
process got from the system during the preparation. Run it from the repository's root:

    python benchmarks/inference.py
"""

import statistics
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from bench import make_parser
from torch import nn

from stylevote.cnn.backbones import create_backbone, take_size
from stylevote.cnn.inference import fast_forward
from stylevote.machine.device import open_device

# The demo's network is the last.
BACKBONES = {
    "mobilenetv2_100": 160,
    "mobilenetv1_100": 160,
    "tf_efficientnet_lite0": 224,
    "resnet18": 160,
    "resnet50": 160,
    "densenet121": 160,
    "convnext_nano": 160,
    "vit_tiny_patch16_224": 224,
    "legacy_xception": 160,
    "test_resnet": 56,
}
CPU = torch.device("cpu")
Forward = Callable[[torch.Tensor], torch.Tensor]


def frozen(network: nn.Module, size: int) -> Forward:
    """Return the network traced and frozen by TorchScript."""
    photos = torch.rand(2, 3, size, size).contiguous(memory_format=torch.channels_last)
    return torch.jit.freeze(torch.jit.trace(network, photos))


def onnx_runtime(network: nn.Module, size: int) -> Forward:
    """Return the computation by ONNX Runtime."""
    forward = fast_forward(network, CPU, size)
    if isinstance(forward.run, nn.Module):
        raise SystemExit("ONNX Runtime does not compute this network")
    return forward


def openvino(network: nn.Module, size: int) -> Forward:
    """Return the computation by OpenVINO."""
    import openvino  # noqa: PLC0415 (no requirement)

    exported = openvino.convert_model(network, example_input=torch.rand(1, 3, size, size), input=[(1, 3, size, size)])
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.compile_model(exported, "CPU", settings)
    return lambda photos: torch.cat([torch.from_numpy(compiled([one.numpy()])[0].copy()) for one in photos.split(1)])


WAYS = {"modules": lambda network, _: network, "frozen": frozen, "ONNX Runtime": onnx_runtime, "OpenVINO": openvino}


def resident() -> float:
    """Return the megabytes of memory that the process has."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1e3


def make_backbone(name: str, size: int) -> nn.Module:
    """Return a backbone with random weights, whose batch normalization does something."""
    torch.manual_seed(0)
    network, _, _ = create_backbone(name, "none", {})
    take_size(network, size)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval().to(memory_format=torch.channels_last)


def main() -> None:
    """Measure each backbone and print the tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES), choices=BACKBONES)
    parser.add_argument("--photos", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    open_device(1, gpus=False)
    ways = {name: way for name, way in WAYS.items() if name != "OpenVINO" or find_spec("openvino")}
    faster: dict[str, list[float]] = {name: [] for name in ways}
    preparations = []
    print(f"{'photos a second':24}" + "".join(f"{name:>24}" for name in ways), flush=True)
    for name in options.backbones:
        size = BACKBONES[name]
        network = make_backbone(name, size)
        photos = torch.rand(options.photos, 3, size, size).contiguous(memory_format=torch.channels_last)
        forwards, costs = {}, []
        with torch.inference_mode():
            expected = network(photos)  # warm
            scale = expected.abs().max()
        for way, prepare in ways.items():
            before, start = resident(), time.process_time()
            with torch.no_grad():
                forwards[way] = prepare(network, size)
            costs.append((time.process_time() - start, resident() - before))
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        differences = {}
        with torch.inference_mode():
            for number in range(options.rounds + 1):
                for way, forward in forwards.items():
                    start = time.process_time()
                    outputs = forward(photos)
                    if number:  # the first warms
                        seconds[way].append(time.process_time() - start)
                    differences[way] = ((outputs - expected).abs().max() / scale).item()
        line = f"{name + f' {size}':24}"
        for way, of_way in seconds.items():
            ratios = [base / other for base, other in zip(seconds["modules"], of_way, strict=True)]
            faster[way].append(statistics.median(ratios))
            rate = options.photos / statistics.median(of_way)
            line += f"{rate:10.1f} x{faster[way][-1]:.2f} ({differences[way]:.0e})"
        print(line, flush=True)
        preparations.append((name, costs, [statistics.median(of_way) / options.photos for of_way in seconds.values()]))
    means = map(statistics.geometric_mean, faster.values())
    print(f"{'geometric mean':24}" + "".join(f"{f'x{mean:.2f}':>24}" for mean in means))
    print(f"\n{'s, MB, paid after photos':24}" + "".join(f"{way:>24}" for way in ways))
    for name, costs, per_photo in preparations:
        line = f"{name:24}"
        for (cost, memory), each in zip(costs, per_photo, strict=True):
            paid = f"{cost / (per_photo[0] - each):.0f}" if each < per_photo[0] else "never"
            line += f"{f'{cost:.1f} {memory:.0f} {paid}':>24}"
        print(line)


if __name__ == "__main__":
    main()
