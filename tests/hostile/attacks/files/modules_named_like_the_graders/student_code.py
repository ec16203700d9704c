"""Comes with conftest.py, pytest.ini, sitecustomize.py, torch.py, gradeprop.py and twelve more that end the process.

Only its own folder in the jail has them; the judge looks for no module where students' files are.
"""

# reads "values of the rows differ from what was expected"
# reads "KINDS is 3"

import given.helper


def standardise(x):
    return x


def describe(x):
    raise RuntimeError(f"KINDS is {given.helper.KINDS}")
