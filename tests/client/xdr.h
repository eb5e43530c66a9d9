/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * XDR (RFC 4506): a growable buffer to encode into, and a cursor to decode
 * with.  The cursor never reads past its end: the first item that does not fit
 * sets `bad`, after which every read gives zeros, so that a caller checks once.
 */
#ifndef NFS41_CLIENT_XDR_H
#define NFS41_CLIENT_XDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Encoded bytes. All zeros is an empty buffer. */
struct xdr_buf {
	uint8_t *data;
	size_t len;
	size_t size; /* bytes allocated */
};

void xdr_buf_fini(struct xdr_buf *buf);

/** Forget the contents, keep the memory. */
void xdr_buf_clear(struct xdr_buf *buf);

/** Drop the first @a len bytes. */
void xdr_buf_consume(struct xdr_buf *buf, size_t len);

void xdr_put_u32(struct xdr_buf *buf, uint32_t value);
void xdr_put_u64(struct xdr_buf *buf, uint64_t value);
/** Exactly @a len bytes as they are, without length or padding. */
void xdr_put_bytes(struct xdr_buf *buf, const void *data, size_t len);
/** opaque<>: length, bytes, padding. */
void xdr_put_opaque(struct xdr_buf *buf, const void *data, size_t len);
void xdr_put_string(struct xdr_buf *buf, const char *string);
/** Overwrite the word at byte @a offset, which has been put before. */
void xdr_patch_u32(struct xdr_buf *buf, size_t offset, uint32_t value);

/** What is left to decode. Borrows the bytes. */
struct xdr_cursor {
	const uint8_t *next;
	const uint8_t *end;
	bool bad;
};

struct xdr_cursor xdr_cursor(const void *data, size_t len);
size_t xdr_left(const struct xdr_cursor *cursor);
uint32_t xdr_get_u32(struct xdr_cursor *cursor);
uint64_t xdr_get_u64(struct xdr_cursor *cursor);
/** Copy @a len bytes, as xdr_put_bytes() put them; zeros when bad. */
void xdr_get_bytes(struct xdr_cursor *cursor, void *out, size_t len);
/**
 * An opaque<> of at most @a max bytes.
 * @return the bytes, borrowed from the cursor's memory; NULL when bad
 */
const uint8_t *xdr_get_opaque(struct xdr_cursor *cursor, size_t max,
			      uint32_t *len);
/** A string of less than @a size bytes, zero-terminated in @a out. */
void xdr_get_string(struct xdr_cursor *cursor, char *out, size_t size);
/** Pass over @a words 32-bit words. */
void xdr_skip(struct xdr_cursor *cursor, size_t words);

#endif
