/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the harnesses share: libFuzzer's entry point, and reading the input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** One input, from whomever: must end with everything freed, or abort. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** An input, read from the front; zeros follow its end. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->data++;
}

static inline uint32_t fuzz_word(struct fuzz_input *input)
{
	uint32_t word = 0;

	for (int i = 0; i < 4; i++)
		word = word << 8 | fuzz_byte(input);
	return word;
}

#endif /* FUZZ_H */
