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

# nbgrader copies every file of source/<hw> that no pattern names to students, and so do its exchange and its grader:
# here stands what instructors alone see, and nothing that students hand in; a file that is not known ends the release
c.CourseDirectory.ignore = [
    *(".ipynb_checkpoints", "__pycache__", "*.pyc", "feedback"),  # nbgrader's own
    *("assignment.toml", "reference.py", "README.md", "instructor.md"),
]

# the whole release, by the command and by the button of formgrader: what students get is what `gradeprop release` makes
c.GenerateAssignment.preprocessors.append("gradeprop.generate.WholeRelease")
