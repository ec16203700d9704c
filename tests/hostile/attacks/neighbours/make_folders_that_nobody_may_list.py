"""Makes folders without rights, full of files, which can be neither counted nor removed by who must."""

import os

# reads "student_code.py"

for number in range(20):
    try:
        os.mkdir(f"blind{number}", 0o300)
        os.mkdir(f"blind{number}/inner", 0o700)
        with open(f"blind{number}/inner/file", "w") as file:
            file.write("x" * 1000)
        os.mkdir(f"shut{number}", 0)
        os.rename(f"blind{number}", f"shut{number}/moved")
    except OSError:
        continue
raise RuntimeError("the clearing up is yours")
