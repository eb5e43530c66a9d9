/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Callbacks, requests, security: their memory.
 *
 * Purpose: make, count and free what the sender moves about.
 * Data: struct bc_call, a callback with its operation encoded, independent of
 *   the server that submitted it; struct bc_request, one sending of it; struct
 *   bc_security, the program and credential that requests carry.
 * Locking: none; reference counts are atomic.
 * Lifetime: see "who holds a reference" in bc_internal.h.  The last put of a
 *   request may come under its client's lock.
 * Invariant: a request keeps everything alive that a reply to it may need.
 */
#include "bc_internal.h"

#include <stdlib.h>
#include <string.h>

/* Ids are taken in blocks, so that threads do not share a line of the cache for
 * each callback.  The count is never begun anew, as a thread keeps its block.
 */
#define ID_BLOCK 256

static uint64_t new_id(void)
{
	static uint64_t taken; /* [A] */
	static __thread uint64_t last, end;

	if (last == end) {
		end = uatomic_add_return(&taken, ID_BLOCK);
		last = end - ID_BLOCK;
	}
	return ++last;
}

struct bc_call *bc_call_new(uint32_t opcode, uint32_t minorversion,
			    const void *args, size_t args_len, void *cookie)
{
	struct bc_call *call = malloc(sizeof(*call) + args_len);

	if (!call)
		return NULL;
	*call = (struct bc_call){ .id = new_id(),
				  .state = BC_CALL_NEW,
				  .opcode = opcode,
				  .minorversion = minorversion,
				  .cookie = cookie,
				  .args_len = args_len };
	urcu_ref_init(&call->ref);
	memcpy(call->args, args, args_len);
	return call;
}

void bc_call_set_referring(struct bc_call *call, size_t len)
{
	call->referring_len = len;
}

void bc_call_set_patience(struct bc_call *call, uint64_t ms)
{
	call->patience = ms;
}

void bc_call_set_limit(struct bc_call *call, uint64_t ms)
{
	call->limit = ms;
}

void bc_call_set_file(struct bc_call *call, const void *file)
{
	call->file = file;
}

const void *bc_call_file(const struct bc_call *call)
{
	return call->file;
}

void bc_call_set_export(struct bc_call *call, void *export)
{
	call->export = export;
}

void *bc_call_export(const struct bc_call *call)
{
	return call->export;
}

static void call_release(struct urcu_ref *ref)
{
	struct bc_call *call = caa_container_of(ref, struct bc_call, ref);

	if (call->client)
		bc_client_put(call->client);
	free(call);
}

void bc_call_put(struct bc_call *call)
{
	urcu_ref_put(&call->ref, call_release);
}

void *bc_call_cookie(const struct bc_call *call)
{
	return call->cookie;
}

uint32_t bc_call_opcode(const struct bc_call *call)
{
	return call->opcode;
}

void bc_reply_arrived(struct bc_request *req, struct bc_reply *reply)
{
	req->replied(req, reply);
}

bool bc_request_get_rcu(struct bc_request *req)
{
	return urcu_ref_get_unless_zero(&req->ref);
}

static void request_release(struct urcu_ref *ref)
{
	struct bc_request *req = caa_container_of(ref, struct bc_request, ref);
	struct bc_session *session = req->session;
	struct bc_conn *conn = req->conn;
	struct bc_security *security = req->security;
	struct bc_call *call = req->call;

	bc_core.ops->request_free(req);
	if (call)
		bc_call_put(call);
	bc_security_put(security);
	bc_conn_put(conn);
	if (session)
		bc_session_put(session);
}

void bc_request_put(struct bc_request *req)
{
	urcu_ref_put(&req->ref, request_release);
}

struct bc_security *bc_security_new(uint32_t program, const void *cred,
				    size_t size)
{
	struct bc_security *security = malloc(sizeof(*security) + size);

	if (!security)
		return NULL;
	urcu_ref_init(&security->ref);
	security->program = program;
	security->cred_size = (uint32_t)size;
	memcpy(security->cred, cred, size);
	return security;
}

/* An RPC call's header: xid, CALL, 2, program, version, procedure; 5531, 9. */
#define RPC_CALL_HEADER 24

/* "The XDR encoded size of the request, including the RPC headers (including
 * security flavor credentials and verifiers)" 18.36.3
 */
bool bc_security_fits(const struct bc_security *security,
		      uint32_t max_request_size, size_t args_len)
{
	return RPC_CALL_HEADER + security->cred_size +
		       bc_cb_compound_size(args_len) <=
	       max_request_size;
}

static void security_release(struct urcu_ref *ref)
{
	free(caa_container_of(ref, struct bc_security, ref));
}

void bc_security_put(struct bc_security *security)
{
	urcu_ref_put(&security->ref, security_release);
}
