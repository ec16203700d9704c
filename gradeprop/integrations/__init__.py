"""Other systems that collect submissions, run the grader, or take its grades.

nbgrader/     nbgrader's commands and formgrader, through our grader
lms/          grades for Canvas, Moodle and Blackboard
gradescope    an autograder for Gradescope, as one zip
github        workflows for GitHub Actions
"""
