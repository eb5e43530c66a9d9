/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Answers to CB_GETATTR.
 *
 * Ganesha asks the holder of a write delegation, answers the GETATTR with DELAY,
 * and keeps the holder's answer until somebody fetches it.  If its asker does not
 * come back, the next one gets it, however old.  So who has asked, and when, is
 * remembered for a number of files; of two that share a place, the one that asked
 * first has its holder asked once more.
 */
#include "delegations/getattr.h"

#include "backchannel.h"

#include <pthread.h>

#define PLACES 1024 /* a power of two */
#define NEW_FOR 1000 /* ms: good enough for anybody */

static struct {
	const void *obj;
	uint64_t asker;
	uint64_t asked; /* ms */
} getattr_askers[PLACES]; /* guarded by getattr_lock */

static pthread_mutex_t getattr_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */

static uint64_t identity(const struct bc_asker *asker)
{
	return asker->clientid ? asker->clientid : (uintptr_t)asker->address;
}

/* Whether an answer that is there now is good for this asker; who asks next is
 * remembered.
 */
static bool may_have(const void *obj, uint64_t asker, uint64_t now, bool asks)
{
	size_t place = (uintptr_t)obj / 64 % PLACES;
	bool good;

	pthread_mutex_lock(&getattr_lock);
	good = getattr_askers[place].obj == obj &&
	       (getattr_askers[place].asker == asker ||
		now - getattr_askers[place].asked <= NEW_FOR);
	if (asks || !good) {
		getattr_askers[place].obj = obj;
		getattr_askers[place].asker = asker;
		getattr_askers[place].asked = now;
	}
	pthread_mutex_unlock(&getattr_lock);
	return good;
}

void bc_getattr_check_locked(struct fsal_obj_handle *obj,
			     const struct bc_asker *asker)
{
	cbgetattr_t *answer = &obj->state_hdl->file.cbgetattr;

	if (answer->state == CB_GETATTR_NONE)
		may_have(obj, identity(asker), bc_now(), true);
	else if (answer->state == CB_GETATTR_RSP_OK &&
		 !may_have(obj, identity(asker), bc_now(), false))
		answer->state = CB_GETATTR_NONE;
}
