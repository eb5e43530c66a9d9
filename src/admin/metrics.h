/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The model as metrics, in Prometheus' text format 0.0.4.
 */
#ifndef BC_METRICS_H
#define BC_METRICS_H

#include "admin/model.h"

#define BC_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/**
 * Write the model.  Its length does not depend on how many clients there are.
 *
 * @param[out] len
 *
 * @return to be freed; NULL: out of memory
 */
char *bc_metrics_write(const struct bc_model *model, size_t *len);

#endif /* BC_METRICS_H */
