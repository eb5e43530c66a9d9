/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "totals.h"

#include <stddef.h>

const char *totals_wrong(struct server *server, unsigned long least)
{
	struct server_held held = { 0 };

	server_print_log(server, "tables at the end: ");
	server_print_log(server, " submitted, ");
	server_print_log(server, "conflicting requests: ");
	if (!server_log_count(server, " submitted, ") ||
	    !server_held(server, &held))
		return "the module has not logged its totals";
	if (!server_callbacks_agree(server))
		return "not every callback has completed once";
	if (held.held != held.went_on + held.in_vain)
		return "not every held request has ended once";
	if (held.in_vain > held.went_on)
		return "most held requests were held in vain";
	if (held.held < least)
		return "too few requests were held";
	return NULL;
}
