#!/bin/bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# A package in a root that has Ganesha, FSAL VFS and what the package depends on, but no
# network: ci/package calls it there, in namespaces of its own.
#
#   life.sh life DEB NEXT DEMO   installed, enabled by the manual's steps, upgraded to
#                             NEXT under a running server, tried with the demonstration's
#                             recalls, removed, purged: nothing is left
#   life.sh rebuilt DEB GANESHA VFS   Ganesha's own packages upgraded to another build of
#                             the same version, under a running server: the package stays,
#                             its module is refused at the next start, the export served
#   life.sh other DEB NTIRPC  beside a later version of Ganesha: refused by the package
#                             manager. If it is there all the same, with the libntirpc that
#                             it depends on, as after a forced upgrade, Ganesha itself
#                             refuses it by its FSAL interface, and runs without the export

set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

package=nfs-ganesha-backchannel
config=/etc/ganesha/ganesha.conf
log=/var/log/ganesha/ganesha.log
examples=/usr/share/doc/$package/examples
patience=60 # s, for anything
server=

fail() {
	printf 'package: %s\n' "$*" >&2
	tail -n 15 "$log" >&2 || true
	exit 1
}
ok() { printf 'package: %s\n' "$*"; }

# eventually COMMAND...: until it succeeds, or the server has ended.
eventually() {
	local until=$((SECONDS + patience))
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $until ]] || return 1
		kill -0 "$server" 2>/dev/null || return 1
		sleep 0.1
	done
}

# manual_step NAME: runs a block of doc/manual.md, as it is there.
manual_step() {
	sed -n "/^<!-- step: $1 -->\$/,/^\`\`\`\$/p" /tree/doc/manual.md |
		sed '1,2d;$d' >/tmp/step
	[[ -s /tmp/step ]] || fail "the manual has no step $1"
	DEBIAN_FRONTEND=noninteractive bash -eu /tmp/step
}

enable_module() {
	manual_step enable
	# Not the module's: where root lacks CAP_SYS_RESOURCE, 6 and later end.
	[[ $(dpkg-query -W -f '${Version}' nfs-ganesha) == [1-5].* ]] ||
		sed -i '/^NFS_CORE_PARAM {/a Allow_Set_Io_Flusher_Fail = true;' \
			"$config"
}

is_exported() { showmount --no-headers -e localhost | grep -q '^/srv/data '; }

# Ganesha registers one program after the other.
answers() { rpcinfo -t localhost nfs 4 && rpcinfo -t localhost mountd 3; }

launch_server() {
	rm -f "$log"
	mkdir -p /run/ganesha # its unit's RuntimeDirectory
	ganesha.nfsd -F -f "$config" -L "$log" -N NIV_EVENT &
	server=$!
	eventually answers || fail "the server does not answer"
}

start_server() {
	launch_server
	is_exported || fail "the server does not export /srv/data"
}

stop_server() {
	local status=0
	kill "$server"
	wait "$server" || status=$?
	[[ $status -eq 0 ]] || fail "the server ended with status $status"
}

# status_says TEXT
status_says() {
	ganesha-backchannel status >/tmp/status 2>&1 || true
	grep -qF "$1" /tmp/status
}

expect_attached() {
	eventually status_says ': attached' ||
		fail "the module is not attached: $(cat /tmp/status)"
	manual_step verify >/tmp/check ||
		fail "something is wrong: $(cat /tmp/check)"
}

# Every path but what servers and package managers write as they run.
list_files() {
	local pruned=(/proc /sys /dev /run /tmp /tree /var/cache /var/log /var/lib/apt
		/var/lib/dpkg /var/lib/nfs)
	local args=() path
	for path in "${pruned[@]}"; do
		args+=(-path "$path" -prune -o)
	done
	find / -xdev "${args[@]}" -print | sort
}

# Nothing is started, enabled or configured by the package itself.
check_contents() {
	local unasked
	unasked=$(dpkg -L "$package" | grep -E '^/(etc|lib/systemd|var)/' || true)
	[[ ! $unasked ]] || fail "it brings $unasked"
	unasked=$(find /var/lib/dpkg/info -name "$package.*" \
		! -name '*.list' ! -name '*.md5sums')
	[[ ! $unasked ]] || fail "it has scripts: $unasked"
	[[ -e $examples/ganesha.conf.sample ]] || fail "there is no sample"
}

installed_module() {
	dpkg -L "$package" | grep '/libfsalbackchannel\.so$'
}

# Clients are called back: with servers of the demonstration's own.
check_recalls() {
	BACKCHANNEL_MODULE=$(installed_module) timeout 300 "$1" >/tmp/demo \
		2>/tmp/demo.log || fail "recalls fail: $(tail -n 5 /tmp/demo)"
}

# The server that runs goes on with the module that it has loaded.
check_upgrade() {
	local module before
	module=$(installed_module)
	before=$(stat -c %i "$module")
	apt-get -q -y install "$1" >/tmp/apt.log 2>&1 ||
		fail "it cannot be upgraded: $(tail -n 3 /tmp/apt.log)"
	[[ $(stat -c %i "$module") != "$before" ]] || fail "nothing was upgraded"
	grep -q "libfsalbackchannel.so (deleted)" "/proc/$server/maps" ||
		fail "the server has not kept the module that it was started with"
	expect_attached
}

