/* What the C rivals share: the filter as the ioctl has accepted it, and the two functions of each of them. */
#ifndef RIVAL_H
#define RIVAL_H

#include <stddef.h>
#include <stdint.h>

#define MAX_RANGES 16
#define BITMAP_BYTES 1536
#define X2APIC_FIRST 0x800u
#define X2APIC_LAST 0x8ffu

/* flags: bit 0 RDMSR, bit 1 WRMSR. */
struct range {
	uint32_t flags, base, nmsrs;
	uint8_t bitmap[BITMAP_BYTES];
};

struct filter {
	uint32_t default_allow, count;
	struct range ranges[MAX_RANGES];
};

/* compile: the filter as the rival keeps it. judge: 1 allowed, 0 denied; type 0 RDMSR, 1 WRMSR. */
#define DECLARE_RIVAL(name)                                                                                    \
	void name##_compile(const struct filter *filter);                                                      \
	void name##_judge(const uint32_t *restrict index, const uint8_t *restrict type,                        \
			  uint8_t *restrict verdict, size_t count)

DECLARE_RIVAL(scan);
DECLARE_RIVAL(pages);
DECLARE_RIVAL(sorted);
DECLARE_RIVAL(stream);

static inline size_t bitmap_bytes(const struct range *range)
{
	return (range->nmsrs + 63) / 64 * 8;
}

#endif
