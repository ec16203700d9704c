"""Grade records as pages, tables, and scores in nbgrader's gradebook.

    GradeRecord ─┬─ feedback          the page for a student
                 ├─ class_report      the page for the instructor and report.json, from ``class_summary``
                 ├─ grades_csv        one table of the class
                 └─ gradebook         nbgrader's database, with ``late_penalty``
    gradebook_db ─── gradebook_scores   the scores in that database, those given by hand too

Import the module you need. Nothing is exported here, because the gradebook loads nbgrader, which takes seconds.
"""
