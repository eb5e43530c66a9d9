/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The model as metrics, in Prometheus' text format 0.0.4 and in OpenMetrics 1.0.0.
 */
#ifndef BC_METRICS_H
#define BC_METRICS_H

#include "admin/model.h"

enum bc_metrics_format {
	BC_METRICS_TEXT, /* Prometheus' */
	BC_METRICS_OPEN, /* OpenMetrics */
};

/** What a format is called over HTTP. */
#define BC_METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define BC_METRICS_OPEN_NAME "application/openmetrics-text"
#define BC_METRICS_OPEN_TYPE                                                   \
	BC_METRICS_OPEN_NAME "; version=1.0.0; charset=utf-8"

/**
 * Write the model.  Its length does not depend on how many clients there are.
 *
 * @param[out] len
 *
 * @return to be freed; NULL: out of memory
 */
char *bc_metrics_write(const struct bc_model *model,
		       enum bc_metrics_format format, size_t *len);

#endif /* BC_METRICS_H */
