#!/bin/bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# ci/package as a test: it makes roots, for which CI has no time.

skip() {
	echo "SKIPPED: the package is not built and tried: $*"
	exit 77
}

[[ ${BACKCHANNEL_TEST_LONG:-} ]] || skip "this takes ci/test --long"
[[ $EUID -eq 0 ]] || skip "roots need root"
exec "$(dirname "$0")/../../ci/package"
