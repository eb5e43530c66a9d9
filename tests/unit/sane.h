/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The invariants that the files of src/state state, as checks.
 */
#ifndef SANE_H
#define SANE_H

#include <stdint.h>

struct bc_client;

/** Check a client, its sessions, bindings, slots and callbacks. Locks it. */
void assert_sane_client(struct bc_client *client);

/** Check every client that is in the table. */
void assert_sane_clients(void);

/** Check that clients, sessions and connections are all gone. */
void assert_core_empty(void);

#endif /* SANE_H */
