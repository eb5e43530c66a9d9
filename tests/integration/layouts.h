/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Layouts, and callbacks at will: those of the FSAL in fsal_layouts.c. */
#ifndef INTEGRATION_LAYOUTS_H
#define INTEGRATION_LAYOUTS_H

#include "fixture.h"

#define LAYOUT_SLOT 5 /* of the fore channel, for LAYOUTGET alone */
#define LAYOUT_FILES 1 /* LAYOUT4_NFSV4_1_FILES */
#define RETURN_FILE 1 /* LAYOUTRECALL4_FILE, LAYOUTRETURN4_FILE */
#define IOMODE_RW 2
#define IOMODE_ANY 3

struct layout {
	struct nfs_file file;
	struct nfs_stateid stateid;
	uint32_t sequence; /* of the LAYOUTGET in LAYOUT_SLOT */
};

/** Start a server with that FSAL; @a params are those beside it. */
int layouts_start(struct fixture *fixture, const struct server_params *params);

/** Tell the plugin something. @return Ganesha's status, 0: done */
int layouts_tell(const char *command);

/** The holder opens a new file, and gets a layout of it. */
void layout_get(struct fixture *f, const char *name, struct layout *layout);

/** It returns the layout as recalled, and closes the file. */
void layout_return(struct fixture *f, const struct layout *layout,
		   const struct nfs_stateid *stateid);

#endif
