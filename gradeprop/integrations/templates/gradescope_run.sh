#!/usr/bin/env bash
# Gradescope runs this for each submission. Instructors see its output, students see results.json.
root="${AUTOGRADER_ROOT:-/autograder}"
unset GRADEPROP_DATA  # the data are in the course
# own-user: for hosts without Landlock; permissions protect the folder, and each submission has its own container
export GRADEPROP_TIER="${GRADEPROP_TIER:-full restricted own-user none}"
[ "$(id -u)" != 0 ] || chmod go= "$root"/submission* "$root"/results "$root"/source/course "$root"/source/gradescope.json
exec "${GRADEPROP_PYTHON:-${GRADEPROP_HOME:-/opt/gradeprop}/bin/python}" -P -m gradeprop.integrations.gradescope "$root"
