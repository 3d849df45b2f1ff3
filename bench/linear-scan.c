/*
 * The kernel's algorithm (kvm_msr_allowed(): first match, linear scan), for comparison with the interval engine.
 * Reads from a file: u32 ranges, then per range u32 flags, base, nmsrs and 1,536 bytes of bitmap, then u32 accesses,
 * the indices (u32 each) and the types (one byte each). Prints nanoseconds per lookup and the number allowed.
 *
 *   cc -O2 -o linear-scan bench/linear-scan.c && ./linear-scan FILE ROUNDS
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct range {
	uint32_t flags, base, nmsrs;
	uint8_t bitmap[1536];
};

static struct range ranges[16];
static uint32_t count;

static int allowed(uint32_t index, uint32_t type)
{
	if (index >= 0x800 && index <= 0x8ff)
		return 1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t start = ranges[i].base;
		uint32_t end = start + ranges[i].nmsrs;

		if (index >= start && index < end && (ranges[i].flags & type)) {
			uint32_t bit = index - start;
			return ranges[i].bitmap[bit >> 3] >> (bit & 7) & 1;
		}
	}
	return 0;
}

static void must_read(void *to, size_t size, FILE *from)
{
	if (fread(to, 1, size, from) != size) {
		fprintf(stderr, "linear-scan: the file is too short\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
	uint32_t accesses;

	if (!file) {
		fprintf(stderr, "usage: linear-scan FILE ROUNDS\n");
		return 2;
	}
	must_read(&count, 4, file);
	if (count > 16)
		return 2;
	must_read(ranges, count * sizeof(ranges[0]), file);
	must_read(&accesses, 4, file);
	uint32_t *index = malloc(accesses * 4);
	uint8_t *type = malloc(accesses);
	uint8_t *verdict = malloc(accesses);
	must_read(index, accesses * 4, file);
	must_read(type, accesses, file);

	int rounds = atoi(argv[2]);
	uint64_t total = 0;
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < accesses; i++)
			verdict[i] = (uint8_t)allowed(index[i], 1u << type[i]);
		total += verdict[round % accesses];
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	double ns = (to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec);
	uint64_t allowed_count = 0;
	for (uint32_t i = 0; i < accesses; i++)
		allowed_count += verdict[i];
	printf("%.4f %llu %llu\n", ns / rounds / accesses, (unsigned long long)allowed_count, (unsigned long long)total);
	return 0;
}
