"""nbgrader for students: the exchange and the course."""

c = get_config()  # noqa: F821  (nbgrader puts it here)

c.Exchange.root = "/srv/nbgrader/exchange"
c.CourseDirectory.course_id = "cnn"
c.Execute.timeout = 600  # s, for a cell when a notebook is validated: training takes minutes
