/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The stateids in operations' arguments: where they are, and which of the special
 * ones.  RFC 5661, 8.2.3.
 *
 * Context: any; lock-free.
 */
#ifndef BC_ARGUMENTS_H
#define BC_ARGUMENTS_H

#include "config.h"
#include "sal_data.h"

#include <stdbool.h>

/**
 * The stateid that an operation names, which must be its client's.
 *
 * @return borrowed from @a op; or NULL: it names none
 */
stateid4 *bc_stateid_used(struct nfs_argop4 *op);

/**
 * The delegation's that an OPEN claims: CLAIM_DELEGATE_CUR, CLAIM_DELEG_CUR_FH, 18.16.3.
 *
 * @return borrowed from @a args; or NULL: it claims none
 */
stateid4 *bc_stateid_claimed(OPEN4args *args);

/** Is it a stateid proper, and neither special nor the current one? */
bool bc_stateid_is_named(const stateid4 *stateid);

/** Does it stand for no open and no delegation: the anonymous one, or READ's bypass? */
bool bc_stateid_is_anonymous(const stateid4 *stateid);

/** Does it stand for the COMPOUND's current stateid?  16.2.3.1.2 */
bool bc_stateid_is_current(const stateid4 *stateid);

#endif /* BC_ARGUMENTS_H */
