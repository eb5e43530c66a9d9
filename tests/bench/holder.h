/* SPDX-License-Identifier: LGPL-3.0-or-later */
#ifndef BENCH_HOLDER_H
#define BENCH_HOLDER_H

#include "bench.h"

/** A client that holds delegations, and one that opens against it. */
struct holder {
	struct answers answers;
	struct peer peer;
	struct peer opener;
	struct holding holding;
};

void holder_begin(struct bench *bench, struct side *side, struct holder *holder,
		  unsigned int files);
void holder_end(struct holder *holder);

/** So many callbacks, no more and no less, have come in all. */
void holder_expect(struct holder *holder, unsigned int count);

/**
 * Recall file @a i, files being recalled in their order.
 * @return from the conflicting OPEN to the callback at the client, us; negative:
 *         the server has crashed
 */
double holder_recall_us(struct holder *holder, unsigned int i);

#endif
