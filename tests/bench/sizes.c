/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* The sizes of what the core keeps, in bytes, as JSON. */
#include "bc_internal.h"

#include <stdio.h>

int main(void)
{
	printf("{\"client\": %zu, \"session\": %zu, \"connection\": %zu, "
	       "\"binding\": %zu, \"callback\": %zu, \"request\": %zu}\n",
	       sizeof(struct bc_client), sizeof(struct bc_session),
	       sizeof(struct bc_conn), sizeof(struct bc_binding),
	       sizeof(struct bc_call), sizeof(struct bc_request));
	return 0;
}
