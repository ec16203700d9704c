#!/usr/bin/env bash
# Gradescope runs this for each submission. What it prints is for instructors; results.json is for students.
root="${AUTOGRADER_ROOT:-/autograder}"
export GRADEPROP_DATA="$root/source/data"
exec "${GRADEPROP_PYTHON:-${GRADEPROP_HOME:-/opt/gradeprop}/bin/python}" -P -m gradeprop.integrations.gradescope "$root"
