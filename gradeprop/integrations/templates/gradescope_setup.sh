#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image of the autograder.
set -euo pipefail
cd "$(dirname "$0")"

usable() { "$1" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [ -n "${GRADEPROP_PYTHON:-}" ]; then
  echo "using $GRADEPROP_PYTHON, which must have all packages of package/pyproject.toml"
else
  if command -v apt-get >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq libseccomp2
    usable python3 || apt-get install -y -qq python3.11 python3.11-venv
  fi
  for python in python3 python3.13 python3.12 python3.11 none; do usable "$python" && break; done
  [ "$python" != none ] || { echo "found no Python 3.11 or later; choose an image with Ubuntu 22.04 or later"; exit 1; }

  # outside /autograder, which students' code must not reach; it must reach Python
  home="${GRADEPROP_HOME:-/opt/gradeprop}"
  "$python" -m venv "$home"
  # torch without CUDA: a tenth of the size
  "$home/bin/pip" install --quiet -c package/requirements.lock torch torchvision \
    --index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"
  "$home/bin/pip" install --quiet -c package/requirements.lock ./package
  "$home/bin/gradeprop" doctor || echo "No jail could be made in this build; only the jail at grading time matters"
fi

chmod -R go= course
