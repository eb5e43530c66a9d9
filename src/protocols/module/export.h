/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Exports whose FSAL is named inside ours.
 */
#ifndef BC_EXPORT_H
#define BC_EXPORT_H

#include "config.h"
#include "fsal.h"
#include "config_parsing.h"

#include "admin/admin.h"

/**
 * The export methods of the module: adopt the export of the inner FSAL.
 *
 * Signatures are those of struct fsal_ops.  @a parse_node is our FSAL block,
 * which must contain that of the inner FSAL.  Arguments are otherwise passed on
 * as they are.  Errors are logged with the export's id and path.
 *
 * Context: one export at a time, op_ctx is set; before the export serves a
 * request (create), or while it does (update).
 */
fsal_status_t bc_export_create(struct fsal_module *fsal_hdl, void *parse_node,
			       struct config_error_type *err_type,
			       const struct fsal_up_vector *up_ops);
fsal_status_t bc_export_update(struct fsal_module *fsal_hdl, void *parse_node,
			       struct config_error_type *err_type,
			       struct fsal_export *original,
			       struct fsal_module *updated_super);

/**
 * Tell of each export of the server but that of Ganesha's own pseudo file system, by
 * rising ids; of none any more once the server ends.
 *
 * Context: any thread, while the module is attached; asks Ganesha for each id that
 * there can be, which takes some milliseconds.
 */
void bc_export_list(void (*each)(void *arg,
				 const struct bc_admin_export *export),
		    void *arg);

#endif /* BC_EXPORT_H */
