#!/bin/bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# A container, from its start to its end: ci/container calls this in mount, network and
# process namespaces of its own, which are the machine to it, and go with it.
#
#   life.sh IMAGE CLIENT [PODMAN'S OPTION...]
#
# CLIENT is container_recall (recall.c). The container has a network namespace of its
# own, its root read-only, and the rights that packaging/kubernetes gives it.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
image=$1 client=$2
shift 2
podman=(podman --runtime runc "$@")
manifest=$top/packaging/kubernetes/ganesha.yaml
host=192.0.2.1 server=192.0.2.2
patience=60 # s, for anything
user=1000 # whose files are exported
environment=() # of the containers
work=$(mktemp -d)
export DISABLE_HC_SYSTEMD=true # podman: health is asked here, by no timer of its own

fail() {
	printf 'container: %s\n' "$*" >&2
	"${podman[@]}" logs server 2>&1 | tail -n 20 >&2 || true
	exit 1
}
ok() { printf 'container: %s\n' "$*"; }

finish() {
	"${podman[@]}" rm -f -t 1 -a >/dev/null 2>&1 || true
	umount "$work/net" || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT

# eventually COMMAND...
eventually() {
	local until=$((SECONDS + patience))
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $until ]] || return 1
		sleep 0.2
	done
}

make_network() {
	touch "$work/net"
	unshare --net="$work/net" true
	ip link set lo up
	ip link add host type veth peer name server
	ip link set server netns "$work/net"
	ip address add "$host/24" dev host
	ip link set host up
	nsenter --net="$work/net" sh -euc '
		ip link set lo up
		ip address add "$1/24" dev server
		ip link set server up' sh "$server"
}

# What the example for Kubernetes asks for, one a line.
capabilities() {
	sed -nE '/^ +capabilities:/,/^ +add:/s/^ +add: \[(.*)\]/\1/p' "$manifest" |
		tr -d ' ' | tr ',' '\n'
}

# run NAME CAPABILITY...: in the background.
run() {
	local name=$1 options=() capability
	shift
	for capability; do
		options+=(--cap-add "$capability")
	done
	"${podman[@]}" run -d --name "$name" \
		--network "ns:$work/net" \
		--read-only --read-only-tmpfs=false \
		--security-opt no-new-privileges --cap-drop ALL "${options[@]}" \
		-v "$work/run:/run/ganesha" -v "$work/lib:/var/lib/nfs/ganesha" \
		-v "$work/data:/srv/data" "${environment[@]}" "$image" >/dev/null
}

# get PATH: over TCP.
get() {
	python3 -c 'import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())' \
		"http://$server:9587$1"
}

tool() {
	python3 -B "$top/tools/ganesha-backchannel" \
		--socket "$work/run/backchannel.sock" "$@"
}

is_healthy() { "${podman[@]}" healthcheck run server; }

answers_nfs() { timeout 1 bash -c "exec 3<>/dev/tcp/$server/2049"; }

expect_running() {
	eventually answers_nfs || fail "nobody answers at port 2049"
	eventually is_healthy || fail "it is not healthy"
	eventually get /readyz || fail "it is not ready"
	[[ $(get /healthz) == *attached* ]] || fail "the module is not attached"
	tool ready >/dev/null || fail "the host's side of the socket says otherwise"
}

# expect_metric NAME VALUE
expect_metric() {
	grep -qxF "$1 $2" "$work/metrics" ||
		fail "$1 is not $2: $(grep -F "$1" "$work/metrics")"
}

check_recalls() {
	local recalls='ganesha_backchannel_callbacks_completed_total'
	recalls+='{operation="CB_RECALL",outcome="answered"}'
	timeout 300 "$client" "$host" "$server" 2049 data/file >"$work/recall" 2>&1 ||
		fail "the clients: $(cat "$work/recall")"
	while read -r line; do
		ok "$line"
	done <"$work/recall"
	get /metrics >"$work/metrics"
	promtool check metrics <"$work/metrics" || fail "promtool"
	expect_metric "$recalls" 2
	expect_metric ganesha_backchannel_delegations_granted_total 2
	expect_metric ganesha_backchannel_bindings_made_total 3
	tool check >"$work/check" || fail "$(cat "$work/check")"
	ok "metrics agree; $(cat "$work/check")"
}

# By SIGTERM, which is all that an orchestrator knows of it.
expect_end() {
	local begun=$SECONDS state
	"${podman[@]}" stop -t "$patience" server >/dev/null
	state=$("${podman[@]}" inspect --format \
		'{{.State.Status}} {{.State.ExitCode}}' server)
	[[ $state == 'exited 0' ]] || fail "it has not ended well: $state"
	[[ ! -e $work/run/backchannel.sock ]] || fail "it leaves its socket"
	ok "stopped by SIGTERM within $((SECONDS - begun + 1)) s"
}

# One that serves without the module is not healthy.
check_without_module() {
	"${podman[@]}" run --rm --network none --entrypoint cat "$image" \
		/etc/ganesha/ganesha.conf |
		sed '/^EXPORT {/,/^}/d; /^BACKCHANNEL {/,/^}/d' >"$work/run/plain"
	environment=(-e GANESHA_CONF=/run/ganesha/plain)
	run server "${rights[@]}"
	eventually answers_nfs || fail "without the module nobody answers"
	! is_healthy >/dev/null 2>&1 || fail "without the module it is healthy"
	ok "without the module: serves, and is not healthy"
	expect_end
	environment=()
	"${podman[@]}" rm server >/dev/null
}

# refused WHAT TEXT CAPABILITY...: it does not start, and says why.
refused() {
	local what=$1 text=$2 status
	shift 2
	run refused "$@"
	status=$(timeout "$patience" "${podman[@]}" wait refused)
	[[ $status == 78 ]] || fail "$what: status $status"
	"${podman[@]}" logs refused 2>&1 | grep -qF "$text" ||
		fail "$what: it does not say $text"
	"${podman[@]}" rm refused >/dev/null
	ok "$what: refused in words"
}

make_network
mkdir "$work/run" "$work/lib" "$work/data"
chown "$user" "$work/data"
mapfile -t rights < <(capabilities)
[[ ${#rights[@]} -gt 0 ]] || fail "$manifest names no capabilities"

run server "${rights[@]}"
expect_running
ok "$(tool status | sed -n 1p)"
check_recalls
expect_end

"${podman[@]}" start server >/dev/null
expect_running
ok "started again"
expect_end
"${podman[@]}" rm server >/dev/null

check_without_module
needed=(DAC_OVERRIDE DAC_READ_SEARCH SETGID SETUID)
for right in "${needed[@]}"; do
	refused "without $right" "CAP_$right" "${needed[@]/#$right/KILL}"
done
if pgrep -l 'ganesha|conmon'; then
	fail "these still run"
fi
ok "nothing is left"
