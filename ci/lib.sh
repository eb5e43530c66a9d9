# SPDX-License-Identifier: LGPL-3.0-or-later
# shellcheck shell=bash
#
# What the commands in ci/ share; sourced by them, from any folder.
#
#   need_packages PACKAGE...   has them installed, or says what to run
#   use_ganesha_source         sets and exports GANESHA_SOURCE_DIR
#   build_preset PRESET DIR [CMAKE OPTION...]
#   build_module [CMAKE OPTION...]   all of the above; leaves the path in $module
#   run_tests DIR LABEL...     those of a build
#
# Messages go to stderr, so that a command's stdout is its own.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
build=$top/build
# shellcheck disable=SC2034 # used by the commands
module=$build/plugins/libfsalbackchannel.so

build_packages=(
	gcc make cmake pkg-config libc6-dev
	libntirpc-dev liburcu-dev libkrb5-dev libmicrohttpd-dev libjansson-dev
	libdbus-1-dev
	libcmocka-dev python3 systemtap-sdt-dev)
[[ ${GANESHA_SOURCE_DIR:-} ]] || build_packages+=(nfs-ganesha)
server_packages=(nfs-ganesha nfs-ganesha-vfs)
# shellcheck disable=SC2034
lab_packages=(nfs-common user-mode-linux iproute2 nftables ethtool kmod tshark)
# shellcheck disable=SC2034
kerberos_packages=(krb5-kdc krb5-admin-server krb5-user)
# shellcheck disable=SC2034
cluster_packages=(
	ceph-mon ceph-osd ceph-mds ceph-common nfs-ganesha-ceph
	nfs-ganesha-rados-grace iproute2)
# The labs: folders of tests/, and what each needs beside a server.
# shellcheck disable=SC2034
declare -A labs=(
	[linux]="${lab_packages[*]}"
	[krb5]="${lab_packages[*]} ${kerberos_packages[*]}"
	[cluster]="${cluster_packages[*]}"
	[scale]="python3 gnuplot-nox")
# shellcheck disable=SC2034
test_packages=(
	"${server_packages[@]}" "${lab_packages[@]}" "${kerberos_packages[@]}"
	"${cluster_packages[@]}"
	valgrind python3 python3-yaml prometheus clang-format gdb dbus-daemon dbus-bin)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# Prints those of the packages that are not installed.
missing_packages() {
	local package
	for package; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" \
			2>/dev/null | grep -qx installed || echo "$package"
	done
}

# While held, the packages that are installed do not start their services.
policy=/usr/sbin/policy-rc.d
hold_services() {
	[[ ! -e $policy || -e $policy.backchannel ]] ||
		mv "$policy" "$policy.backchannel"
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}
release_services() {
	rm -f "$policy"
	[[ ! -e $policy.backchannel ]] || mv "$policy.backchannel" "$policy"
}

# Does not let a package that came for the tests start its services at boot.
disable_services() {
	local units
	units=$(dpkg -L "$1" | sed -nE \
		's,^/lib/systemd/system/([^/]+\.(service|socket))$,\1,p')
	# shellcheck disable=SC2086 # one word a unit
	systemctl --quiet disable $units
}

# A failed update need not matter: it may be an entry that we do not use.
install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update || true
	apt-get -q -y -o DPkg::Lock::Timeout=300 install \
		--no-install-recommends "$@"
}

