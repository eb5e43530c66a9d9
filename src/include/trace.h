/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The points at which one callback can be followed, from its submission to its
 * completion.
 *
 * A point is a USDT probe of provider ganesha_backchannel, for bpftrace (which has six
 * arguments at most), perf and gdb, and a line in the log, where that is detailed enough.
 * A probe is a nop, and a note in the module of where its arguments are; without
 * sys/sdt.h there is none.  A line that is not written costs the question whether it is:
 * its arguments are not evaluated.  What happens to a callback between these points is
 * told by lines alone, BC_TRACE().
 *
 * A callback's lines begin with its id, which no other has as long as the process
 * lives.  doc/tracing.md has the probes with their arguments; tests/trace/check.py
 * holds them against the module.
 */
#ifndef BC_TRACE_H
#define BC_TRACE_H

#include "bc_internal.h"

#ifdef BC_HAVE_SDT
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define BC_PROBE(name, ...) STAP_PROBEV(ganesha_backchannel, name, __VA_ARGS__)
#else
#define BC_PROBE(name, ...) ((void)sizeof((uint64_t[]){ __VA_ARGS__ }))
#endif

/** A line about a callback. Context: any thread, whatever locks are held. */
#define BC_TRACE(call, ...)                                                    \
	do {                                                                   \
		if (bc_core.ops->tracing())                                    \
			bc_trace_call(call, __VA_ARGS__);                      \
	} while (0)

/** A line about a client. Context: the same. */
#define BC_TRACE_CLIENT(clientid, ...)                                         \
	do {                                                                   \
		if (bc_core.ops->tracing())                                    \
			bc_trace_client(clientid, __VA_ARGS__);                \
	} while (0)

/* What these are made of: log.c */
void bc_trace_call(const struct bc_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void bc_trace_client(uint64_t clientid, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Words for lines, trace.c. @return text->s */
struct bc_text {
	char s[128];
};
#define BC_TEXT (&(struct bc_text){ "" })

const char *bc_text_session(struct bc_text *text, const uint8_t *id);
const char *bc_text_operation(struct bc_text *text, const struct bc_call *call);
const char *bc_text_reply(struct bc_text *text, const struct bc_reply *reply);
const char *bc_text_end(struct bc_text *text, const struct bc_call *call);
const char *bc_text_channels(enum bc_channels channels);

/** A callback was submitted, for call->clientid. */
static inline void bc_trace_submit(const struct bc_call *call)
{
	BC_PROBE(submit, call->id, call->clientid, call->opcode);
	BC_TRACE(call, "submitted for client %#lx: %s",
		 (unsigned long)call->clientid,
		 bc_text_operation(BC_TEXT, call));
}

/** A request is sent just now; CB_NULL is no callback. */
static inline void bc_trace_send(const struct bc_request *req, uint32_t xid)
{
	const struct bc_cb_sequence *sequence = &req->sequence;
	const struct bc_call *call = req->call;

	if (!call)
		return;
	BC_PROBE(send, call->id, call->clientid, req->conn->number,
		 sequence->slot, sequence->sequence, req->retry);
	BC_TRACE(
		call,
		"sent%s over connection %lu, session %s slot %u sequence %u, xid %#x",
		req->retry ? " again" : "", (unsigned long)req->conn->number,
		bc_text_session(BC_TEXT, sequence->session), sequence->slot,
		sequence->sequence, xid);
}

/** The reply to a request was judged. @param[in] ns  since it was sent */
static inline void bc_trace_reply(const struct bc_request *req,
				  const struct bc_reply *reply,
				  enum bc_verdict verdict, uint64_t ns)
{
	const struct bc_call *call = req->call;

	BC_PROBE(reply, call->id, call->clientid, req->conn->number, verdict,
		 reply->status, ns);
	BC_TRACE(call,
		 "answered over connection %lu, slot %u sequence %u: %s; %s",
		 (unsigned long)req->conn->number, req->sequence.slot,
		 req->sequence.sequence, bc_text_reply(BC_TEXT, reply),
		 bc_verdict_name(verdict));
}

/** A callback has ended. @param[in] ns  since its submission; 0: it had none */
static inline void bc_trace_complete(const struct bc_call *call, uint64_t ns)
{
	BC_PROBE(complete, call->id, call->clientid, call->opcode,
		 call->outcome, ns);
	BC_TRACE(call, "completed: %s", bc_text_end(BC_TEXT, call));
}

/** A connection is bound to a session, or was. */
static inline void bc_trace_bind(const struct bc_session *session,
				 const struct bc_conn *conn,
				 enum bc_channels channels)
{
	BC_PROBE(bind, session->client->clientid, conn->number, channels);
	BC_TRACE_CLIENT(session->client->clientid,
			"connection %lu is bound to session %s: %s",
			(unsigned long)conn->number,
			bc_text_session(BC_TEXT, session->id),
			bc_text_channels(channels));
}

/** A client has a path, and had none. @param[in] ms  how long; 0: it never had */
static inline void bc_trace_path_up(const struct bc_client *client, uint64_t ms)
{
	BC_PROBE(path_up, client->clientid, ms);
	BC_TRACE_CLIENT(client->clientid, "has a path, after %lu ms without",
			(unsigned long)ms);
}

/** A client has no path any more. @param[in] ends  as its session ends */
static inline void bc_trace_path_down(const struct bc_client *client, bool ends)
{
	BC_PROBE(path_down, client->clientid, ends);
	BC_TRACE_CLIENT(client->clientid, "has no path any more%s",
			ends ? ", its session ends" : "");
}

/** A request waits for a file; @a number is its own as an id is a callback's. */
static inline void bc_trace_held(uint64_t number, uint64_t clientid,
				 const void *file)
{
	BC_PROBE(held, number, clientid, (uintptr_t)file);
	BC_TRACE_CLIENT(clientid, "request %lu waits for file %p",
			(unsigned long)number, file);
}

/** It waits no more. @param[in] in_vain  it is to be tried again */
static inline void bc_trace_went_on(uint64_t number, uint64_t clientid,
				    bool in_vain)
{
	BC_PROBE(went_on, number, clientid, in_vain);
	BC_TRACE_CLIENT(clientid, "request %lu has waited%s",
			(unsigned long)number, in_vain ? " in vain" : "");
}

#endif /* BC_TRACE_H */
