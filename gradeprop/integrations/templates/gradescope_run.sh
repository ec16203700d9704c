#!/usr/bin/env bash
# Gradescope runs this for each submission. Instructors see its output, students see results.json.
root="${AUTOGRADER_ROOT:-/autograder}"
unset GRADEPROP_DATA  # the data are in the course
exec "${GRADEPROP_PYTHON:-${GRADEPROP_HOME:-/opt/gradeprop}/bin/python}" -P -m gradeprop.integrations.gradescope "$root"
