"""Settings of nbgrader's own commands and formgrader, so that they grade through our jail.

nbgrader_config.py in the folder of a course needs two lines:

    from gradeprop.integrations.nbgrader.config import configure
    configure(get_config(), __file__)

Settings after them replace ours. ``gradeprop`` itself reads only ``CourseDirectory`` from that file.
"""

from pathlib import Path
from typing import Any

_HERE = __package__


def configure(c: Any, file: str) -> None:
    """Add our settings to nbgrader's configuration.

    Args:
        c: what ``get_config()`` returns in a configuration file.
        file: the configuration file, in the folder of the course.
    """
    root = Path(file).resolve().parent
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    # our records are in autograded/<assignment>/<student>; nbgrader writes <student>/<assignment> to another folder
    c.CourseDirectory.autograded_directory = "autograded_notebooks"
    # nbgrader gives students every file of source/<hw> that matches no pattern here, so files with solutions must match
    c.CourseDirectory.ignore = [
        *(".ipynb_checkpoints", "__pycache__", "*.pyc", "feedback"),  # nbgrader's own
        *("assignment.toml", "instructor.md", "*solution*", "*reference*", "probes.py", "test_*.py", "held_out.py"),
    ]

    c.GenerateAssignment.force = True  # release/ is generated, and there from the start
    c.GenerateAssignment.exporter_class = f"{_HERE}.autograde.ReleaseExporter"
    c.ExchangeFactory.collect = f"{_HERE}.collect.Collect"
    c.Autograde.exporter_class = f"{_HERE}.autograde.GradingExporter"
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.AssignLatePenalties"]
    c.AssignLatePenalties.plugin_class = f"{_HERE}.autograde.LatePenalties"
    # what formgrader and feedback show of a student's Markdown passes an allow-list
    c.HTMLExporter.filters = {"markdown2html": f"{_HERE}.rendering.markdown2html"}

    # nbgrader zip_collect <hw>, for downloads of Canvas, Moodle and Blackboard in downloaded/<hw>/archive
    c.ZipCollectApp.extractor_plugin = f"{_HERE}.zip_collect.Extractor"
    c.ZipCollectApp.collector_plugin = f"{_HERE}.zip_collect.Collector"
    c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".py", ".safetensors", ".json", ".txt", ".html", ".pdf", ".zip"]
