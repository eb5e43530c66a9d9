/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client that has restarted: what its former instance leaves behind.
 */
#ifndef BC_FORMER_INSTANCE_H
#define BC_FORMER_INSTANCE_H

#include "config.h"
#include "nfsv41.h"

/**
 * A client may be restarting: let its former instance's delegations be revoked
 * at once, whatever recalls of them are under way.
 *
 * @param[in] successor  the client id that CREATE_SESSION is about to confirm
 *
 * @return the former instance's client id; 0: there is none with recalls, or
 *         Shield_Restart is off
 *
 * Context: CREATE_SESSION's handler, before the original.
 */
clientid4 bc_former_instance_prepare(clientid4 successor);

#endif /* BC_FORMER_INSTANCE_H */