life() {
	local before
	list_files >/tmp/before
	mkdir /tmp/built
	cp "$1" "/tmp/built/${package}_1_amd64.deb"
	(cd /tmp/built && manual_step install) >/tmp/apt.log 2>&1 ||
		fail "it cannot be installed: $(tail -n 3 /tmp/apt.log)"
	check_contents
	! pidof ganesha.nfsd || fail "a server was started"
	ok "installed: $(dpkg-query -W -f '${Version}' "$package")"
	before=$(cat "$config")
	enable_module
	start_server
	expect_attached
	ok "$(sed 1q /tmp/status)"
	check_upgrade "$2"
	ok "upgraded under the server, which runs on:" \
		"$(dpkg-query -W -f '${Version}' "$package")"
	stop_server
	start_server
	expect_attached
	ok "started again with the new one"
	stop_server
	check_recalls "$3"
	ok "$(tail -n 1 /tmp/demo)"
	start_server
	manual_step remove >/tmp/apt.log 2>&1 ||
		fail "it cannot be removed: $(tail -n 3 /tmp/apt.log)"
	is_exported || fail "the server has not outlived the removal"
	stop_server
	dpkg --purge "$package" >/tmp/apt.log 2>&1 ||
		fail "it cannot be purged: $(tail -n 3 /tmp/apt.log)"
	printf '%s\n' "$before" >"$config"
	rmdir /srv/data
	list_files >/tmp/after
	diff /tmp/before /tmp/after >&2 || fail "it leaves these behind"
	[[ ! $(find /var/lib/dpkg/info -name "$package.*") ]] ||
		fail "dpkg still knows it"
	ok "removed and purged: nothing is left"
}

# refused TEXT: the module says so, and the export is served.
refused() {
	enable_module
	start_server
	eventually status_says ': not attached: ' ||
		fail "the module does not say that it was refused: $(cat /tmp/status)"
	grep -qF "$1" /tmp/status || fail "not for this reason: $(cat /tmp/status)"
	ok "$(sed 1q /tmp/status)"
	! ganesha-backchannel check >/dev/null || fail "check finds nothing wrong"
	stop_server
}

# rebuild DEB RESULT: a package of Ganesha's with a higher revision, and other bytes
# where the build-id of its library is: what a rebuilt one looks like.
rebuild() {
	rm -rf /tmp/unpacked
	dpkg-deb -R "$1" /tmp/unpacked
	sed -i 's/^Version: .*/&+rebuilt/; s/\<nfs-ganesha (= [^)]*/&+rebuilt/' \
		/tmp/unpacked/DEBIAN/control
	find /tmp/unpacked -name 'libganesha_nfsd.so.*' -type f -exec python3 -c '
import sys
data = bytearray(open(sys.argv[1], "rb").read())
note = data.index(bytes.fromhex("040000001400000003000000474e5500"))
data[note + 16] ^= 1
open(sys.argv[1], "wb").write(data)
' {} \;
	dpkg-deb --root-owner-group -b /tmp/unpacked "$2" >/dev/null
}

# Nothing waits for the package, which is not removed either.
upgrade_ganesha() {
	rebuild "$1" /tmp/rebuilt-ganesha.deb
	rebuild "$2" /tmp/rebuilt-vfs.deb
	apt-get -q -y install /tmp/rebuilt-ganesha.deb /tmp/rebuilt-vfs.deb \
		>/tmp/apt.log 2>&1 ||
		fail "Ganesha cannot be upgraded: $(tail -n 3 /tmp/apt.log)"
	dpkg-query -W -f '${db:Status-Status}' "$package" | grep -qx installed ||
		fail "the upgrade has removed the package"
	expect_attached
	ok "Ganesha upgraded under the server, which runs on:" \
		"$(dpkg-query -W -f '${Version}' nfs-ganesha)"
}

rpcbind
case $1 in
life)
	life "$2" "$3" "$4"
	;;
rebuilt)
	apt-get -q -y install "$2" >/tmp/apt.log 2>&1 || fail "no installation"
	enable_module
	start_server
	expect_attached
	upgrade_ganesha "$3" "$4"
	stop_server
	refused 'not a build that the module was made or tested against'
	;;
other)
	! apt-get -q -s install "$2" >/tmp/apt.log 2>&1 || fail "apt accepts it"
	dpkg-deb -x "$2" /
	dpkg-deb -x "$3" /
	enable_module
	launch_server
	grep -q 'FSAL "BACKCHANNEL" failed to register because of version mismatch' \
		"$log" || fail "Ganesha does not refuse the module"
	! is_exported || fail "another version's module serves an export"
	ok "$(dpkg-deb -f "$2" Version) beside" \
		"$(dpkg-query -W -f '${Version}' nfs-ganesha): refused by apt," \
		"and by Ganesha, which runs on without the export"
	stop_server
	;;
esac
