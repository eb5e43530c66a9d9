/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The times of a file whose delegation has them.
 *
 * A server that grants such delegations "MUST query the client via a CB_GETATTR" for
 * time_deleg_access and time_deleg_modify, RFC 9754.  Ganesha asks for the size and
 * the change attribute alone, and when these have changed it takes five seconds from
 * now for the time of the modification.
 */
#include "callbacks/delegated_times.h"

#include "callbacks/recalled.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include "export_mgr.h"
#include "fsal_up.h"
#include "sal_functions.h"

#include <pthread.h>
#include <time.h>

/* In the third word of a bitmap. */
#define WORD (BC_TIME_DELEG_ACCESS / 32)
#define ACCESS (1u << BC_TIME_DELEG_ACCESS % 32)
#define MODIFY (1u << BC_TIME_DELEG_MODIFY % 32)

_Static_assert(BC_TIME_DELEG_MODIFY / 32 == WORD && WORD < BITMAP4_MAPLEN,
	       "a bitmap has room for both");

/* Those whose answer may be there without the times. */
static struct glist_head all_coming = GLIST_HEAD_INIT(all_coming);
static pthread_mutex_t coming_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */

/* Ganesha takes the file's st_lock after this, and so does who looks. */
void bc_times_begin(struct bc_times_coming *coming,
		    const struct fsal_obj_handle *obj)
{
	coming->obj = obj;
	pthread_mutex_lock(&coming_lock);
	glist_add(&all_coming, &coming->others);
	pthread_mutex_unlock(&coming_lock);
}

void bc_times_end(struct bc_times_coming *coming)
{
	pthread_mutex_lock(&coming_lock);
	glist_del(&coming->others);
	pthread_mutex_unlock(&coming_lock);
}

bool bc_times_are_coming(const struct fsal_obj_handle *obj)
{
	struct glist_head *glist;
	bool found = false;

	pthread_mutex_lock(&coming_lock);
	glist_for_each(glist, &all_coming)
		found = found ||
			glist_entry(glist, struct bc_times_coming, others)
					->obj == obj;
	pthread_mutex_unlock(&coming_lock);
	return found;
}

static bool has_times(const struct fsal_obj_handle *obj, clientid4 holder)
{
	const state_t *asked = bc_asked_delegation(obj, holder);

	return asked && bc_type_has_times(asked->state_data.deleg.sd_type);
}

void bc_times_ask(CB_GETATTR4args *args, const struct fsal_obj_handle *obj,
		  clientid4 holder)
{
	bitmap4 *mask = &args->attr_request;

	if (!BC_DELEGATES_TIMES || !obj ||
	    bc_layout_of_delegations() != BC_LAYOUT_FITS ||
	    !has_times(obj, holder))
		return;
	while (mask->bitmap4_len <= WORD)
		mask->map[mask->bitmap4_len++] = 0;
	mask->map[WORD] |= ACCESS | MODIFY;
}

bool bc_times_are_asked(const CB_GETATTR4args *args)
{
	const bitmap4 *mask = &args->attr_request;

	return mask->bitmap4_len > WORD && mask->map[WORD] & (ACCESS | MODIFY);
}

/* Not in the future. */
static bool decode_time(XDR *xdrs, struct timespec *time)
{
	struct timespec now;
	nfstime4 value = { .seconds = 0 };

	if (!xdr_nfstime4(xdrs, &value) || value.nseconds >= 1000000000)
		return false;
	time->tv_sec = value.seconds;
	time->tv_nsec = value.nseconds;
	clock_gettime(CLOCK_REALTIME, &now);
	if (gsh_time_cmp(time, &now) > 0)
		*time = now;
	return true;
}

/* The attributes are in the order of their numbers.
 * @return false: they are not what the bitmap says
 */
static bool decode(const fattr4 *answer, struct fsal_attrlist *attrs)
{
	const bitmap4 *mask = &answer->attrmask;
	uint32_t times = mask->map[WORD];
	uint64_t other = 0;
	bool good = true;
	XDR xdrs;

	xdrmem_create(&xdrs, answer->attr_vals.attrlist4_val,
		      answer->attr_vals.attrlist4_len, XDR_DECODE);
	if (mask->map[0] & 1 << FATTR4_CHANGE)
		good = xdr_uint64_t(&xdrs, &other);
	if (mask->map[0] & 1 << FATTR4_SIZE)
		good = good && xdr_uint64_t(&xdrs, &other);
	if (times & ACCESS)
		good = good && decode_time(&xdrs, &attrs->atime);
	if (times & MODIFY)
		good = good && decode_time(&xdrs, &attrs->mtime);
	XDR_DESTROY(&xdrs);
	attrs->valid_mask = (times & ACCESS ? ATTR_ATIME : 0) |
			    (times & MODIFY ? ATTR_MTIME : 0);
	return good;
}

/* As an FSAL tells of attributes that have changed.  Ganesha's cache takes a time that
 * is earlier than its own only with a flag of another attribute.
 */
static void update(struct fsal_obj_handle *obj, struct fsal_attrlist *attrs)
{
	const struct fsal_up_vector *up = op_ctx->fsal_export->up_ops;
	struct gsh_buffdesc key;

	obj->obj_ops->handle_to_key(obj, &key);
	attrs->request_mask = attrs->valid_mask;
	(void)up->update(up, &key, attrs, fsal_up_update_spaceused_inc);
}

void bc_times_set(struct fsal_obj_handle *obj, clientid4 holder,
		  const fattr4 *answer)
{
	struct fsal_attrlist attrs = { .valid_mask = 0 };

	if (answer->attrmask.bitmap4_len <= WORD || !decode(answer, &attrs) ||
	    !attrs.valid_mask)
		return;
	STATELOCK_lock(obj);
	if (has_times(obj, holder))
		update(obj, &attrs);
	STATELOCK_unlock(obj);
}
