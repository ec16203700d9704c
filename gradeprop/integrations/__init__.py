"""Other systems that collect submissions, run the grader, or take its grades.

nbgrader/     nbgrader's commands and formgrader, through our grader
lms/          grades as files for Canvas, Moodle, Blackboard, Brightspace and others
push/         grades and feedback pages through a platform's API: LTI 1.3, Canvas, GitHub
gradescope    an autograder for Gradescope, as one zip
github        workflows for GitHub Actions
"""
