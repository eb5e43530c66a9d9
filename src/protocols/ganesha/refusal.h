/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Why the module is not attached, for the log and for who asks later.
 */
#ifndef BC_REFUSAL_H
#define BC_REFUSAL_H

/**
 * The module is not attached: write why to the log, and remember it.
 *
 * Context: the module's start; one thread at a time.
 */
void bc_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The first reason that was given, or "". Context: after the module's start. */
const char *bc_refusal(void);

#endif /* BC_REFUSAL_H */
