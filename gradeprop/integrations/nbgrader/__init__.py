"""Replacements for parts of nbgrader, which nbgrader_config.py names.

autograde     ``generate_assignment`` and ``autograde``, through our release and grader
staging       the folder that nbgrader's autograde converts instead of a submission
manual_grading    the same folder for formgrader, after ``gradeprop grade``
answers       what a student wrote, inserted into the released notebook
rendering     Markdown as HTML, through an allow-list
collect       ``collect``, with trusted arrival times
zip_collect   ``zip_collect``, for downloads of learning platforms
exporters     ``export``, for learning platforms
formgrader/   progress, and commands outside of its server's process
"""
