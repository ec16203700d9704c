"""Settings of nbgrader's own commands and formgrader: they give the same grades as ``gradeprop grade``.

See docs/instructor.md. Write your own settings below the last line, such as ``c.Exchange.root`` or ``db_url``.
"""

from gradeprop.integrations.nbgrader.config import configure

c = get_config()  # noqa: F821  (nbgrader puts it here)
configure(c, __file__)
