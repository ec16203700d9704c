"""Writes into Python's libraries, their caches, the start files of shells and Python, and torch's and matplotlib's."""

import json
import os
import site
import sys
from pathlib import Path

import matplotlib
import torch

# reads "nothing could be changed"

home = [Path(json.loads(Path("target.json").read_text())["files"]["home"]).parent]
folders = [*map(Path, site.getsitepackages() + [site.getusersitepackages()] + sys.path), Path(torch.__file__).parent]
folders += [Path(matplotlib.__file__).parent / "mpl-data", Path(sys.executable).parent, Path(sys.prefix), Path("/etc")]
for folder in [*folders, *home]:
    if folder.resolve().is_relative_to(os.environ["HOME"]) or folder == Path():
        continue
    for name in ("attack.pth", "sitecustomize.py", "__pycache__/x.pyc", ".bashrc", "usercustomize.py", "matplotlibrc"):
        try:
            file = folder / name
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_text("import os")
            print("SAW: a file that others run", flush=True)
        except OSError:
            continue
for module in (torch, matplotlib, json, os):
    for flags in (os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        try:
            os.close(os.open(module.__file__, flags))
            print("SAW: a library to write to", flush=True)
        except OSError:
            continue
raise RuntimeError("nothing could be changed")
