/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "ganesha/refusal.h"

#include "config.h"
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static char refusal[1024]; /* [K] after the module's start */

void bc_refuse(const char *format, ...)
{
	char why[sizeof(refusal)];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	LogCrit(COMPONENT_NFS_CB, "not attached: %s", why);
	if (!refusal[0])
		snprintf(refusal, sizeof(refusal), "%s", why);
}

const char *bc_refusal(void)
{
	return refusal;
}
