/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One folder in two exports: clients see it as "export" and as "second", which comes
 * and goes by SIGHUP.
 */
#ifndef INTEGRATION_EXPORTS_H
#define INTEGRATION_EXPORTS_H

#include "fixture.h"

/** Start a server with both exports. @param params  borrowed until it ends */
int exports_start(struct fixture *f, const struct server_params *params);

/** Tell the server which exports there are from now on. @return 0, or -1 */
int exports_tell(struct fixture *f, bool second);

/** Wait until it has done what it was told last. @return 0, or -1 */
int exports_wait(struct fixture *f);

/** The two in a row. */
int exports_set(struct fixture *f, bool second);

/** The opener opens file @a name through the first export for writing, and closes. */
int exports_open_writing(struct fixture *f, const char *name);

/**
 * The same, until it is not told to come again, within SOON; then it removes the file.
 * @return the last answer
 */
int exports_become_free(struct fixture *f, const char *name);

#endif
