/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The builds of Ganesha and ntirpc that are loaded, by their build-ids.
 */
#include "module/build.h"

#include "ganesha/configuration.h"
#include "ganesha/known_builds.h"
#include "ganesha/refusal.h"
#include "module/image.h"

#include "config.h"
#include "fsal.h"
#include "gsh_rpc.h"

#include <errno.h>
#include <string.h>

/** A library that is loaded. */
struct build {
	struct bc_image image;
	char id[BC_BUILD_ID_HEX]; /* "none": it has none */
};

/** An address inside of each. [K] */
static const void *const build_address[BC_LIBRARIES] = {
	[BC_LIBRARY_GANESHA] = (const void *)register_fsal,
	[BC_LIBRARY_NTIRPC] = (const void *)svc_sendreply,
};

static void build_read(enum bc_library library, struct build *build)
{
	if (bc_image_find(build_address[library], &build->image))
		strcpy(build->image.path, "a library that is not found");
	else if (!bc_image_build_id(&build->image, build->id))
		return;
	strcpy(build->id, "none");
}

/* Whether a list of words, separated by spaces or commas, has this one. */
static bool list_contains(const char *list, const char *word)
{
	static const char separators[] = " \t,";
	size_t len;

	for (; list && *list; list += len) {
		list += strspn(list, separators);
		len = strcspn(list, separators);
		if (len == strlen(word) && !strncasecmp(list, word, len))
			return true;
	}
	return false;
}

static bool build_is_accepted(enum bc_library library,
			      const struct build *build)
{
	if (bc_build_is_known(library, build->id))
		return true;
	if (!list_contains(bc_module_config.accept_build_id, build->id))
		return false;
	LogWarn(COMPONENT_NFS_CB,
		"%s is of an unknown build, which the configuration accepts: %s",
		build->image.path, build->id);
	return true;
}

int bc_build_check(void)
{
	struct build builds[BC_LIBRARIES];
	const struct build *ganesha = &builds[BC_LIBRARY_GANESHA];
	const struct build *ntirpc = &builds[BC_LIBRARY_NTIRPC];
	bool accepted = true;

	for (int i = 0; i < BC_LIBRARIES; i++) {
		build_read((enum bc_library)i, &builds[i]);
		accepted &= build_is_accepted((enum bc_library)i, &builds[i]);
	}
	if (accepted)
		return 0;
	bc_refuse(
		"not a build that the module was made or tested against: %s with build-id %s, %s with build-id %s. If their source and build options are those that the module was built for, accept them: BACKCHANNEL { Accept_Build_Id = \"%s %s\"; }",
		ganesha->image.path, ganesha->id, ntirpc->image.path,
		ntirpc->id, ganesha->id, ntirpc->id);
	return -ENOTSUP;
}
