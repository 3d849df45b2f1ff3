/* The kernel's algorithm, kvm_msr_allowed(): the first range that covers the index and names the access type. */
#include <string.h>

#include "rival.h"

static struct filter kept;

/* The kernel copies the bitmaps, nothing else. */
void scan_compile(const struct filter *filter)
{
	kept.default_allow = filter->default_allow;
	kept.count = filter->count;
	for (uint32_t i = 0; i < filter->count; i++) {
		const struct range *from = &filter->ranges[i];
		struct range *to = &kept.ranges[i];

		to->flags = from->flags;
		to->base = from->base;
		to->nmsrs = from->nmsrs;
		memcpy(to->bitmap, from->bitmap, bitmap_bytes(from));
	}
}

static int allowed(uint32_t index, uint32_t flag)
{
	if (index >= X2APIC_FIRST && index <= X2APIC_LAST)
		return 1;
	for (uint32_t i = 0; i < kept.count; i++) {
		uint32_t start = kept.ranges[i].base;
		uint32_t end = start + kept.ranges[i].nmsrs;

		if (index >= start && index < end && (kept.ranges[i].flags & flag)) {
			uint32_t bit = index - start;
			return kept.ranges[i].bitmap[bit >> 3] >> (bit & 7) & 1;
		}
	}
	return (int)kept.default_allow;
}

void scan_judge(const uint32_t *restrict index, const uint8_t *restrict type, uint8_t *restrict verdict,
		size_t count)
{
	for (size_t i = 0; i < count; i++)
		verdict[i] = (uint8_t)allowed(index[i], 1u << type[i]);
}
