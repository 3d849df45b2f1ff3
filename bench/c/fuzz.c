/*
 * A plain differential fuzz loop, as one writes it in an afternoon: random filters, boundary-biased accesses, the linear
 * scan against the bit pages, compare. Single thread, no errors of the ioctl, no exit mask, no minimization, no store.
 * Prints accesses compared, seconds, and seconds of the processor.
 *
 *   cc -O2 -o fuzz fuzz.c scan.c pages.c && ./fuzz SECONDS SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rival.h"

#define ACCESSES 4096

static uint32_t state[4];
static struct filter filter;
static uint32_t msr[ACCESSES];
static uint8_t type[ACCESSES], left[ACCESSES], right[ACCESSES];

/* sfc32 */
static uint32_t next(void)
{
	uint32_t sum = state[0] + state[1] + state[3]++;

	state[0] = state[1] ^ state[1] >> 9;
	state[1] = state[2] + (state[2] << 3);
	state[2] = (state[2] << 21 | state[2] >> 11) + sum;
	return sum;
}

static uint32_t below(uint32_t bound)
{
	return (uint32_t)((uint64_t)next() * bound >> 32);
}

static void draw_filter(void)
{
	static const uint32_t bases[] = { 0, 0x40000000, 0x80000000, 0xc0000000, 0xc0010000 };

	filter.default_allow = below(2);
	filter.count = 1 + below(MAX_RANGES);
	for (uint32_t i = 0; i < filter.count; i++) {
		struct range *range = &filter.ranges[i];
		uint32_t random = next();

		range->flags = 1 + below(3);
		range->nmsrs = 1 + (random & 1 ? below(BITMAP_BYTES * 8) : below(64));
		range->base = random & 2 ? bases[below(5)] + below(0x4000) : next();
		for (size_t at = 0; at < bitmap_bytes(range); at += 4) {
			uint32_t word = next();

			memcpy(range->bitmap + at, &word, 4);
		}
	}
}

static void draw_accesses(void)
{
	for (uint32_t i = 0; i < ACCESSES; i++) {
		uint32_t random = next();
		const struct range *range = &filter.ranges[(random >> 8 & 0xffff) * filter.count >> 16];

		type[i] = random & 1;
		switch (random >> 1 & 7) {
		case 0:
			msr[i] = next();
			break;
		case 1:
			msr[i] = X2APIC_FIRST - 8 + below(0x110);
			break;
		case 2:
			msr[i] = range->base + (random >> 24) % 3 - 1;
			break;
		case 3:
			msr[i] = range->base + range->nmsrs + (random >> 24) % 3 - 1;
			break;
		default:
			msr[i] = range->base + below(range->nmsrs);
		}
	}
}

static double seconds(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: fuzz SECONDS SEED\n");
		return 2;
	}
	state[0] = (uint32_t)atoi(argv[2]);
	state[3] = 1;
	for (int i = 0; i < 12; i++)
		next();

	double begun = seconds(CLOCK_MONOTONIC), end = begun + atof(argv[1]);
	unsigned long long compared = 0;

	while (seconds(CLOCK_MONOTONIC) < end) {
		draw_filter();
		draw_accesses();
		scan_compile(&filter);
		scan_judge(msr, type, left, ACCESSES);
		pages_compile(&filter);
		pages_judge(msr, type, right, ACCESSES);
		if (memcmp(left, right, ACCESSES)) {
			fprintf(stderr, "fuzz: the engines differ after %llu accesses\n", compared);
			return 1;
		}
		compared += ACCESSES;
	}
	printf("%llu %.3f %.3f\n", compared, seconds(CLOCK_MONOTONIC) - begun, seconds(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
