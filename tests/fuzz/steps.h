/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's threads, its clock and its grace periods, taken step by step.
 *
 * Stands in for src/state/timer.c and for call_rcu(): nothing happens but when
 * a harness asks for it, so that an input always means the same, and all of it
 * is on the harness's own thread.  The clock stands still between steps.
 */
#ifndef STEPS_H
#define STEPS_H

#include <stdint.h>

/** Run the work that is queued to the timers' thread. */
void steps_work(void);

/** Run the completions that are queued. */
void steps_completions(void);

/** Let time pass: each timer runs at its moment. @param[in] ms */
void steps_pass(uint64_t ms);

/** Free what waits for a grace period. */
void steps_grace_period(void);

/**
 * From here on completions run by themselves, on a thread, until the core's
 * threads are stopped: who stops the core waits for them.
 */
void steps_release(void);

#endif /* STEPS_H */
