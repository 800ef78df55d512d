"""The program that checks a GPU runs on a CPU, with a tiny network."""

import subprocess
import sys

import pytest

from places import REPOSITORY


@pytest.mark.slow
def test_every_part_passes_on_a_cpu():
    program = [sys.executable, "benchmarks/gpu.py", "--tiny"]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    parts = [line.split(" | ")[:2] for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(parts) == 11
    assert {passed for _, passed in parts} == {"yes"}


@pytest.mark.slow
def test_features_on_a_gpu_need_no_onnx_runtime():
    program = "import sys; import stylevote.cnn.frozen; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY / "workflow_scripts")
