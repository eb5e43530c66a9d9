/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A harness without libFuzzer: runs each file of the folders that are named.
 */
#include "fuzz.h"

#include <ftw.h>
#include <stdlib.h>

#include "check.h"

#define INPUT_MAX 65536 /* bytes; libFuzzer's inputs are 4096 */

static unsigned int inputs;

static int replay(const char *path, const struct stat *status, int type,
		  struct FTW *where)
{
	uint8_t buffer[INPUT_MAX], *input;
	FILE *file;
	size_t size;

	(void)status;
	(void)where;
	if (type != FTW_F)
		return 0;
	file = fopen(path, "r");
	CHECK(file);
	size = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);

	/* Of its very size, so that a sanitizer sees who reads beyond it. */
	input = malloc(size ? size : 1);
	CHECK(input);
	memcpy(input, buffer, size);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(input, size);
	free(input);
	inputs++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		CHECK(!nftw(argv[i], replay, 8, FTW_PHYS));
	fprintf(stderr, "%u inputs\n", inputs);
	return inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
