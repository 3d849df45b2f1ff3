/*
 * Bit pages: a byte per 4,096 MSRs names the page that holds their bits, page 0 the default. A lookup is two loads,
 * whatever the number of ranges.
 */
#include <string.h>

#include "rival.h"

#define PAGE_BITS 12
#define PAGE_WORDS (1 << PAGE_BITS >> 5)
/* 16 ranges of 12,288 MSRs touch 4 pages each; one more for the x2APIC window, one for the default. */
#define MAX_PAGES (MAX_RANGES * 4 + 2)

static uint8_t directory[1u << (32 - PAGE_BITS)];
static uint32_t pages[MAX_PAGES][2][PAGE_WORDS];
static uint32_t blocks[MAX_PAGES];
static uint32_t page_count = 1;

static uint32_t page_of(uint32_t block)
{
	if (!directory[block]) {
		memcpy(pages[page_count], pages[0], sizeof(pages[0]));
		blocks[page_count] = block;
		directory[block] = (uint8_t)page_count++;
	}
	return directory[block];
}

/* 32 bits of the bitmap from any bit on; what is outside of it does not matter. */
static uint32_t bits_at(const struct range *range, int64_t bit)
{
	const int64_t words = BITMAP_BYTES / 4;
	int64_t word = bit >> 5;
	uint32_t shift = (uint32_t)(bit & 31), low = 0, high = 0;

	if (word >= 0 && word < words)
		memcpy(&low, range->bitmap + word * 4, 4);
	if (word + 1 >= 0 && word + 1 < words)
		memcpy(&high, range->bitmap + (word + 1) * 4, 4);
	return shift ? low >> shift | high << (32 - shift) : low;
}

static void put(const struct range *range, uint32_t end)
{
	for (uint32_t word = range->base >> 5; word <= (end - 1) >> 5; word++) {
		uint32_t (*page)[PAGE_WORDS] = pages[page_of(word >> (PAGE_BITS - 5))];
		uint32_t mask = ~0u, at = word & (PAGE_WORDS - 1);
		uint32_t bits = bits_at(range, (int64_t)word * 32 - range->base);

		if (word == range->base >> 5)
			mask &= ~0u << (range->base & 31);
		if (word == (end - 1) >> 5)
			mask &= ~0u >> (31 - ((end - 1) & 31));
		for (uint32_t type = 0; type < 2; type++)
			if (range->flags >> type & 1)
				page[type][at] = (page[type][at] & ~mask) | (bits & mask);
	}
}

void pages_compile(const struct filter *filter)
{
	while (page_count > 1)
		directory[blocks[--page_count]] = 0;
	memset(pages[0], filter->default_allow ? 0xff : 0, sizeof(pages[0]));
	/* The first match counts: it is written last. */
	for (uint32_t i = filter->count; i-- > 0;) {
		const struct range *range = &filter->ranges[i];
		uint32_t end = range->base + range->nmsrs;

		/* An end that wraps matches nothing. */
		if (end > range->base)
			put(range, end);
	}
	uint32_t exempt = page_of(X2APIC_FIRST >> PAGE_BITS);
	for (uint32_t type = 0; type < 2; type++)
		memset(&pages[exempt][type][X2APIC_FIRST >> 5], 0xff, (X2APIC_LAST + 1 - X2APIC_FIRST) / 8);
}

void pages_judge(const uint32_t *restrict index, const uint8_t *restrict type, uint8_t *restrict verdict,
		 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t page = directory[index[i] >> PAGE_BITS];
		uint32_t word = pages[page][type[i]][index[i] >> 5 & (PAGE_WORDS - 1)];

		verdict[i] = word >> (index[i] & 31) & 1;
	}
}
