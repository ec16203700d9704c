"""What nbgrader's own commands and formgrader need to know of this course; ``gradeprop`` does not read it.

Works: formgrader and ``nbgrader export``, on the gradebook that ``gradeprop grade`` writes; ``nbgrader
generate_assignment``, which makes the notebook alone and leaks no solution. Does not: ``nbgrader autograde``, which
would run what students wrote outside of the jail. A whole release is made by ``gradeprop release``.
"""

from pathlib import Path

root = Path(__file__).resolve().parent
c = get_config()  # noqa: F821  (nbgrader puts it here)

c.CourseDirectory.root = str(root)
c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"

# nbgrader copies every file of source/<hw> that no pattern names to students: whatever may hold a solution is named
c.CourseDirectory.ignore = [
    *(".ipynb_checkpoints", "__pycache__", "*.pyc", "feedback"),  # nbgrader's own
    *(
        "assignment.toml",
        "*.md",
        "student_code*.py",
        "*solution*",
        "*reference*",
        "probes.py",
        "test_*.py",
        "held_out.py",
    ),
]

# downloads of Canvas, Moodle and Blackboard, in downloaded/<hw>/archive, for: nbgrader zip_collect <hw>
c.ZipCollectApp.extractor_plugin = "gradeprop.collect.Extractor"
c.ZipCollectApp.collector_plugin = "gradeprop.collect.Collector"
c.FileNameCollectorPlugin.valid_ext = [".ipynb", ".py", ".safetensors", ".json", ".txt", ".html", ".pdf", ".zip"]
