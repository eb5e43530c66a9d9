/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What callbacks are authenticated with: a client's choice.
 */
#ifndef BC_SECURITY_H
#define BC_SECURITY_H

#include "config.h"
#include "nfsv41.h"

struct bc_security;

/** Which of the security flavors that a client offers is taken. */
enum bc_security_order {
	BC_SECURITY_ORDER_CLIENT, /* the first usable one in the client's order */
	BC_SECURITY_ORDER_STRONGEST, /* AUTH_SYS before AUTH_NONE */
};

/**
 * The first usable security flavor of those that a client offers, with its
 * program: what its callbacks will carry.  AUTH_NONE and AUTH_SYS are usable.  RFC 5661, 18.36.3 and 2.10.8.3.
 *
 * @param[in] program
 * @param[in] parms   csa_sec_parms or bca_sec_parms
 * @param[in] count   their number
 * @param[in] order   which comes first
 *
 * @return +1 ref; or NULL: none can be used, or no memory
 */
struct bc_security *bc_security_choose(uint32_t program,
				       const callback_sec_parms4 *parms,
				       uint32_t count,
				       enum bc_security_order order);

#endif /* BC_SECURITY_H */
