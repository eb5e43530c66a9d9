/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* What the module says, at its end, has become of all that it was given. */
#ifndef FAULT_TOTALS_H
#define FAULT_TOTALS_H

#include "server.h"

/**
 * Print the totals, and look whether they agree: every callback has completed
 * once, every request that was held has gone on or was held in vain, most have gone
 * on, and at least @a least were held.
 *
 * @return what is wrong, static; NULL: nothing
 *
 * Context: after server_stop().
 */
const char *totals_wrong(struct server *server, unsigned long least);

#endif
