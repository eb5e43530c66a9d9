/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Slots: a session's backchannel slot table.
 *
 * Purpose: which slot a request may use, with which sequence id.  RFC 5661,
 *   2.10.6.1 and 20.9.
 * Data: an array of slots, made at the first callback; most sessions never
 *   have one.
 * Locking: all under the client's lock, which the caller holds.
 * Lifetime: the table is part of its session.
 * Invariants: a slot's sequence id changes only in bc_slots_release(), and
 *   there by one or to 1; a slot that is not FREE is not handed out; the
 *   counts agree with the slots' states.
 */
#include "bc_internal.h"

#include <stdlib.h>

void bc_slots_init(struct bc_slot_table *table, uint32_t size)
{
	*table = (struct bc_slot_table){
		.size = size, .limit = size, .accepted = size, .target = size
	};
}

void bc_slots_fini(struct bc_slot_table *table)
{
	free(table->slots);
	table->slots = NULL;
}

/* A client that always answers "bad slot" or "lost" leaves none.  A slot in use
 * counts even beyond the limit: its reply carries the client's limit anew
 * (csr_highest_slotid), and may raise it.
 */
bool bc_slots_usable(const struct bc_slot_table *table)
{
	if (!table->slots)
		return table->limit > 0;
	for (uint32_t i = 0; i < table->size; i++) {
		if (table->slots[i].state == BC_SLOT_LOST)
			continue;
		if (i < table->limit || table->slots[i].state != BC_SLOT_FREE)
			return true;
	}
	return false;
}

static struct bc_slot *first_free(const struct bc_slot_table *table)
{
	for (uint32_t i = table->first; i < table->limit; i++)
		if (table->slots[i].state == BC_SLOT_FREE)
			return &table->slots[i];
	return NULL;
}

bool bc_slots_available(const struct bc_slot_table *table)
{
	return table->slots ? first_free(table) != NULL : table->limit > 0;
}

/* "The first time a slot is used, the requester MUST specify a sequence ID
 * of one." 2.10.6.1
 */
static int slots_allocate(struct bc_slot_table *table)
{
	table->slots = calloc(table->size, sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->size; i++)
		table->slots[i].sequence = 1;
	return 0;
}

/* "The requester SHOULD use the lowest available slot" 2.10.6.1 */
int bc_slots_acquire(struct bc_slot_table *table)
{
	struct bc_slot *slot;
	uint32_t index;

	if (!table->slots && slots_allocate(table))
		return -ENOMEM;
	slot = first_free(table);
	if (!slot)
		return -ENOSPC;
	slot->state = BC_SLOT_BUSY;
	slot->retry = false;
	slot->delays = 0;
	index = (uint32_t)(slot - table->slots);
	table->first = index + 1;
	if (table->end < table->first)
		table->end = table->first;
	return (int)index;
}

static void count_state(struct bc_slot_table *table, enum bc_slot_state state,
			uint32_t by)
{
	switch (state) {
	case BC_SLOT_LOST:
		table->lost += by;
		break;
	case BC_SLOT_PARKED:
		table->waiting += by;
		break;
	case BC_SLOT_DELAYED:
		table->delayed += by;
		break;
	case BC_SLOT_FREE:
	case BC_SLOT_BUSY:
		break;
	}
}

void bc_slots_set(struct bc_slot_table *table, struct bc_slot *slot,
		  enum bc_slot_state state)
{
	count_state(table, slot->state, (uint32_t)-1);
	slot->state = state;
	count_state(table, slot->state, 1);
}

/* The client expects another sequence id than the slot's.  If the request before
 * perhaps did not count, it is that one's; otherwise the client may have a new
 * slot table, which begins with 1.  Nothing else could be told from a guess.
 */
static enum bc_slot_state resynchronised_state(struct bc_slot *slot)
{
	if (slot->assumed) {
		slot->assumed = false;
		slot->sequence--;
		return BC_SLOT_FREE;
	}
	if (slot->restarted || slot->sequence == 1)
		return BC_SLOT_LOST;
	slot->restarted = true;
	slot->sequence = 1;
	return BC_SLOT_FREE;
}

void bc_slots_release(struct bc_slot_table *table, struct bc_slot *slot,
		      enum bc_sequence_fate fate)
{
	enum bc_slot_state state = BC_SLOT_FREE;
	uint32_t index = (uint32_t)(slot - table->slots);

	switch (fate) {
	case BC_SEQUENCE_STAYS:
		break;
	case BC_SEQUENCE_ADVANCES:
		slot->sequence++; /* wraps around, 2.10.6.1 */
		slot->assumed = false;
		slot->restarted = false;
		break;
	case BC_SEQUENCE_ASSUMED:
		slot->sequence++;
		slot->assumed = true;
		break;
	case BC_SEQUENCE_MISORDERED:
		state = resynchronised_state(slot);
		break;
	case BC_SEQUENCE_IS_LOST:
		state = BC_SLOT_LOST;
		break;
	}
	bc_slots_set(table, slot, state);
	if (state == BC_SLOT_FREE && index < table->first)
		table->first = index;
}

static void limit_slots(struct bc_slot_table *table)
{
	table->limit = table->accepted < table->target ? table->accepted :
							 table->target;
}

static uint32_t slots_up_to(const struct bc_slot_table *table, uint32_t highest)
{
	return highest < table->size ? highest + 1 : table->size;
}

/* Some clients answer csa_highest_slotid as csr_highest_slotid, whatever they
 * accept: that tells no more than that this slot is.  If it was meant, BADSLOT
 * will tell.
 */
void bc_slots_set_highest(struct bc_slot_table *table,
			  const struct bc_cb_sequence *sent, uint32_t highest,
			  uint32_t target)
{
	if (highest != sent->highest_slot)
		table->accepted = slots_up_to(table, highest);
	else if (table->accepted <= sent->slot)
		table->accepted = sent->slot + 1;
	table->target = slots_up_to(table, target);
	limit_slots(table);
}

void bc_slots_refused(struct bc_slot_table *table, uint32_t index)
{
	if (index < table->accepted)
		table->accepted = index;
	limit_slots(table);
}

static bool in_use(const struct bc_slot *slot)
{
	return slot->state != BC_SLOT_FREE && slot->state != BC_SLOT_LOST;
}

uint32_t bc_slots_highest(struct bc_slot_table *table)
{
	while (table->end > 1 && !in_use(&table->slots[table->end - 1]))
		table->end--;
	return table->end - 1;
}
