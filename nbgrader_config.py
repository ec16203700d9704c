"""The settings of nbgrader's own commands and formgrader for this course; ``gradeprop`` reads ``db_url`` alone.

They grade through ``gradeprop`` and its jail, and give the same grades as ``gradeprop grade``: docs/instructor.md.
"""

from pathlib import Path

root = Path(__file__).resolve().parent
c = get_config()  # noqa: F821  (nbgrader puts it here)

c.CourseDirectory.root = str(root)
c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
# our records are in autograded/<assignment>/<student>; nbgrader writes <student>/<assignment> to another folder
c.CourseDirectory.autograded_directory = "autograded_notebooks"

c.GenerateAssignment.force = True  # release/ is generated, and there from the start
c.GenerateAssignment.exporter_class = "gradeprop.integrations.nbgrader.autograde.ReleaseExporter"
c.ExchangeFactory.collect = "gradeprop.integrations.nbgrader.collect.Collect"
c.Autograde.exporter_class = "gradeprop.integrations.nbgrader.autograde.GradingExporter"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.AssignLatePenalties"]
c.AssignLatePenalties.plugin_class = "gradeprop.integrations.nbgrader.autograde.LatePenalties"

# what formgrader and feedback show of a student's Markdown passes an allow-list
c.HTMLExporter.filters = {"markdown2html": "gradeprop.integrations.nbgrader.rendering.markdown2html"}

# nbgrader gives students every file of source/<hw> that matches no pattern here, so files with solutions must match
c.CourseDirectory.ignore = [
    *(".ipynb_checkpoints", "__pycache__", "*.pyc", "feedback"),  # nbgrader's own
    *("assignment.toml", "instructor.md", "*solution*", "*reference*", "probes.py", "test_*.py", "held_out.py"),
]

# nbgrader zip_collect <hw>, for downloads of Canvas, Moodle and Blackboard in downloaded/<hw>/archive
c.ZipCollectApp.extractor_plugin = "gradeprop.integrations.nbgrader.zip_collect.Extractor"
c.ZipCollectApp.collector_plugin = "gradeprop.integrations.nbgrader.zip_collect.Collector"
c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".py", ".safetensors", ".json", ".txt", ".html", ".pdf", ".zip"]
