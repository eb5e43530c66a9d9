/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Many recalls for one client.  The storm: from the first conflicting OPEN to
 * the last callback, with Ganesha's own work for both between them.  The drain,
 * with the module: all callbacks wait for the client's first answer, so that then
 * nothing but the callback path is at work.
 */
#include "storm.h"
#include "sort.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	unsigned int count;
	unsigned int rounds;
} sizes[] = { { 1000, 11 }, { 10000, 7 } };
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static const uint32_t slots[] = { 1, 16, 64 };
#define SLOTS (sizeof(slots) / sizeof(*slots))

void storm_begin(struct storm *storm, struct bench *bench, struct side *side,
		 uint32_t nslots, unsigned int count)
{
	storm->side = side;
	answers_init(&storm->answers, nslots, count);
	peer_mount(bench, side, &storm->holder, &storm->answers);
	for (int i = 0; i < OPENERS; i++)
		peer_mount(bench, side, &storm->openers[i], NULL);
	storm->holding = (struct holding){ .side = side,
					   .holders = &storm->holder,
					   .nholders = 1,
					   .openers = storm->openers,
					   .nopeners = OPENERS };
	holding_begin(&storm->holding, count);
}

void storm_end(struct storm *storm)
{
	holding_end(&storm->holding);
	for (int i = 0; i < OPENERS; i++)
		peer_unmount(&storm->openers[i]);
	peer_unmount(&storm->holder);
	answers_fini(&storm->answers);
}

void storm_queue(struct storm *storm)
{
	answers_hold(&storm->answers);
	holding_conflict(&storm->holding);
	answers_wait(&storm->answers, storm->answers.slots, NFS_TIMEOUT);
	side_wait_idle(storm->side);
}

uint64_t storm_drain(struct storm *storm)
{
	unsigned int count = storm->holding.count;
	uint64_t begun = nfs_now_ns(), last;

	answers_release(&storm->answers);
	if (answers_wait(&storm->answers, count, STORM_TIMEOUT_MS) != count)
		fatal("the queue did not drain");
	last = answers_get(&storm->answers, count / 100 * 99 - 1).arrival_ns;
	return last - begun;
}

/* One round of one side. */
static void run_storm(struct bench *bench, struct side *side, uint32_t nslots,
		      unsigned int count, unsigned int round)
{
	uint64_t begun, cpu, own, ns;
	unsigned int came;
	struct storm storm;

	storm_begin(&storm, bench, side, nslots, count);
	cpu = side_cpu_ns(side);
	own = own_cpu_ns();
	begun = nfs_now_ns();
	holding_conflict(&storm.holding);
	came = answers_wait(&storm.answers, count, STORM_TIMEOUT_MS);
	if (came > count)
		came = count;
	ns = nfs_now_ns() - begun;
	if (came == count)
		ns = answers_get(&storm.answers, count - 1).arrival_ns - begun;
	cpu = side_cpu_ns(side) - cpu;
	own = own_cpu_ns() - own;
	if (!side_crashed(side, "storm"))
		record("\"what\":\"storm\",\"side\":\"%s\",\"slots\":%u,"
		       "\"count\":%u,\"round\":%u,\"came\":%u,\"rate\":%.0f,"
		       "\"server_us\":%.2f,\"client_cpu\":%.3f",
		       side->name, nslots, count, round, came,
		       came * NS_PER_S / (double)ns, (double)cpu / 1e3 / count,
		       (double)own / (double)ns);
	storm_end(&storm);
}

/* One slot's round trips: from our answer to the next callback. */
static void record_gaps(struct storm *storm, unsigned int count)
{
	uint64_t *gaps = calloc(count, sizeof(*gaps));
	unsigned int n = count - 1;

	if (!gaps)
		fatal("out of memory");
	for (unsigned int i = 0; i < n; i++)
		gaps[i] = answers_get(&storm->answers, i + 1).arrival_ns -
			  answers_get(&storm->answers, i).answered_ns;
	nfs_sort_u64(gaps, n);
	record("\"what\":\"gap\",\"count\":%u,\"p50_us\":%.2f,"
	       "\"p99_us\":%.2f",
	       count, (double)gaps[n / 2] / 1e3,
	       (double)gaps[n / 100 * 99] / 1e3);
	free(gaps);
}

/* @returned: their delegations are, before they are sent: Ganesha's completion finds
 * none, and has nothing to do.
 */
static void run_drain(struct bench *bench, struct side *side, uint32_t nslots,
		      unsigned int count, unsigned int round, bool returned)
{
	uint64_t cpu, own, ns;
	struct storm storm;

	storm_begin(&storm, bench, side, nslots, count);
	storm_queue(&storm);
	if (returned)
		holding_return(&storm.holding);
	bare_round_trips(side, returned ? "returned" : "drain",
			 storm.holder.session.conn, nslots);
	cpu = side_cpu_ns(side);
	own = own_cpu_ns();
	ns = storm_drain(&storm);
	cpu = side_cpu_ns(side) - cpu;
	own = own_cpu_ns() - own;
	record("\"what\":\"%s\",\"slots\":%u,\"count\":%u,\"round\":%u,"
	       "\"rate\":%.0f,\"server_us\":%.2f,\"client_cpu\":%.3f",
	       returned ? "returned" : "drain", nslots, count, round,
	       (count / 100 * 99 - nslots) * NS_PER_S / (double)ns,
	       (double)cpu / 1e3 / (count - nslots), (double)own / (double)ns);
	if (nslots == 1 && !returned)
		record_gaps(&storm, count);
	storm_end(&storm);
}

/* Both sides, neither always first; what the last storm has left is over. */
static void run_storms(struct bench *bench, uint32_t nslots, unsigned int count,
		       unsigned int round)
{
	for (unsigned int s = 0; s < SIDES; s++) {
		for (int i = 0; i < SIDES; i++)
			side_wait_idle(&bench->sides[i]);
		run_storm(bench, &bench->sides[(s + round) % SIDES], nslots,
			  count, round);
	}
}

void measure_storms(struct bench *bench)
{
	for (size_t i = 0; i < SIZES; i++) {
		for (size_t n = 0; n < SLOTS; n++) {
			for (unsigned int r = 0; r < sizes[i].rounds; r++) {
				run_storms(bench, slots[n], sizes[i].count, r);
				run_drain(bench, &bench->sides[MODULE],
					  slots[n], sizes[i].count, r, false);
				run_drain(bench, &bench->sides[MODULE],
					  slots[n], sizes[i].count, r, true);
			}
		}
	}
}
