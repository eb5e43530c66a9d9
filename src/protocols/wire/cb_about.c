/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "wire/cb_about.h"

#include "wire/cb_sequence.h"

/* nfs_cb_opnum4 */
#define OP_CB_GETATTR 3
#define OP_CB_RECALL 4
#define OP_CB_LAYOUTRECALL 5

#define LAYOUTRECALL4_FILE 1

/* A referring_call4: sequence id and slot. */
#define REFERRING_CALL_SIZE 8

const char *bc_cb_op_name(uint32_t opcode)
{
	static const char *const names[] = {
		[OP_CB_GETATTR] = "CB_GETATTR",
		[OP_CB_RECALL] = "CB_RECALL",
		[OP_CB_LAYOUTRECALL] = "CB_LAYOUTRECALL",
		[6] = "CB_NOTIFY",
		[7] = "CB_PUSH_DELEG",
		[8] = "CB_RECALL_ANY",
		[9] = "CB_RECALLABLE_OBJ_AVAIL",
		[10] = "CB_RECALL_SLOT",
		[11] = "CB_SEQUENCE",
		[12] = "CB_WANTS_CANCELLED",
		[13] = "CB_NOTIFY_LOCK",
		[14] = "CB_NOTIFY_DEVICEID",
		[15] = "CB_OFFLOAD",
	};

	return opcode < sizeof(names) / sizeof(names[0]) ? names[opcode] : NULL;
}

/* XDR that is read on from `at`; NULL: it was too short. */
struct reader {
	const uint8_t *at, *end;
};

/* @return the next @size bytes; NULL: there are less */
static const uint8_t *take(struct reader *reader, size_t size)
{
	const uint8_t *taken = reader->at;

	if (!taken || size > (size_t)(reader->end - taken)) {
		reader->at = NULL;
		return NULL;
	}
	reader->at += size;
	return taken;
}

/* @return the next word; 0: there is none */
static uint32_t take_word(struct reader *reader)
{
	const uint8_t *word = take(reader, 4);

	return word ? (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 |
			       (uint32_t)word[2] << 8 | word[3] :
		      0;
}

static void take_handle(struct reader *reader, struct bc_cb_about *about)
{
	uint32_t size = take_word(reader);
	const uint8_t *handle = take(reader, ((size_t)size + 3) & ~(size_t)3);

	if (!handle)
		return;
	about->handle = handle;
	about->handle_size = size;
}

static void skip_referring(struct reader *reader)
{
	uint32_t lists = take_word(reader);

	while (reader->at && lists--) {
		take(reader, BC_SESSIONID_SIZE);
		take(reader, (size_t)take_word(reader) * REFERRING_CALL_SIZE);
	}
}

static void take_layoutrecall(struct reader *reader, struct bc_cb_about *about)
{
	take(reader, 12); /* clora_type, clora_iomode, clora_changed */
	if (take_word(reader) != LAYOUTRECALL4_FILE)
		return;
	take_handle(reader, about);
	take(reader, 16); /* lor_offset, lor_length */
	about->stateid = take(reader, BC_STATEID_SIZE);
}

struct bc_cb_about bc_cb_about(const uint8_t *args, size_t size)
{
	struct reader reader = { .at = args, .end = args + size };
	struct bc_cb_about about = { 0 };

	skip_referring(&reader);
	switch (take_word(&reader)) {
	case OP_CB_GETATTR:
		take_handle(&reader, &about);
		break;
	case OP_CB_RECALL:
		about.stateid = take(&reader, BC_STATEID_SIZE);
		take(&reader, 4); /* truncate */
		take_handle(&reader, &about);
		break;
	case OP_CB_LAYOUTRECALL:
		take_layoutrecall(&reader, &about);
		break;
	}
	return about;
}

uint32_t bc_cb_handle_hash(const uint8_t *handle, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= handle[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}
