/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The first session.
 *
 * Until one session was seen to be laid out as we know it, sessions are handled as
 * Ganesha handles them; the first that fits gets its channel afterwards.
 */
#include "operations/first_session.h"

#include "callbacks/channel.h"
#include "ganesha/client_record.h"
#include "ganesha/layout.h"
#include "ganesha/mutex.h"

#include <string.h>

/* The client's new session, or NULL: it is gone already.
 * Context: holds cid_mutex.
 */
static nfs41_session_t *find_created(nfs_client_id_t *client,
				     const CREATE_SESSION4resok *resok)
{
	nfs41_session_t *session = NULL;

	while ((session = bc_client_record_next_session(client, session)))
		if (!memcmp(session->session_id, resok->csr_sessionid,
			    NFS4_SESSIONID_SIZE))
			break;
	return session;
}

/* Verify the new session, and give it a channel of ours.
 * Context: holds the client's table latch and cid_mutex.
 */
static const char *verify_locked(nfs_client_id_t *client,
				 const CREATE_SESSION4resok *resok,
				 struct bc_channel **channel)
{
	const char *misfit = bc_layout_list_misfit(client);
	nfs41_session_t *session;

	if (misfit)
		return misfit;
	session = find_created(client, resok);
	if (!session)
		return NULL;
	misfit = bc_layout_session_misfit(session, client, resok);
	if (!misfit)
		*channel = bc_channel_install(session);
	return misfit;
}

/* @return what does not fit, or NULL */
static const char *verify_session(const compound_data_t *data,
				  clientid4 clientid,
				  const CREATE_SESSION4resok *resok,
				  struct bc_channel **channel)
{
	const char *misfit;
	struct hash_latch latch;
	nfs_client_id_t *client;

	client = bc_client_record_acquire(clientid, &latch);
	if (!client)
		return NULL; /* gone already: the next one shows it */
	/* First: a mutex that is not where it is thought to be is not locked.  This
	 * session has no second chance.
	 */
	misfit = bc_layout_misfit(data, client, clientid);
	if (!misfit && bc_mutex_try_long(&client->cid_mutex)) {
		misfit = verify_locked(client, resok, channel);
		pthread_mutex_unlock(&client->cid_mutex);
	}
	bc_client_record_release(&latch);
	return misfit;
}

struct bc_channel *bc_first_session_verify(const compound_data_t *data,
					   clientid4 clientid,
					   const CREATE_SESSION4resok *resok)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	struct bc_channel *channel = NULL;
	const char *misfit = NULL;

	pthread_mutex_lock(&one_at_a_time);
	if (bc_layout() != BC_LAYOUT_MISFIT)
		misfit = verify_session(data, clientid, resok, &channel);
	/* Once a session fitted, all do: this one is half gone. */
	if (misfit && bc_layout() == BC_LAYOUT_UNKNOWN) {
		bc_layout_refuse(misfit);
	} else if (channel) {
		bc_layout_set(BC_LAYOUT_FITS);
	}
	pthread_mutex_unlock(&one_at_a_time);
	return channel;
}
