"""Grade records as pages, tables, and scores in nbgrader's gradebook.

    GradeRecord ─┬─ feedback          the page for a student
                 ├─ class_report      the page for the instructor and report.json, from ``class_summary``
                 ├─ grades_csv        one table of the class
                 └─ gradebook         nbgrader's database

    gradebook_db ──── gradebook_scores ──── score       one score of automatic points, points by hand, late penalty
          │                 │                            └─ pages, table and report take every number from it
       people       gradebook_notes, late_penalty       students, and what was decided about them

    refresh    brings table, pages and nbgrader's penalties up to date with the scores

Import the module you need. Nothing is exported here, because the gradebook loads nbgrader, which takes seconds.
"""
