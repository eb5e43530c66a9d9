/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Names follow Prometheus' rules: a prefix, base units, _total for what only grows.
 */
#include "admin/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "ganesha_backchannel_"

/* In whatever locale the server is. */
#define SECOND UINT64_C(1000000000) /* ns */
#define SECONDS "%" PRIu64 ".%09" PRIu64

static void milliseconds(FILE *out, uint64_t ms)
{
	fprintf(out, "%" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
}

/** What is written, and in which of the formats. */
struct page {
	FILE *out;
	enum bc_metrics_format format;
};

/* A counter's family has no suffix in OpenMetrics; its samples have. */
static void family(const struct page *page, const char *name,
		   const char *suffix, const char *type, const char *help)
{
	if (page->format == BC_METRICS_OPEN)
		suffix = "";
	fprintf(page->out,
		"# HELP " PREFIX "%s%s %s\n# TYPE " PREFIX "%s%s %s\n", name,
		suffix, help, name, suffix, type);
}

static void gauge(const struct page *page, const char *name, uint64_t value,
		  const char *help)
{
	FILE *out = page->out;

	family(page, name, "", "gauge", help);
	fprintf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

static void counter(const struct page *page, const char *name, uint64_t value,
		    const char *help)
{
	FILE *out = page->out;

	family(page, name, "_total", "counter", help);
	fprintf(out, PREFIX "%s_total %" PRIu64 "\n", name, value);
}

/* The value of a label, in quotes. */
static void quoted(FILE *out, const char *value)
{
	fputc('"', out);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", out);
			continue;
		}
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputc('"', out);
}

/* The module ----------------------------------------------------------------- */

static void write_module(const struct page *page, const struct bc_model *model)
{
	FILE *out = page->out;

	family(page, "build_info", "", "gauge",
	       "The module's version, and that of the Ganesha that it was built for.");
	fputs(PREFIX "build_info{version=", out);
	quoted(out, model->config->version);
	fputs(",ganesha=", out);
	quoted(out, model->config->ganesha);
	fputs("} 1\n", out);
	family(page, "state", "", "gauge",
	       "How the module stands in its server: 1 for the state that is.");
	for (int state = 0; state < BC_ADMIN_STATES; state++)
		fprintf(out, PREFIX "state{state=\"%s\"} %d\n",
			bc_model_state_name((enum bc_admin_state)state),
			model->state == (enum bc_admin_state)state);
}

/* What there is -------------------------------------------------------------- */

static void write_now(const struct page *page,
		      const struct bc_snapshot_now *now)
{
	FILE *out = page->out;

	family(page, "clients", "", "gauge", "Clients, by how they stand.");
	for (int state = 0; state < BC_CLIENT_STATES; state++)
		fprintf(out, PREFIX "clients{state=\"%s\"} %" PRIu64 "\n",
			bc_model_client_state_name((enum bc_client_state)state),
			now->clients[state]);
	gauge(page, "sessions", now->sessions, "Sessions.");
	gauge(page, "connections", now->connections,
	      "Connections that are bound to a session, or were.");
	gauge(page, "bindings", now->back_bound,
	      "Back channels of connections that are bound.");
	gauge(page, "callbacks_waiting", now->queued,
	      "Callbacks that wait for a path, a slot or their next attempt.");
	gauge(page, "requests_waiting", now->held_weight,
	      "Requests that wait for a delegation, each counted as Max_Server_Held counts it.");
	gauge(page, "lock_waiters", now->lock_waiters,
	      "Locks that are waited for (Notify_Locks).");
	gauge(page, "clients_with_revoked_stateids", now->revoked_clients,
	      "Clients that have stateids of revoked delegations to free.");
	family(page, "callback_oldest_wait_seconds", "", "gauge",
	       "Since when the oldest callback in a queue waits; 0: none does.");
	fputs(PREFIX "callback_oldest_wait_seconds ", out);
	milliseconds(out, now->oldest_ms);
	family(page, "path_down_longest_seconds", "", "gauge",
	       "The longest that a client has been without a path, of those that lost it; 0: none has.");
	fputs(PREFIX "path_down_longest_seconds ", out);
	milliseconds(out, now->down_ms);
}

/* What has been -------------------------------------------------------------- */

static void write_operations(const struct page *page,
			     const struct bc_counts *counts)
{
	FILE *out = page->out;
	const char *op;

	family(page, "callbacks_submitted", "_total", "counter",
	       "Callbacks submitted.");
	for (unsigned int i = 0; i < BC_CB_OPS; i++)
		if ((op = bc_model_op_name(i)) != NULL)
			fprintf(out,
				PREFIX
				"callbacks_submitted_total{operation=\"%s\"} %" PRIu64
				"\n",
				op, counts->submitted[i]);
	family(page, "callbacks_completed", "_total", "counter",
	       "Callbacks completed, by their outcome.");
	for (unsigned int i = 0; i < BC_CB_OPS; i++)
		for (int outcome = 0; (op = bc_model_op_name(i)) != NULL &&
				      outcome < BC_OUTCOMES;
		     outcome++)
			fprintf(out,
				PREFIX
				"callbacks_completed_total{operation=\"%s\",outcome=\"%s\"} %" PRIu64
				"\n",
				op,
				bc_model_outcome_name((enum bc_outcome)outcome),
				counts->completed[i][outcome]);
	family(page, "replies", "_total", "counter",
	       "Replies to CB_COMPOUNDs, by what they mean.");
	for (int verdict = 0; verdict < BC_VERDICTS; verdict++)
		fprintf(out,
			PREFIX "replies_total{verdict=\"%s\"} %" PRIu64 "\n",
			bc_model_verdict_name((enum bc_verdict)verdict),
			counts->verdicts[verdict]);
}

static void write_counts(const struct page *page,
			 const struct bc_counts *counts)
{
	FILE *out = page->out;

	for (size_t i = 0; i < bc_model_num_counts; i++) {
		const struct bc_model_count *count = &bc_model_counts[i];

		if (count->help)
			family(page, count->family, "_total", "counter",
			       count->help);
		fprintf(out, PREFIX "%s_total", count->family);
		if (count->label)
			fprintf(out, "{%s=\"%s\"", count->label, count->value);
		if (count->second)
			fprintf(out, ",%s=\"%s\"", count->second,
				count->second_value);
		fprintf(out, "%s %" PRIu64 "\n", count->label ? "}" : "",
			counts->of[count->counter]);
	}
	family(page, "path_down_seconds", "_total", "counter",
	       "Time that clients were without a path after they lost it, of outages that are over.");
	fputs(PREFIX "path_down_seconds_total ", out);
	milliseconds(out, counts->of[BC_COUNT_DOWN_MS]);
}

static void write_held(const struct page *page,
		       const struct bc_held_counts *held)
{
	counter(page, "held_requests", held->held,
		"Requests that waited for a delegation.");
	counter(page, "held_requests_in_vain", held->in_vain,
		"Of them, those that were told to try again.");
	counter(page, "held_requests_refused", held->refused,
		"Requests that did not wait because of a limit.");
}

static void histogram(const struct page *page, const char *name,
		      const struct bc_histogram *histogram, const char *help)
{
	FILE *out = page->out;
	uint64_t count = 0;

	family(page, name, "", "histogram", help);
	for (int i = 0; i < BC_HISTOGRAM_BUCKETS; i++) {
		count += histogram->buckets[i];
		if (i < BC_HISTOGRAM_BUCKETS - 1)
			fprintf(out,
				PREFIX "%s_bucket{le=\"" SECONDS "\"} %" PRIu64
				       "\n",
				name, (BC_HISTOGRAM_FIRST << i) / SECOND,
				(BC_HISTOGRAM_FIRST << i) % SECOND, count);
	}
	fprintf(out,
		PREFIX "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n" PREFIX
		       "%s_sum " SECONDS "\n" PREFIX "%s_count %" PRIu64 "\n",
		name, count, name, histogram->sum / SECOND,
		histogram->sum % SECOND, name, count);
}

char *bc_metrics_write(const struct bc_model *model,
		       enum bc_metrics_format format, size_t *len)
{
	const struct bc_counts *counts = &model->counts;
	char *text = NULL;
	struct page page = { .out = open_memstream(&text, len),
			     .format = format };

	if (!page.out)
		return NULL;
	write_module(&page, model);
	write_now(&page, &model->now);
	write_operations(&page, counts);
	write_counts(&page, counts);
	write_held(&page, &model->held);
	histogram(&page, "callback_duration_seconds",
		  &counts->durations[BC_DURATION_CALLBACK],
		  "From a callback's submission to its completion.");
	histogram(&page, "reply_duration_seconds",
		  &counts->durations[BC_DURATION_REPLY],
		  "From the sending of a CB_COMPOUND to its reply.");
	if (format == BC_METRICS_OPEN)
		fputs("# EOF\n", page.out);
	if (fclose(page.out)) {
		free(text);
		return NULL;
	}
	return text;
}
