#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image of the autograder.
set -euo pipefail
cd "$(dirname "$0")"
home="${GRADEPROP_HOME:-/opt/gradeprop}"  # outside /autograder, which students' code must not reach; it must reach Python
index="${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}"  # torch without CUDA: a tenth of the size

usable() { "$1" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
get() { command -v apt-get >/dev/null && apt-get install -y -qq "$@"; }

if [ -n "${GRADEPROP_PYTHON:-}" ]; then
  echo "using $GRADEPROP_PYTHON, which must have all packages that gradeprop needs"
else
  if command -v apt-get >/dev/null; then apt-get update -qq; get libseccomp2; fi
  usable python3 || get python3-venv || true                # Ubuntu 24.04 has Python 3.12 without venv
  usable python3 || get python3.11 python3.11-venv || true  # Ubuntu 22.04 has Python 3.10
  for python in python3 python3.13 python3.12 python3.11 none; do usable "$python" && break; done
  if [ "$python" != none ]; then
    "$python" -m venv "$home"
  else  # a bare image: uv brings a Python of its own
    command -v curl >/dev/null || get curl ca-certificates || true
    curl -LsSf "${UV_INSTALLER:-https://astral.sh/uv/install.sh}" | UV_INSTALL_DIR="$home-uv" UV_NO_MODIFY_PATH=1 sh
    UV_PYTHON_INSTALL_DIR="$home-python" "$home-uv/uv" venv --quiet --seed --python 3.12 "$home"
  fi
  package=./package
  for wheel in package/*.whl; do if [ -e "$wheel" ]; then package="$wheel"; fi; done
  # both indexes at once: the one of torch has no other package, and its builds for the CPU count as newer
  "$home/bin/pip" install --quiet -c package/requirements.lock --extra-index-url "$index" torch torchvision "${package}[grader]"
  chmod go= "$home"/lib/python3*/site-packages/sklearn/datasets/data || true  # the labels of the sample
  GRADEPROP_TIER="full restricted own-user" "$home/bin/gradeprop" doctor || echo "No jail could be made in this build; only the jail at grading time matters"
fi

chmod -R go= course
