/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The builds of Ganesha and ntirpc that the module knows, by their GNU build-ids.
 *
 * A version and a soname say nothing of a build's options and patches, which
 * change structures as well.  A line here means that all tests have passed
 * against that build; what was installed where the module was built counts as
 * well, since its tests run against that.
 */
#include "ganesha/known_builds.h"

#include <stddef.h>
#include <string.h>

static const char *const known_builds[][BC_LIBRARIES] = {
	/* Debian 12, amd64: nfs-ganesha 4.3-2, libntirpc4.3 4.3-2 */
	{ "89c01baea6bbeb05c2d154c9e2cde643103a511a",
	  "718311e30c965befb3345487f8f0396f5108cea6" },
#ifdef BC_BUILD_GANESHA /* both are from the build system */
	{ BC_BUILD_GANESHA, BC_BUILD_NTIRPC },
#endif
};

bool bc_build_is_known(enum bc_library library, const char *id)
{
	for (size_t i = 0; i < sizeof(known_builds) / sizeof(known_builds[0]);
	     i++)
		if (!strcmp(known_builds[i][library], id))
			return true;
	return false;
}
