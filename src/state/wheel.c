/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A wheel of timers: what is due, in order of time.
 *
 * Purpose: putting a timer in and taking it out cost the same whatever else is
 *   there: among 100,000 clients that wait for something, too.
 * Data: lists of timers by levels of 64.  The lowest level has a list for each ms
 *   of the 64 that the wheel is in, the next one a list for each 64 ms of the
 *   4,096, and so on: a timer's level is the highest group of six bits in which its
 *   time differs from the wheel's.  When the wheel comes to a list of a higher
 *   level, its timers move down; each moves once a level at most.
 * Locking: the owner's.
 * Lifetime: the timers belong to whoever put them in.
 * Invariants: a timer is never due before its time; no list holds a timer of
 *   before wheel->now, but what was late already when it was put in; `used` has the
 *   bit of each list that is not empty, and perhaps of one that is.
 */
#include "bc_internal.h"

#define BITS 6 /* of a time for each level */
#define MASK (BC_WHEEL_SLOTS - 1)

/* Timers that move down in one step: nobody waits long for the lock. */
#define MOVED_AT_ONCE 64

void bc_wheel_init(struct bc_wheel *wheel)
{
	wheel->now = 0;
	CDS_INIT_LIST_HEAD(&wheel->moving);
	for (int level = 0; level < BC_WHEEL_LEVELS; level++) {
		wheel->levels[level].used = 0;
		for (int slot = 0; slot < BC_WHEEL_SLOTS; slot++)
			CDS_INIT_LIST_HEAD(&wheel->levels[level].slots[slot]);
	}
}

void bc_wheel_add(struct bc_wheel *wheel, struct bc_timer *timer)
{
	uint64_t when = timer->when > wheel->now ? timer->when : wheel->now;
	uint64_t differ = when ^ wheel->now;
	int level = differ ? (63 - __builtin_clzll(differ)) / BITS : 0;
	unsigned int slot = (when >> (BITS * level)) & MASK;

	cds_list_add_tail(&timer->link, &wheel->levels[level].slots[slot]);
	wheel->levels[level].used |= UINT64_C(1) << slot;
}

void bc_wheel_remove(struct bc_timer *timer)
{
	cds_list_del(&timer->link);
}

static void move_down(struct bc_wheel *wheel)
{
	for (int i = 0; i < MOVED_AT_ONCE && !cds_list_empty(&wheel->moving);
	     i++) {
		struct bc_timer *timer = cds_list_first_entry(
			&wheel->moving, struct bc_timer, link);

		cds_list_del(&timer->link);
		bc_wheel_add(wheel, timer);
	}
}

/* When the wheel comes to a list: the higher bits are the wheel's own. */
static uint64_t slot_begins(const struct bc_wheel *wheel, int level, int slot)
{
	uint64_t within = (uint64_t)slot << (BITS * level);

	if (level == BC_WHEEL_LEVELS - 1)
		return within;
	return (wheel->now >> (BITS * (level + 1)) << (BITS * (level + 1))) |
	       within;
}

/* The wheel has come to this list. @return a timer that is due, or NULL */
static struct bc_timer *slot_begin(struct bc_wheel *wheel, int level, int slot)
{
	struct cds_list_head *list = &wheel->levels[level].slots[slot];
	struct bc_timer *timer = NULL;

	if (level == 0 && !cds_list_empty(list)) {
		timer = cds_list_first_entry(list, struct bc_timer, link);
		cds_list_del(&timer->link);
		return timer;
	}
	wheel->levels[level].used &= ~(UINT64_C(1) << slot);
	cds_list_splice(list, &wheel->moving);
	CDS_INIT_LIST_HEAD(list);
	return timer;
}

uint64_t bc_wheel_turn(struct bc_wheel *wheel, uint64_t until,
		       struct bc_timer **due)
{
	*due = NULL;
	if (!cds_list_empty(&wheel->moving)) {
		move_down(wheel);
		return wheel->now;
	}
	for (int level = 0; level < BC_WHEEL_LEVELS; level++) {
		uint64_t used = wheel->levels[level].used, when;
		int slot;

		if (!used)
			continue;
		slot = __builtin_ctzll(used);
		when = slot_begins(wheel, level, slot);
		if (when <= until) {
			wheel->now = when;
			*due = slot_begin(wheel, level, slot);
		} else if (wheel->now < until) {
			wheel->now = until;
		}
		return when;
	}
	wheel->now = until;
	return UINT64_MAX;
}
