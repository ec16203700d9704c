"""A Jupyter server extension that runs formgrader's commands outside of the server's process.

nbgrader's buttons work inside the server, which answers nobody until they end. Here ``nbgrader autograde`` runs as a
command, one at a time; the page shows its progress, and has a button for all new submissions. Generating, collecting
and making feedback are commands as well, and do not wait for grading.

    commands              the queue of commands, and the progress of the running one
    handlers              the addresses: nbgrader's own buttons, new submissions, progress, the list of assignments
    refresher             pages and grades.csv, after scores and comments that a person gives
    templates/, static/   additions to formgrader's page "Manage Submissions"

Extensions load in the order of their names, so these handlers come before nbgrader's.
"""

from typing import Any

from gradeprop.integrations.nbgrader.formgrader.handlers import add_handlers


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "gradeprop.integrations.nbgrader.formgrader"}]


def _load_jupyter_server_extension(server: Any) -> None:
    add_handlers(server.web_app)
