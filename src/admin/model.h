/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The model: what the views show, gathered at one time, and what it is called.
 */
#ifndef BC_MODEL_H
#define BC_MODEL_H

#include "admin/admin.h"

#include "counters.h"
#include "snapshot.h"

/** All but single clients. */
struct bc_model {
	const struct bc_admin_config *config;
	enum bc_admin_state state;
	const char *why; /* "": nothing to say */
	bool has_core; /* else the rest is all zero */
	struct bc_counts counts;
	struct bc_snapshot_now now;
	struct bc_held_counts held;
};

/** Gather it. Context: any thread; costs a walk through all clients. */
void bc_model_read(struct bc_model *model,
		   const struct bc_admin_config *config);

/** How the module stands, and why. */
enum bc_admin_state bc_model_state(const struct bc_admin_config *config,
				   const char **why);

/** Whether clients can be looked at in this state. */
bool bc_model_has_core(enum bc_admin_state state);

/** Why there are no clients to look at. @return false: there are */
bool bc_model_no_core(const struct bc_admin_config *config, char *why,
		      size_t size);

/* Names, in lower case with underscores, but for operations, which are the RFC's. */

const char *bc_model_state_name(enum bc_admin_state state);
const char *bc_model_client_state_name(enum bc_client_state state);
const char *bc_model_binding_state_name(enum bc_binding_view_state state);
const char *bc_model_outcome_name(enum bc_outcome outcome);
const char *bc_model_verdict_name(enum bc_verdict verdict);
/** @param[in] op  0 .. BC_CB_OPS - 1. @return NULL: there is none */
const char *bc_model_op_name(unsigned int op);

/** Why a client is granted no delegations. @return NULL: nothing is in the way */
const char *bc_model_why_no_delegations(const struct bc_client_view *view);

#define BC_MODEL_ADDRESS 48 /* bytes, for any address */

/** A client's address as it is written. @return false: it is not known */
bool bc_model_address(const struct bc_client_view *view,
		      char text[BC_MODEL_ADDRESS]);

#define BC_MODEL_SESSIONID (2 * BC_SESSIONID_SIZE + 1) /* bytes */

/** A session's id as it is written: in hexadecimal digits. */
void bc_model_sessionid(const uint8_t id[BC_SESSIONID_SIZE],
			char text[BC_MODEL_SESSIONID]);

#define BC_MODEL_TEXT 1024 /* bytes; what is longer is cut */

/** A text that is no UTF-8, as a path may be: with "?" for each byte that is not
 * ASCII.
 */
const char *bc_model_plain(const char *text, char plain[BC_MODEL_TEXT]);

/** How a setting is changed. */
enum bc_model_set {
	BC_MODEL_SET,
	BC_MODEL_SET_UNKNOWN, /* there is none of this name */
	BC_MODEL_SET_INVALID, /* it cannot have this value */
	BC_MODEL_SET_REFUSED, /* it could, but not now */
};

/**
 * Change a setting.
 *
 * @param[in]  name   in any case
 * @param[in]  value  true, false, or a number; NULL: none was given
 * @param[out] why    why not
 * @param[in]  size   of @a why
 *
 * Context: any thread.
 */
enum bc_model_set bc_model_set(const struct bc_admin_config *config,
			       const char *name, const char *value, char *why,
			       size_t size);

/** @return whether a text is a number, all of it, up to @a max */
bool bc_model_parse_number(const char *text, uint64_t max, uint64_t *number);

/** A count, as part of a group of them. */
struct bc_model_count {
	const char *family; /* what is counted */
	const char *label; /* of what differs in a family; NULL: it is alone */
	const char *value; /* of the label */
	const char *second; /* a further label; NULL: there is none */
	const char *second_value;
	enum bc_counter counter;
	const char *help; /* of the family; with its first count, else NULL */
};

/** All counts of enum bc_counter that are to be shown, but BC_COUNT_DOWN_MS; a
 * family's follow each other.
 */
extern const struct bc_model_count bc_model_counts[];
extern const size_t bc_model_num_counts;

#define BC_MODEL_COUNT_NAME 64 /* bytes, for any of them */

/** A count's name alone: its family, and the values of its labels. */
void bc_model_count_name(const struct bc_model_count *count,
			 char name[BC_MODEL_COUNT_NAME]);

/** How many were timed. */
uint64_t bc_model_timed(const struct bc_histogram *histogram);

#endif /* BC_MODEL_H */
