#!/bin/bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# ci/container as a test: it makes roots and images, for which CI has no time.

skip() {
	echo "SKIPPED: the container is not built and tried: $*"
	exit 77
}

[[ ${BACKCHANNEL_TEST_LONG:-} ]] || skip "this takes ci/test --long"
[[ $EUID -eq 0 ]] || skip "containers need root"
for package in buildah podman runc; do
	command -v "$package" >/dev/null ||
		apt-get -s -q install "$package" >/dev/null 2>&1 ||
		skip "$package cannot be installed"
done
unshare --mount --net --pid --fork true 2>/dev/null ||
	skip "namespaces cannot be made here"
exec "$(dirname "$0")/../../ci/container"
