"""nbgrader for students: the exchange and the course."""

c = get_config()  # noqa: F821  (nbgrader puts it here)

c.Exchange.root = "/srv/nbgrader/exchange"
c.CourseDirectory.course_id = "cnn"
# seconds for a cell when a notebook is validated: training takes minutes, and nbgrader's default is 30 s
c.Execute.timeout = 600
