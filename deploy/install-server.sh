#!/bin/sh
# Puts the server on this machine, or brings it up to date. As root. deploy/install.sh tells what each option does.
#
#   sh deploy/install-server.sh [--no-start] [--tls NAMES | --no-tls]
#   sh deploy/install-server.sh --uninstall [--purge [--yes]]
set -eu

exec sh "$(dirname "$0")/install.sh" server "$@"
