"""nbgrader for instructors: as for students, and the folder of the course, whose nbgrader_config.py has the rest."""

from pathlib import Path

c = get_config()  # noqa: F821  (nbgrader puts it here)

c.Exchange.root = "/srv/nbgrader/exchange"
c.CourseDirectory.course_id = "cnn"
c.CourseDirectory.root = str(Path.home() / "course")
