"""The kernel of the course: registered by one command, and started as Jupyter starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel

from tests.conftest import REPOSITORY


@pytest.mark.skipif(sys.platform != "linux", reason="the two settings are glibc's, on Linux")
def test_the_kernel_of_the_course_starts_with_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    release = REPOSITORY.root / "release" / "mnist_lenet"
    told = subprocess.run(
        [sys.executable, "-m", "given.kernel"], cwd=release, capture_output=True, text=True, check=True
    )
    assert "'Python (course)' is registered in" in told.stdout
    assert json.loads((tmp_path / "kernels" / "course" / "kernel.json").read_text())["argv"][0] == sys.executable

    manager, client = start_new_kernel(kernel_name="course", env=os.environ.copy())
    try:
        said: list[str] = []
        reply = client.execute_interactive(
            "import os; print(os.environ['MALLOC_MMAP_MAX_'], os.environ['MALLOC_TRIM_THRESHOLD_'])",
            output_hook=lambda message: said.append(message["content"].get("text", "")),
            timeout=60,
        )
        assert reply["content"]["status"] == "ok"
        assert "".join(said).split() == ["0", "1000000000"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_notebook_opens_where_the_kernel_is_not_registered() -> None:
    for notebook in sorted((REPOSITORY.root / "release").glob("*/*.ipynb")):
        name = nbformat.read(notebook, 4).metadata.kernelspec.name
        assert name == "python3", notebook
    assert "python3" in KernelSpecManager().find_kernel_specs()
