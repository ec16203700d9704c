"""Scores and feedback pages sent to a platform through its API.

settings    push.toml: the addresses of the platform, and its names for us
web         one HTTP session with deadlines, and repeated tries
target      a platform's column of grades, as both services see it
lti         LTI 1.3; the only module that imports PyLTI1p3
canvas      Canvas' own API; the only module that imports canvasapi
journal     what was sent, so that a push can be resumed
scores      who gets which score, and sending them
pages       who gets which feedback page, and sending them
"""
