"""Formgrader's work, taken out of its server's own process: a Jupyter server extension.

nbgrader's buttons work inside the server, which answers nobody meanwhile. Here ``nbgrader autograde`` runs as the
command that it is, one at a time; the page shows how far it is, and has a button for all that is new. Generating,
collecting and making feedback are commands as well, and wait for no grading.

    commands      the queue, and how far the command at work has come
    handlers      addresses: nbgrader's own buttons, all that is new, progress, and the list of assignments
    templates/, static/   what is added to formgrader's page "Manage Submissions"

It comes before nbgrader's own handlers because extensions are loaded in the order of their names.
"""

from typing import Any

from gradeprop.integrations.nbgrader.formgrader.handlers import add_handlers


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "gradeprop.integrations.nbgrader.formgrader"}]


def _load_jupyter_server_extension(server: Any) -> None:
    add_handlers(server.web_app)
