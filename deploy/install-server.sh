#!/bin/sh
# Puts the server on this machine as a service, or brings it up to date. As root.
#
#   sh deploy/install-server.sh [--no-start | --uninstall]
set -eu

exec sh "$(dirname "$0")/install.sh" server "$@"
