#!/bin/sh
# Puts a kiosk on this machine, or brings it up to date. As root. deploy/install.sh tells what each option does.
#
#   sh deploy/install-kiosk.sh [--no-start] [--screen | --no-screen]
#   sh deploy/install-kiosk.sh --uninstall [--purge [--yes]]
set -eu

exec sh "$(dirname "$0")/install.sh" kiosk "$@"