need_packages() (
	mapfile -t missing < <(missing_packages "$@")
	[[ ${#missing[@]} -gt 0 ]] || return 0
	[[ $EUID -eq 0 ]] || die "not installed: ${missing[*]}
Run this command as root, or: apt-get install ${missing[*]}"

	say "installing ${missing[*]}"
	mapfile -t servers < <(missing_packages \
		nfs-ganesha rpcbind prometheus ceph-base ceph-mds \
		krb5-kdc krb5-admin-server)
	log=$cache/install.log
	mkdir -p "$cache"
	trap release_services EXIT
	hold_services
	install_packages "${missing[@]}" >"$log" 2>&1 || {
		grep '^[EW]: ' "$log" >&2 || true
		die "cannot install ${missing[*]}; the whole story is in $log"
	}
	[[ -x /usr/bin/systemctl ]] || return 0
	for package in "${servers[@]}"; do
		[[ $(missing_packages "$package") ]] ||
			disable_services "$package"
	done >>"$log" 2>&1
)

# Prints the machine's apt entries, turned to ask for sources, into a folder.
write_source_entries() {
	local file etc=/etc/apt
	for file in "$etc"/sources.list "$etc"/sources.list.d/*; do
		[[ -f $file ]] || continue
		case $file in
		*.sources)
			sed -E 's/^Types:.*/Types: deb-src/I' "$file"
			;;
		*.list)
			sed -nE 's/^[ \t]*deb(-src)?([ \t])/deb-src\2/p' "$file"
			;;
		*)
			continue
			;;
		esac >"$1/$(basename "$file")"
	done
}

# Fetches the upstream tarball of a Ganesha package into a folder, without a
# change to the machine's own apt: entries and lists are private. Entries that are in
# the folder's sources.list are taken instead of the machine's.
fetch_tarball() {
	local version=$1 dir=$2 apt
	mkdir -p "$dir/sources.list.d" "$dir/lists"
	if [[ ! -e $dir/sources.list ]]; then
		: >"$dir/sources.list"
		write_source_entries "$dir/sources.list.d"
	fi
	cat >"$dir/apt.conf" <<-CONF
		Dir::Etc::sourcelist "$dir/sources.list";
		Dir::Etc::sourceparts "$dir/sources.list.d";
		Dir::State::lists "$dir/lists";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		APT::Sandbox::User "root";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	CONF
	apt=(apt-get -q -c "$dir/apt.conf")

	# Entries of others may have no sources: the package's decides.
	"${apt[@]}" update >"$dir/log" 2>&1 || true
	(cd "$dir" && "${apt[@]}" source --tar-only \
		"nfs-ganesha=$version") >>"$dir/log" 2>&1 || {
		cat "$dir/log" >&2
		die "cannot fetch the source of nfs-ganesha $version;" \
			"GANESHA_SOURCE_DIR can name an unpacked tree instead"
	}
}

# Prints the version that a Ganesha source tree gives itself.
ganesha_tree_version() {
	sed -nE 's/^set\(GANESHA_M(AJOR|INOR)_VERSION ([.0-9]+)\).*/\2/p' \
		"$1/src/CMakeLists.txt" | tr -d '\n'
}

# Ganesha's headers are in no package. Unless GANESHA_SOURCE_DIR names a tree,
# they come from the source package of the Ganesha that is installed.
use_ganesha_source() {
	local version upstream tree
	if [[ ${GANESHA_SOURCE_DIR:-} ]]; then
		GANESHA_SOURCE_DIR=$(realpath "$GANESHA_SOURCE_DIR")
		export GANESHA_SOURCE_DIR
		return
	fi
	need_packages nfs-ganesha
	version=$(dpkg-query -W -f '${source:Version}' nfs-ganesha)
	upstream=${version#*:}
	upstream=${upstream%-*}
	tree=$cache/nfs-ganesha-$version
	if [[ ! -d $tree ]]; then
		say "fetching the source of nfs-ganesha $version"
		mkdir -p "$cache"
		unpack_ganesha "$version" "$upstream" "$tree"
	fi
	export GANESHA_SOURCE_DIR=$tree
}

# unpack_ganesha VERSION UPSTREAM TREE [ENTRY...]: apt's, instead of the machine's.
unpack_ganesha() (
	version=$1 upstream=$2 tree=$3
	shift 3
	dir=$(mktemp -d "$cache/fetch.XXXXXX") || die "cannot write to $cache"
	trap 'rm -rf "$dir"' EXIT
	[[ $# -eq 0 ]] || printf '%s\n' "$@" >"$dir/sources.list"
	fetch_tarball "$version" "$dir"
	mkdir "$dir/tree"
	tar -xf "$dir"/nfs-ganesha_*.orig.tar.* -C "$dir/tree" \
		--strip-components=1
	found=$(ganesha_tree_version "$dir/tree")
	[[ $found == "$upstream" ]] ||
		die "fetched Ganesha '$found' where $upstream was asked for"
	mv -T "$dir/tree" "$tree"
)

# Configures and builds one of CMakePresets.json.
build_preset() {
	local preset=$1 dir=$2
	shift 2
	[[ ! -e $dir || -w $dir ]] ||
		die "$dir is not yours to write to; remove it, or run as root"
	say "building $preset in ${dir#"$top"/}"
	(cd "$top" && cmake --preset "$preset" -B "$dir" "$@" >&2)
	cmake --build "$dir" --parallel "$(nproc)" >&2
}

build_module() {
	need_packages "${build_packages[@]}"
	use_ganesha_source
	build_preset release "$build" "$@"
	[[ -f $module ]] || die "the build made no $module"
}

# Runs the tests of a build with those labels, or all; having none is a failure.
# Says why a test was skipped, which ctest does not. ${runner[@]} comes before it.
runner=()
run_tests() {
	local dir=$1 pattern status=0
	shift
	pattern=$(IFS='|' && echo "$*")
	say "testing ${dir#"$top"/}"
	"${runner[@]}" ctest --test-dir "$dir" --output-on-failure \
		--parallel 4 --no-tests=error --timeout 600 ${pattern:+-L "^($pattern)$"} || status=1
	grep '^SKIPPED: ' "$dir/Testing/Temporary/LastTest.log" || true
	return $status
}
