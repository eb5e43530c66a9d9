/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "xdr.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

static size_t padding(size_t len)
{
	return -len & 3;
}

/* Room for @a len more bytes; a test without memory has nothing to say. */
static uint8_t *grow(struct xdr_buf *buf, size_t len)
{
	uint8_t *room;

	if (buf->size - buf->len < len) {
		size_t size = buf->size ? buf->size : 128;

		while (size - buf->len < len)
			size *= 2;
		buf->data = realloc(buf->data, size);
		if (!buf->data)
			abort();
		buf->size = size;
	}
	room = buf->data + buf->len;
	buf->len += len;
	return room;
}

void xdr_buf_fini(struct xdr_buf *buf)
{
	free(buf->data);
	*buf = (struct xdr_buf){ 0 };
}

void xdr_buf_clear(struct xdr_buf *buf)
{
	buf->len = 0;
}

void xdr_buf_consume(struct xdr_buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->len -= len;
	if (buf->len)
		memmove(buf->data, buf->data + len, buf->len);
}

void xdr_put_u32(struct xdr_buf *buf, uint32_t value)
{
	value = htobe32(value);
	xdr_put_bytes(buf, &value, sizeof(value));
}

void xdr_put_u64(struct xdr_buf *buf, uint64_t value)
{
	value = htobe64(value);
	xdr_put_bytes(buf, &value, sizeof(value));
}

void xdr_put_bytes(struct xdr_buf *buf, const void *data, size_t len)
{
	if (len)
		memcpy(grow(buf, len), data, len);
}

void xdr_put_opaque(struct xdr_buf *buf, const void *data, size_t len)
{
	static const uint8_t zeros[4];

	xdr_put_u32(buf, len);
	xdr_put_bytes(buf, data, len);
	xdr_put_bytes(buf, zeros, padding(len));
}

void xdr_put_string(struct xdr_buf *buf, const char *string)
{
	xdr_put_opaque(buf, string, strlen(string));
}

void xdr_patch_u32(struct xdr_buf *buf, size_t offset, uint32_t value)
{
	assert(offset + sizeof(value) <= buf->len);
	value = htobe32(value);
	memcpy(buf->data + offset, &value, sizeof(value));
}

struct xdr_cursor xdr_cursor(const void *data, size_t len)
{
	struct xdr_cursor cursor = { .next = data };

	cursor.end = len ? cursor.next + len : cursor.next;
	return cursor;
}

size_t xdr_left(const struct xdr_cursor *cursor)
{
	return cursor->bad ? 0 : (size_t)(cursor->end - cursor->next);
}

/* The next @a len bytes, or NULL and bad. */
static const uint8_t *take(struct xdr_cursor *cursor, size_t len)
{
	const uint8_t *bytes = cursor->next;

	if (xdr_left(cursor) < len) {
		cursor->bad = true;
		return NULL;
	}
	cursor->next += len;
	return bytes;
}

void xdr_get_bytes(struct xdr_cursor *cursor, void *out, size_t len)
{
	const uint8_t *bytes = take(cursor, len);

	if (bytes && len)
		memcpy(out, bytes, len);
	else
		memset(out, 0, len);
}

uint32_t xdr_get_u32(struct xdr_cursor *cursor)
{
	uint32_t value;

	xdr_get_bytes(cursor, &value, sizeof(value));
	return be32toh(value);
}

uint64_t xdr_get_u64(struct xdr_cursor *cursor)
{
	uint64_t value;

	xdr_get_bytes(cursor, &value, sizeof(value));
	return be64toh(value);
}

const uint8_t *xdr_get_opaque(struct xdr_cursor *cursor, size_t max,
			      uint32_t *len)
{
	const uint8_t *bytes;

	*len = xdr_get_u32(cursor);
	if (*len > max)
		cursor->bad = true;
	bytes = take(cursor, *len);
	if (bytes)
		take(cursor, padding(*len));
	if (cursor->bad)
		*len = 0;
	return cursor->bad ? NULL : bytes;
}

void xdr_get_string(struct xdr_cursor *cursor, char *out, size_t size)
{
	uint32_t len;
	const uint8_t *bytes = xdr_get_opaque(cursor, size - 1, &len);

	if (bytes && len)
		memcpy(out, bytes, len);
	out[len] = '\0';
}

void xdr_skip(struct xdr_cursor *cursor, size_t words)
{
	take(cursor, 4 * words);
}
