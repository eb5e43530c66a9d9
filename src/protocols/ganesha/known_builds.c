/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The builds of Ganesha and ntirpc that the module knows, by their GNU build-ids.
 *
 * A version and a soname say nothing of a build's options and patches, which
 * change structures as well.  A line here means that the tests have been run
 * against that build (README.md says how they ended); what was installed where the
 * module was built counts as well, since its tests run against that.
 */
#include "ganesha/known_builds.h"

#include <stddef.h>
#include <string.h>

static const char *const known_builds[][BC_LIBRARIES] = {
	/* Debian 12, amd64: nfs-ganesha 4.3-2, libntirpc4.3 4.3-2 */
	{ "89c01baea6bbeb05c2d154c9e2cde643103a511a",
	  "718311e30c965befb3345487f8f0396f5108cea6" },
	/* the same, arm64 */
	{ "cd37729e8305a9613a32de47465704d14bfb9ba6",
	  "e957ad1d8ccc7151cbf52b88e3399b32856b93f7" },
	/* Debian 13, amd64: nfs-ganesha 6.5-5, libntirpc6.3 6.3-2 */
	{ "723aa5909af945a2f1b3295a1992a0188bdc94e9",
	  "e6cd2e6a008ad8857afa4f670be7f7d4746e8958" },
	/* the same, arm64 */
	{ "4bbe5e528812e4f9d487c909f300020dd73a07c2",
	  "ea0d0356755c7df57c40c9cb04213c98da1c00f4" },
	/* its backports, amd64: nfs-ganesha 9.14-1~bpo13+1, libntirpc7.2 7.2-2~bpo13+1 */
	{ "1fda04131dc1ec1166ca46efc42ca84889fb30e5",
	  "769c36529f7c50ba42b75a153c46f50845d11263" },
	/* the same, arm64 */
	{ "a7582d49e0fa2b9847a2b9e9144778df9a419fce",
	  "72d9923221ab3dae578c3fd481a031ffb69cd023" },
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
