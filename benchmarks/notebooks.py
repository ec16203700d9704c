"""How long a notebook takes from top to bottom, with the solution in place.

    python benchmarks/notebooks.py mnist_lenet caltech101_resnet [--real]

Measures: seconds on the clock and of the processor for all cells in a fresh kernel, every check and the packing of
what is handed in included, in a folder laid out as a release is; on the sample, with real data out of reach, or with
``--real`` on the data of the assignment's bars. The notebook with its outputs is kept in
.cache/notebooks/<assignment>-<data set>.ipynb; rows go to docs/results/notebooks.json, but for ``--epochs``. Ends with
1 if a cell fails, or the sample takes more than four minutes of processor time.
"""

import argparse
import json
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import torch
from nbclient import NotebookClient
from tqdm import tqdm

from gradeprop.core import storage
from gradeprop.core.paths import STUDENT_CODE, CoursePaths
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.release import build_release

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = CoursePaths(ROOT)
KEPT = BUNDLE.cache / "notebooks"
RESULTS = ROOT / "docs" / "results" / "notebooks.json"
SAMPLE_S = 240  # of processor time: a notebook is to be tried out within minutes


def main() -> int:
    """Run, measure, write; 1 if a cell of one raised an error, or a sample took too long."""
    names = read_course(BUNDLE).assignments
    parser = argparse.ArgumentParser(description="Run the notebooks with the solution, and time them.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments (default: all)")
    parser.add_argument("--real", action="store_true", help="on the real data, not on the sample")
    parser.add_argument("--epochs", type=int, help="for a quick look")
    parser.add_argument("--note", default="", help="what else the machine did, as it bears on the seconds")
    options = parser.parse_args()
    if options.epochs:
        os.environ["GRADEPROP_EPOCHS"] = str(options.epochs)
    failed = False
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in options.names or names:
        dataset = next(each for each in read_assignment(BUNDLE, name).held_out if (each == "sample") != options.real)
        row, notebook = run(name, dataset)
        nbformat.write(notebook, KEPT / f"{name}-{dataset}.ipynb")
        errors = raised(notebook)
        print(row, *errors, sep="\n  ")
        failed |= bool(errors) or (dataset == "sample" and row["processor_seconds"] > SAMPLE_S)
        if not errors and not options.epochs:
            keep(row | {"note": options.note} if options.note else row)
    return int(failed)


def lay_out(name: str, folder: Path) -> None:
    """Write the release of an assignment into ``folder``, with the solution in place."""
    notebook = BUNDLE.assignment(name).notebook
    files = build_release(read_assignment(BUNDLE, name), BUNDLE)
    files |= {STUDENT_CODE: BUNDLE.solution.read_bytes(), notebook.name: notebook.read_bytes()}
    for file, content in files.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(content)


def run(name: str, dataset: str) -> tuple[dict[str, Any], Any]:
    """(what to write down, the notebook with its outputs); a cell that fails doesn't stop it."""
    os.environ["GRADEPROP_DATASET"] = dataset
    with tempfile.TemporaryDirectory() as folder:
        lay_out(name, Path(folder))
        if dataset == "sample":
            os.environ |= {"GRADEPROP_DATA": f"{folder}/none", "XDG_CACHE_HOME": f"{folder}/cache"}
            os.environ["MPLCONFIGDIR"] = matplotlib.get_cachedir()  # its list of fonts takes seconds to make again
        notebook = nbformat.read(Path(folder, f"{name}.ipynb"), as_version=4)
        code = sum(cell.cell_type == "code" for cell in notebook.cells)
        start, used = time.perf_counter(), processor_seconds()
        with tqdm(total=code, desc=name, unit="cell") as bar:
            resources = {"metadata": {"path": folder}}
            client = NotebookClient(notebook, timeout=None, resources=resources, allow_errors=True)
            client.on_cell_executed = lambda **_: bar.update()
            client.execute()
        seconds, processor = time.perf_counter() - start, processor_seconds() - used
    row = {
        "assignment": name,
        "dataset": dataset,
        "seconds": round(seconds),
        "processor_seconds": round(processor),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    return row, notebook


def processor_seconds() -> float:
    """What children that have ended used, kernels among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def raised(notebook: Any) -> list[str]:
    """The errors of all cells: the cell's id, and what it says."""
    outputs = ((cell.id, output) for cell in notebook.cells for output in cell.get("outputs", ()))
    return [f"{name}: {found.ename}: {found.evalue}" for name, found in outputs if found.output_type == "error"]


def keep(row: dict[str, Any]) -> None:
    """Write a row down, in place of an older one of the same notebook and data."""
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.is_file() else []
    rows = {(each["assignment"], each["dataset"]): each for each in [*known, row]}
    said = {"schema": 1, "what": __doc__.splitlines()[0], "rows": list(rows.values())}
    storage.write_bytes(json.dumps(said, indent=1).encode() + b"\n", RESULTS)


if __name__ == "__main__":
    sys.exit(main())
