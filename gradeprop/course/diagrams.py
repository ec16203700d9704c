"""Diagrams in a notebook: a link to an SVG becomes an image that contains it, so the notebook needs no other file."""

import base64
import json
import re
from html import escape
from pathlib import Path

from gradeprop.core.errors import CourseError

_LINK = re.compile(r"!\[([^\[\]]*)\]\(([\w./-]+\.svg)\)")


def embed_diagrams(notebook: bytes, file: Path) -> bytes:
    """Replace each ``![text](name.svg)`` in the Markdown cells of a notebook by an ``<img>`` with a data URI.

    HTML, because renderers that reject such a URI in a Markdown image accept it there.

    Args:
        notebook: content of the notebook.
        file: its path, from which the links start.

    Raises:
        CourseError: the SVG does not exist.
    """
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _LINK.sub(lambda link: _image(link[1], link[2], file), "".join(cell["source"]))
    return json.dumps(content).encode()


def _image(text: str, name: str, file: Path) -> str:
    try:
        data = base64.b64encode((file.parent / name).read_bytes()).decode()
    except OSError as error:
        raise CourseError(f"shows {name}, which cannot be read: {error.strerror}", file) from error
    return f'<img alt="{escape(text)}" src="data:image/svg+xml;base64,{data}">'
