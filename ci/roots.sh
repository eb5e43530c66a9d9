# SPDX-License-Identifier: LGPL-3.0-or-later
# shellcheck shell=bash
#
# Roots of the Debian releases that package a Ganesha; sourced by the commands in
# ci/ that build or test in them, after ci/lib.sh.
#
#   need_roots VERSION...          what they are made with; names what is unknown
#   bootstrap VERSION ROOT         the release in a folder, and nothing more
#   make_root VERSION              with what a build and its tests need
#   add_packages VERSION PACKAGE...       into that, if they are not there
#   apt_install VERSION ROOT PACKAGE...   into a root, which may be an old one
#   root_of VERSION                where that is
#   make_bare VERSION              the release with nothing in it, to be copied
#   bare_of VERSION                where that is
#   find_source VERSION            its Ganesha's source, as /source in it
#   in_root ROOT COMMAND...        with the machine's network, for apt
#   enter ROOT COMMAND...          with mounts, processes and a network of its own
#
# Roots stay in .cache/reach, bare ones in .cache/fresh. GANESHA_SOURCE_DIR_5_9=FOLDER (likewise for others)
# names an unpacked tree where the mirror has no source of that version.

reach=$cache/reach
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Where a version is packaged: release, and what is added to it.
declare -A release=([4.3]=bookworm [5.9]=bookworm [6.5]=trixie [9.14]=trixie)
declare -A addition=([5.9]=bookworm-backports [9.14]=trixie-backports)
known=(4.3 5.9 6.5 9.14)

root_of() { echo "$reach/$1/root"; }
bare_of() { echo "$cache/fresh/$1"; }

# The machine's mirror of Debian: where its own release comes from.
mirror() {
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt's, not the shell's
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
		'Created-By: Packages' | awk -v name="$codename" \
		'$1 == name { print $2; exit }'
}

# All of what it has of its own ends with the command. The tree is /tree. A Ganesha
# looks for an address beside the loopback's.
enter() {
	local root=$1
	shift
	# shellcheck disable=SC2016
	unshare --mount --net --pid --fork --kill-child \
		--propagation private bash -euc '
		root=$1 top=$2
		shift 2
		mount --bind "$root" "$root"
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount --rbind /sys "$root/sys"
		mount -t tmpfs tmpfs "$root/run"
		mkdir -p "$root/tree"
		mount --bind "$top" "$root/tree"
		ip link set lo up
		ip link add outer type veth peer name inner
		ip address add 192.0.2.1/24 dev outer
		ip link set inner up
		ip link set outer up
		exec chroot "$root" env -i HOME=/root LC_ALL=C \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
		enter "$root" "$top" "$@"
}

in_root() {
	local root=$1
	shift
	chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

write_apt_sources() {
	local root=$2 suite option
	for suite in "${release[$1]}" ${addition[$1]:-}; do
		printf 'deb %s %s main\ndeb-src %s %s main\n' \
			"$uri" "$suite" "$uri" "$suite"
	done >"$root/etc/apt/sources.list"
	# Proxies and the like, as the machine has them.
	for option in http https Retries Check-Valid-Until Check-Date; do
		apt-config dump --format '%f "%v";%n' "Acquire::$option"
	done >"$root/etc/apt/apt.conf.d/00machine"
	echo 'APT::Sandbox::User "root";' >"$root/etc/apt/apt.conf.d/01reach"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	ln -sfn /proc/self/mounts "$root/etc/mtab"
}

# A service that a package brings is not started.
bootstrap() {
	debootstrap --variant=minbase --keyring="$keyring" \
		"${release[$1]}" "$2" "$uri" &&
		write_apt_sources "$1" "$2" &&
		in_root "$2" apt-get -q update
}

# It is there when it is complete.
make_bare() {
	local dir
	dir=$(bare_of "$1")
	[[ ! -d $dir ]] || return 0
	rm -rf --one-file-system "$dir.new"
	mkdir -p "${dir%/*}"
	bootstrap "$1" "$dir.new" && mv "$dir.new" "$dir"
}

apt_install() {
	local version=$1 root=$2
	shift 2
	in_root "$root" apt-get -q update &&
		in_root "$root" apt-get -q -y install --no-install-recommends \
		${addition[$version]:+-t "${addition[$version]}"} "$@"
}

# missing_in ROOT PACKAGE...: those that it does not have, one a line.
missing_in() {
	local root=$1 package
	shift
	for package; do
		in_root "$root" dpkg-query -W -f '${db:Status-Status}\n' \
			"$package" 2>/dev/null | grep -qx installed ||
			echo "$package"
	done
}

# add_packages VERSION PACKAGE...: those that its root has not got yet.
add_packages() {
	local version=$1 root missing
	root=$(root_of "$1")
	shift
	mapfile -t missing < <(missing_in "$root" "$@")
	[[ ${#missing[@]} -gt 0 ]] || return 0
	say "$version: installing ${missing[*]}"
	apt_install "$version" "$root" "${missing[@]}" \
		>"$reach/$version/log" 2>&1 || {
		tail -n 5 "$reach/$version/log" >&2
		return 1
	}
}

# A root is made when its stamp is there; it gets what it has not got yet.
make_root() {
	local version=$1 dir=$reach/$1
	if [[ ! -e $dir/complete ]]; then
		say "making a root for $version: ${release[$version]}" \
			"${addition[$version]:-}"
		rm -rf --one-file-system "$dir"
		mkdir -p "$dir"
		bootstrap "$version" "$dir/root" >"$dir/log" 2>&1 || {
			tail -n 5 "$dir/log" >&2
			return 1
		}
		touch "$dir/complete"
	fi
	add_packages "$version" "${build_packages[@]}" "${server_packages[@]}"
}

# The source of the Ganesha in the root, or the tree that is named.
find_source() {
	local version=$1 root package named source
	root=$(root_of "$version")
	source=$root/source
	named=GANESHA_SOURCE_DIR_${version//./_}
	if [[ ${!named:-} ]]; then
		rm -rf --one-file-system "$source"
		cp -a "${!named}" "$source"
	fi
	[[ ! -d $source ]] || return 0
	package=$(in_root "$root" dpkg-query -W \
		-f '${source:Version}' nfs-ganesha)
	# shellcheck disable=SC2016
	in_root "$root" sh -ec 'rm -rf /fetch; mkdir /fetch; cd /fetch
		apt-get -q source --tar-only "nfs-ganesha=$1" >log 2>&1
		mkdir tree
		tar -xf nfs-ganesha_*.orig.tar.* -C tree --strip-components=1
		mv tree /source; rm -rf /fetch' sh "$package" || {
		say "the mirror has no source of nfs-ganesha $package;" \
			"$named can name an unpacked tree"
		return 1
	}
}

need_roots() {
	local version
	[[ $EUID -eq 0 ]] || die "chroot needs root: run this command as root"
	for version; do
		[[ ${release[$version]:-} ]] ||
			die "no Ganesha $version is known; known are: ${known[*]}"
	done
	need_packages debootstrap debian-archive-keyring iproute2
	uri=$(mirror)
	[[ $uri ]] || die "apt has no source of this Debian release"
}
