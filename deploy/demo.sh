#!/bin/sh
# The main job on one machine: a made-up summit with a server and three kiosks, until Ctrl-C.
#
#   sh deploy/demo.sh [--camera 0] [--keep DIR] ...     sh deploy/demo.sh --help says more
set -eu

cd "$(dirname "$0")/.."
sh deploy/bootstrap.sh demo
exec "${THRESHOLD_VENV:-.venv}/bin/python" -m deploy.demo "$@"
