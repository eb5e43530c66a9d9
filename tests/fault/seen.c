/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "seen.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin_http.h"

void seen_add(struct seen *sum, const struct seen *more)
{
	sum->granted += more->granted;
	sum->returned += more->returned;
	sum->sessions += more->sessions;
	sum->binds += more->binds;
	sum->unsure_binds += more->unsure_binds;
	sum->recalls += more->recalls;
	sum->getattrs += more->getattrs;
	sum->unanswered += more->unanswered;
	sum->again += more->again;
	sum->questions += more->questions;
}

void seen_add_responder(struct seen *sum, struct cb_responder *responder)
{
	unsigned int count = cb_responder_count(responder);

	for (unsigned int n = 0; n < count; n++) {
		const struct cb_call *call = cb_responder_wait(responder, n, 0);

		if (call->retry)
			sum->again++;
		else if (call->op == OP_CB_RECALL)
			sum->recalls++;
		else if (call->op == OP_CB_GETATTR)
			sum->getattrs++;
		sum->unanswered += call->op == OP_CB_GETATTR && !call->answered;
	}
	sum->questions += cb_responder_questions(responder);
}

/* What a metric, or the sum of those that begin so, may be. */
struct statement {
	const char *metric; /* without the prefix that all have */
	unsigned long least, most;
};

static bool agrees(const char *metrics, const struct statement *statement,
		   char *text, size_t size)
{
	char name[128];
	double value;

	snprintf(name, sizeof(name), "ganesha_backchannel_%s",
		 statement->metric);
	if (!admin_sum_metrics(metrics, name, &value)) {
		snprintf(text, size, "there is no metric %s", name);
		return false;
	}
	if (value >= (double)statement->least &&
	    value <= (double)statement->most)
		return true;
	snprintf(text, size, "%s is %.0f, by the clients' count %lu to %lu",
		 name, value, statement->least, statement->most);
	return false;
}

#define COMPLETED(op) "callbacks_completed_total{operation=\"" op "\","
#define SUBMITTED(op) "callbacks_submitted_total{operation=\"" op "\"}"
#define GIVEN_UP(why) "callbacks_given_up_total{reason=\"" why "\"}"
#define WENT_WELL(op) COMPLETED(op) "outcome=\"answered\"}"

static bool all_agree(const char *metrics, const struct seen *seen, bool calm,
		      char *text, size_t size)
{
	unsigned long requests =
		seen->recalls + seen->getattrs + seen->again + seen->questions;
	unsigned long sure = seen->sessions + seen->binds;
	unsigned long answers = requests - seen->unanswered;
	unsigned long got_attrs = seen->getattrs - seen->unanswered;
	unsigned long most = calm ? 0 : ULONG_MAX; /* of what faults cause */
	const struct statement statements[] = {
		{ "delegations_granted_total", seen->granted, seen->granted },
		{ "delegations_returned_total", seen->returned,
		  seen->returned },
		{ "delegations_revoked_total", seen->granted - seen->returned,
		  seen->granted - seen->returned },
		{ "bindings_made_total", sure, sure + seen->unsure_binds },
		/* All that has come was sent; what was sent may be lost. */
		{ "requests_sent_total", requests, calm ? requests : most },
		{ "questions_total", seen->questions,
		  calm ? seen->questions : most },
		/* Each is answered once at most. */
		{ "replies_total{", calm ? answers : 0, requests },
		{ "replies_total{verdict=\"done\"}", calm ? answers : 0,
		  requests },
		/* What came was submitted; more may have been put off unsent. */
		{ SUBMITTED("CB_RECALL"), calm ? seen->recalls : 0, ULONG_MAX },
		{ SUBMITTED("CB_GETATTR"), calm ? seen->getattrs : 0,
		  ULONG_MAX },
		/* What was answered had come. */
		{ WENT_WELL("CB_RECALL"), calm ? seen->recalls : 0,
		  seen->recalls },
		/* It is asked for a few seconds, which a busy machine takes. */
		{ WENT_WELL("CB_GETATTR"), 0, seen->getattrs },
		{ COMPLETED("CB_GETATTR"), calm ? got_attrs : 0, ULONG_MAX },
		{ "requests_not_encoded_total", 0, 0 },
		{ "failovers_total", 0, most },
		{ "redrives_total", 0, most },
		{ GIVEN_UP("no_answer"), 0, most },
		{ GIVEN_UP("no_path"), 0, calm ? seen->getattrs : most },
		{ GIVEN_UP("queue_full"), 0, most },
		{ "faults_total{", 0, most },
		{ "paths_lost_total", 0, most },
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
		if (!agrees(metrics, &statements[i], text, size))
			return false;
	}
	return true;
}

bool seen_agrees(const struct server *server, const struct seen *seen,
		 bool calm, char *text, size_t size)
{
	char *metrics = NULL;
	int status = admin_ask(admin_connect(server_admin_socket(server)),
			       "GET", "/metrics", &metrics);
	bool agree =
		status == 200 && all_agree(metrics, seen, calm, text, size);

	if (status != 200)
		snprintf(text, size, "/metrics is not to be had: %d", status);
	free(metrics);
	return agree;
}
