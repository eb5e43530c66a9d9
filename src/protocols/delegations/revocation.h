/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations that Ganesha revokes.
 */
#ifndef BC_REVOCATION_H
#define BC_REVOCATION_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"

/**
 * Ganesha revokes a delegation: its client is told so from now on.
 *
 * Does nothing for a v4.0 client, while callbacks are Ganesha's own, without
 * Shield_Revoked, and while it is not known how delegations are laid out.
 *
 * @param[in] state  the delegation
 * @param[in] owner  its owner
 *
 * Context: holds the file's st_lock.
 */
void bc_delegation_revoked(const state_t *state, const state_owner_t *owner);

#endif /* BC_REVOCATION_H */
