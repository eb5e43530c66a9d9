/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The layout of Ganesha's structures, as the first session shows it.
 *
 * What is read here is compared with what the client sent and was answered:
 * where a structure is laid out otherwise, some of it differs.
 */
#include "ganesha/layout.h"

#include <string.h>
#include <urcu/uatomic.h>

static enum bc_layout layout_known; /* [A] */
static void (*layout_misfit_function)(void); /* [K] */

enum bc_layout bc_layout(void)
{
	return uatomic_read(&layout_known);
}

void bc_layout_set(enum bc_layout layout)
{
	uatomic_set(&layout_known, layout);
}

void bc_layout_on_misfit(void (*function)(void))
{
	layout_misfit_function = function;
}

void bc_layout_refuse(const char *misfit)
{
	bc_layout_set(BC_LAYOUT_MISFIT);
	LogCrit(COMPONENT_NFS_CB,
		"detached: this Ganesha lays out its structures otherwise: the %s does not fit",
		misfit);
	layout_misfit_function();
}

const char *bc_layout_session_misfit(const nfs41_session_t *session,
				     const nfs_client_id_t *client,
				     const CREATE_SESSION4resok *resok)
{
	if (session->clientid != client->cid_clientid)
		return "session's clientid";
	if (session->clientid_record != client)
		return "session's client record";
	if (session->back_channel_attrs.ca_maxrequests !=
		    resok->csr_back_chan_attrs.ca_maxrequests ||
	    session->back_channel_attrs.ca_maxrequestsize !=
		    resok->csr_back_chan_attrs.ca_maxrequestsize)
		return "session's back channel attributes";
	if (session->nb_slots != resok->csr_fore_chan_attrs.ca_maxrequests)
		return "session's number of slots";
	if (!session->cb_chan.clnt != !(session->flags & session_bc_up))
		return "session's back channel";
	return NULL;
}

const char *bc_layout_misfit(const compound_data_t *data,
			     const nfs_client_id_t *client, clientid4 clientid)
{
	if (data->opcode != NFS4_OP_CREATE_SESSION || !data->req ||
	    !data->req->rq_xprt)
		return "compound's data";
	if (client->cid_clientid != clientid)
		return "client record's id";
	return NULL;
}

const char *bc_layout_list_misfit(const nfs_client_id_t *client)
{
	const struct glist_head *list = &client->cid_cb.v41.cb_session_list;

	if (!list->next || list->next->prev != list)
		return "client record's list of sessions";
	return NULL;
}
