/*
 * A sorted table of disjoint segments per access type, searched by halves without branches; a segment has the bitmap
 * of the range that owns it.
 */
#include <stdlib.h>
#include <string.h>

#include "rival.h"

/* Both ends of 16 ranges and of the x2APIC window, and 0; filled up to a power of two with the last segment. */
#define SEGMENTS 64

struct segment {
	const uint8_t *bitmap;
	uint32_t base;
	/* 0: one bit holds for the whole segment. */
	uint32_t mask;
};

static const uint8_t constant[2] = { 0, 1 };
static struct filter kept;
static uint32_t starts[SEGMENTS];
static struct segment segments[2][SEGMENTS];

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static struct segment owner(uint32_t index, uint32_t type)
{
	if (index >= X2APIC_FIRST && index <= X2APIC_LAST)
		return (struct segment){ &constant[1], 0, 0 };
	for (uint32_t i = 0; i < kept.count; i++) {
		const struct range *range = &kept.ranges[i];

		if (index >= range->base && index < range->base + range->nmsrs && (range->flags >> type & 1))
			return (struct segment){ range->bitmap, range->base, ~0u };
	}
	return (struct segment){ &constant[kept.default_allow], 0, 0 };
}

void sorted_compile(const struct filter *filter)
{
	uint32_t count = 0;

	kept.default_allow = filter->default_allow;
	kept.count = filter->count;
	starts[count++] = 0;
	starts[count++] = X2APIC_FIRST;
	starts[count++] = X2APIC_LAST + 1;
	for (uint32_t i = 0; i < filter->count; i++) {
		const struct range *range = &filter->ranges[i];

		memcpy(&kept.ranges[i], range, offsetof(struct range, bitmap) + bitmap_bytes(range));
		starts[count++] = range->base;
		starts[count++] = range->base + range->nmsrs;
	}
	qsort(starts, count, sizeof(starts[0]), ascending);
	for (; count < SEGMENTS; count++)
		starts[count] = ~0u;
	for (uint32_t type = 0; type < 2; type++)
		for (uint32_t i = 0; i < SEGMENTS; i++)
			segments[type][i] = owner(starts[i], type);
}

void sorted_judge(const uint32_t *restrict index, const uint8_t *restrict type, uint8_t *restrict verdict,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t at = 0;

		for (uint32_t half = SEGMENTS / 2; half > 0; half /= 2)
			at += starts[at + half] <= index[i] ? half : 0;
		const struct segment *segment = &segments[type[i]][at];
		uint32_t bit = (index[i] - segment->base) & segment->mask;

		verdict[i] = segment->bitmap[bit >> 3] >> (bit & 7) & 1;
	}
}
