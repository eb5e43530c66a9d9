/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* What clients cost that only are there, and that come and go. */
#include "heap.h"
#include "scale.h"

#include <stdlib.h>

#define NS_PER_US 1e3
#define RENEWAL_S 40 /* Linux, with Ganesha's own lease: two thirds of 60 s */
#define CHURN_PART 10 /* one in so many goes and comes again, */
#define CHURN_MOST 5000 /* but no more than this */

static unsigned int mount_all(struct crowd *crowd)
{
	if (!crowd_connect(crowd))
		return 0;
	return crowd_enter(crowd, 0, crowd->count);
}

void measure_heap(struct bench *bench, const struct side *like,
		  unsigned int count)
{
	struct side counted = *like;
	struct heap heap;
	struct crowd crowd;
	int64_t before;

	if (heap_open(&heap))
		fatal("no file for the counts");
	counted.params.env = heap.env;
	crowd_begin(&crowd, bench, &counted, count);
	side_wait_idle(&crowd.side);
	before = heap.counts->bytes;
	all_or_fatal(&crowd, "mounted", mount_all(&crowd), count);
	side_wait_idle(&crowd.side);
	record("\"what\":\"heap\",\"side\":\"%s\",\"clients\":%u,"
	       "\"links\":%u,\"bytes\":%.0f",
	       like->name, count, crowd.nlinks,
	       (double)(heap.counts->bytes - before) / count);
	crowd_end(&crowd);
	heap_close(&heap);
}

void measure_mount(struct crowd *crowd)
{
	uint64_t begun, cpu = side_cpu_ns(&crowd->side);
	long before = server_rss_kib(crowd->side.server);
	double connected, entered;
	unsigned int well;

	begun = nfs_now_ns();
	if (!crowd_connect(crowd))
		fatal("the %s server takes no connections", crowd->side.name);
	connected = seconds_since(begun);
	well = crowd_enter(crowd, 0, crowd->count);
	all_or_fatal(crowd, "mounted", well, crowd->count);
	entered = seconds_since(begun);
	all_or_fatal(crowd, "completed", crowd_complete(crowd, 0, crowd->count),
		     crowd->count);
	record("\"what\":\"mount\",\"side\":\"%s\",\"clients\":%u,"
	       "\"links\":%u,\"connect_s\":%.3f,\"enter_s\":%.3f,\"s\":%.3f,"
	       "\"server_us\":%.1f,\"bytes\":%.0f",
	       crowd->side.name, crowd->count, crowd->nlinks, connected,
	       entered, seconds_since(begun),
	       (double)(side_cpu_ns(&crowd->side) - cpu) / NS_PER_US /
		       crowd->count,
	       (double)(server_rss_kib(crowd->side.server) - before) * 1024 /
		       crowd->count);
}

/* ---- Renewals ---- */

struct renewal {
	struct nfs_compound compound;
	_Atomic unsigned int *done;
};

static void renewed(struct nfs_compound *compound, void *arg)
{
	struct renewal *renewal = arg;

	if (!compound->error && compound->status == NFS4_OK)
		++*renewal->done;
	nfs_compound_fini(compound);
	free(renewal);
}

static void renew(struct member *member, _Atomic unsigned int *done)
{
	struct renewal *renewal = calloc(1, sizeof(*renewal));

	if (!renewal)
		fatal("out of memory");
	renewal->done = done;
	nfs_compound_init(&renewal->compound, &member->session);
	renewal->compound.done = renewed;
	renewal->compound.arg = renewal;
	if (nfs_compound_send(&renewal->compound))
		renewed(&renewal->compound, renewal);
}

/* One client after the other, as evenly as they come with so many. */
static unsigned int renew_some(struct crowd *crowd, unsigned int count)
{
	const double each_ns = RENEWAL_S * NS_PER_S / crowd->count;
	uint64_t begun = nfs_now_ns();
	_Atomic unsigned int done = 0;

	for (unsigned int i = 0; i < count; i++) {
		while ((double)(nfs_now_ns() - begun) < each_ns * i)
			sleep_ms(1);
		renew(&crowd->members[i % crowd->count], &done);
	}
	for (int i = 0; i < 5000 && done < count; i++)
		sleep_ms(1);
	return done;
}

void measure_renewals(struct crowd *crowd, const struct effort *effort)
{
	unsigned int count = crowd->count * effort->idle_ms / 1000 / RENEWAL_S;
	uint64_t begun, cpu;
	double quiet, busy;

	count = count ? count : 1;
	side_wait_idle(&crowd->side);
	begun = nfs_now_ns();
	cpu = side_cpu_ns(&crowd->side);
	sleep_ms(effort->idle_ms);
	quiet = (double)(side_cpu_ns(&crowd->side) - cpu) / NS_PER_S /
		seconds_since(begun);
	begun = nfs_now_ns();
	cpu = side_cpu_ns(&crowd->side);
	all_or_fatal(crowd, "renewed", renew_some(crowd, count), count);
	busy = (double)(side_cpu_ns(&crowd->side) - cpu) / NS_PER_S /
	       seconds_since(begun);
	record("\"what\":\"renewals\",\"side\":\"%s\",\"clients\":%u,"
	       "\"rate\":%.0f,\"quiet_cpus\":%.5f,\"cpus\":%.5f",
	       crowd->side.name, crowd->count, count / seconds_since(begun),
	       quiet, busy);
}

/* ---- Churn ---- */

void measure_churn(struct crowd *crowd)
{
	unsigned int count = crowd->count / CHURN_PART;
	uint64_t begun = nfs_now_ns(), cpu = side_cpu_ns(&crowd->side);
	double s;

	count = count < CHURN_MOST ? count : CHURN_MOST;
	all_or_fatal(crowd, "left", crowd_leave(crowd, 0, count), count);
	all_or_fatal(crowd, "came again", crowd_enter(crowd, 0, count), count);
	all_or_fatal(crowd, "completed", crowd_complete(crowd, 0, count),
		     count);
	s = seconds_since(begun);
	record("\"what\":\"churn\",\"side\":\"%s\",\"clients\":%u,"
	       "\"count\":%u,\"rate\":%.0f,\"server_us\":%.1f",
	       crowd->side.name, crowd->count, count, count / s,
	       (double)(side_cpu_ns(&crowd->side) - cpu) / NS_PER_US / count);
}
