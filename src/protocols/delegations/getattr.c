/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Answers to CB_GETATTR.
 *
 * Ganesha asks the holder of a write delegation, answers the GETATTR with DELAY,
 * and keeps the holder's answer until somebody fetches it.  If its asker does not
 * come back, the next one gets it, however old.  So who has asked, and when, is
 * remembered for a number of files; of two that share a place, the one that asked
 * first has its holder asked once more.
 *
 * A client that was answered with DELAY asks again after a while, and then after
 * twice as long each time: who has asked for as long as now has passed is still
 * waiting for this answer.
 *
 * Who is held until the answer is there takes it, whoever has asked first, and leaves
 * it to the others that are held; it is nobody's who comes after.
 */
#include "delegations/getattr.h"

#include "ganesha/dialect.h"

#include "backchannel.h"

#include <pthread.h>

#define PLACES 1024 /* a power of two */
#define NEW_FOR 1000 /* ms: good enough for anybody */

static struct getattr_asker {
	const void *obj;
	uint64_t asker;
	uint64_t first, last; /* ms: asked */
	bool kept; /* the answer is for those who were held */
} getattr_askers[PLACES]; /* guarded by getattr_lock */

static pthread_mutex_t getattr_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */

static uint64_t identity(const struct bc_asker *asker)
{
	return asker->clientid ? asker->clientid : (uintptr_t)asker->address;
}

/* Whether an answer that is there is for this asker. */
static bool is_for(const struct getattr_asker *asked, const void *obj,
		   uint64_t asker, uint64_t now)
{
	uint64_t waits = NEW_FOR;

	if (asked->obj != obj || asked->kept)
		return false;
	if (asked->asker == asker)
		waits += 2 * (asked->last - asked->first);
	return now - asked->last <= waits;
}

/* It asks, for the first time or again. */
static void note_asker(struct getattr_asker *asked, const void *obj,
		       uint64_t asker, uint64_t now)
{
	if (asked->obj != obj || asked->asker != asker)
		*asked = (struct getattr_asker){ .obj = obj,
						 .asker = asker,
						 .first = now };
	asked->last = now;
}

/* The first of those who waited has fetched the answer: it is there for the others. */
static bool is_kept(const struct getattr_asker *asked, const void *obj,
		    uint64_t now)
{
	return asked->obj == obj && asked->kept && now - asked->last <= NEW_FOR;
}

/* Who has waited fetches the answer.
 * @return whether it was there
 * Context: getattr_lock; and the file's st_lock.
 */
static bool fetch(cbgetattr_t *answer, struct getattr_asker *asked,
		  const void *obj, uint64_t now)
{
	if (answer->state != CB_GETATTR_RSP_OK)
		return answer->state == CB_GETATTR_NONE &&
		       is_kept(asked, obj, now);
	answer->state = CB_GETATTR_NONE;
	*asked =
		(struct getattr_asker){ .obj = obj, .last = now, .kept = true };
	return true;
}

/* An answer that Ganesha would keep is taken away: the file's attributes are what it
 * says.
 */
static bool take(cbgetattr_t *answer)
{
	if (!BC_KEEPS_GETATTR_ANSWER || answer->state != CB_GETATTR_RSP_OK)
		return false;
	answer->state = CB_GETATTR_NONE;
	return true;
}

static void check(cbgetattr_t *answer, struct getattr_asker *asked,
		  const void *obj, uint64_t asker, uint64_t now)
{
	if (answer->state == CB_GETATTR_RSP_OK &&
	    !is_for(asked, obj, asker, now))
		answer->state = CB_GETATTR_NONE;
	if (answer->state == CB_GETATTR_NONE)
		asked->obj = NULL; /* asked anew */
	if (answer->state != CB_GETATTR_RSP_OK)
		note_asker(asked, obj, asker, now);
}

bool bc_getattr_check_locked(struct fsal_obj_handle *obj,
			     const struct bc_asker *asker, bool has_waited)
{
	cbgetattr_t *answer = &obj->state_hdl->file.cbgetattr;
	struct getattr_asker *asked =
		&getattr_askers[(uintptr_t)obj / 64 % PLACES];
	uint64_t now = bc_now();
	bool fetched;

	pthread_mutex_lock(&getattr_lock);
	fetched = has_waited && fetch(answer, asked, obj, now);
	if (!fetched) {
		check(answer, asked, obj, identity(asker), now);
		fetched = take(answer);
	}
	pthread_mutex_unlock(&getattr_lock);
	return fetched;
}
