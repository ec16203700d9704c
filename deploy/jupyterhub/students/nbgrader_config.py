"""nbgrader for students: where the exchange is, and which course."""

c = get_config()  # noqa: F821  (nbgrader puts it here)

c.Exchange.root = "/srv/nbgrader/exchange"
c.CourseDirectory.course_id = "cnn"
c.Execute.timeout = 600  # of a cell when a notebook is validated: training takes minutes, nbgrader waits 30 s
