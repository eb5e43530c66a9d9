/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * liburcu for ThreadSanitizer, included before everything else in its builds.
 *
 * TSan sees neither the inline assembly of liburcu's atomics nor into its
 * library, so it would miss all order that comes from them and call every
 * hand-over a race.  Here atomics are the compiler's own, and each library
 * call that orders is told to TSan: exactly the order that the call promises,
 * object by object, so that a race in our code is still one.
 */
#ifndef TSAN_URCU_H
#define TSAN_URCU_H

#include <sanitizer/tsan_interface.h>
#include <stdbool.h>
#include <urcu/uatomic.h>

/* Atomics ------------------------------------------------------------------ */

#undef uatomic_read
#undef uatomic_set
#undef uatomic_xchg
#undef uatomic_cmpxchg
#undef uatomic_add_return
#undef uatomic_sub_return
#undef uatomic_inc
#undef uatomic_dec

/* "uatomic_read() and uatomic_set() imply no barrier"; acquire and release
 * stand for the dependency through which a published pointer is followed.
 */
#define uatomic_read(addr) __atomic_load_n((addr), __ATOMIC_ACQUIRE)
#define uatomic_set(addr, v)                                                   \
	__atomic_store_n((addr), (__typeof__(*(addr)))(v), __ATOMIC_RELEASE)
#define uatomic_xchg(addr, v)                                                  \
	__atomic_exchange_n((addr), (__typeof__(*(addr)))(v), __ATOMIC_SEQ_CST)
#define uatomic_add_return(addr, v)                                            \
	__atomic_add_fetch((addr), (v), __ATOMIC_SEQ_CST)
#define uatomic_sub_return(addr, v)                                            \
	__atomic_sub_fetch((addr), (v), __ATOMIC_SEQ_CST)
#define uatomic_inc(addr) ((void)uatomic_add_return((addr), 1))
#define uatomic_dec(addr) ((void)uatomic_sub_return((addr), 1))
#define uatomic_cmpxchg(addr, old, _new)                                       \
	__extension__({                                                        \
		__typeof__(*(addr)) tsan_old = (old);                          \
		__atomic_compare_exchange_n((addr), &tsan_old, (_new), false,  \
					    __ATOMIC_SEQ_CST,                  \
					    __ATOMIC_SEQ_CST);                 \
		tsan_old;                                                      \
	})

#include <urcu-bp.h>
#include <urcu/list.h>
#include <urcu/rculfhash.h>
#include <urcu/ref.h>
#include <urcu/wfcqueue.h>

/* A grace period: what readers did before comes before its callbacks --------- */

extern char tsan_grace_period;

static inline void tsan_read_unlock(void)
{
	__tsan_release(&tsan_grace_period);
	urcu_bp_read_unlock();
}

void tsan_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
void tsan_rcu_barrier(void);

/* The hash table: what was done to a node before it was added is seen by who
 * finds it.
 */
void tsan_lfht_lookup(struct cds_lfht *table, unsigned long hash,
		      cds_lfht_match_fct match, const void *key,
		      struct cds_lfht_iter *iter);
struct cds_lfht_node *tsan_lfht_add_unique(struct cds_lfht *table,
					   unsigned long hash,
					   cds_lfht_match_fct match,
					   const void *key,
					   struct cds_lfht_node *node);

static inline struct cds_lfht_node *tsan_iter_node(struct cds_lfht_iter *iter)
{
	struct cds_lfht_node *node = cds_lfht_iter_get_node(iter);

	if (node)
		__tsan_acquire(node);
	return node;
}

/* The queue: what was done before an element was put in is seen by who takes
 * it out.
 */
static inline bool tsan_wfcq_enqueue(struct cds_wfcq_head *head,
				     struct cds_wfcq_tail *tail,
				     struct cds_wfcq_node *node)
{
	__tsan_release(node);
	return cds_wfcq_enqueue(head, tail, node);
}

static inline struct cds_wfcq_node *
tsan_wfcq_dequeue(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_blocking(head, tail);

	if (node)
		__tsan_acquire(node);
	return node;
}

/* Pointers: what was done before one was published is seen by who follows it. */
#undef rcu_dereference
#undef rcu_assign_pointer
#define rcu_dereference(p) uatomic_read(&(p))
#define rcu_assign_pointer(p, v) uatomic_set(&(p), (v))

/* A name in parentheses is the library's. */
#undef rcu_read_unlock
#undef call_rcu
#undef rcu_barrier
#define rcu_read_unlock() tsan_read_unlock()
#define call_rcu(head, func) tsan_call_rcu(head, func)
#define rcu_barrier() tsan_rcu_barrier()
#define cds_lfht_lookup(table, hash, match, key, iter)                         \
	tsan_lfht_lookup(table, hash, match, key, iter)
#define cds_lfht_add_unique(table, hash, match, key, node)                     \
	tsan_lfht_add_unique(table, hash, match, key, node)
#define cds_lfht_iter_get_node(iter) tsan_iter_node(iter)
#define cds_wfcq_enqueue(head, tail, node) tsan_wfcq_enqueue(head, tail, node)
#define __cds_wfcq_dequeue_blocking(head, tail) tsan_wfcq_dequeue(head, tail)

#endif /* TSAN_URCU_H */
