/* Reads a filter as `msrdiff export --format binary` writes it, and prints it: by the kernel's own declarations. */
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct kvm_msr_filter) == 392, "struct kvm_msr_filter");
_Static_assert(sizeof(struct kvm_msr_filter_range) == 24, "struct kvm_msr_filter_range");
_Static_assert(offsetof(struct kvm_msr_filter, ranges) == 8, "ranges");
_Static_assert(offsetof(struct kvm_msr_filter_range, nmsrs) == 4, "nmsrs");
_Static_assert(offsetof(struct kvm_msr_filter_range, base) == 8, "base");
_Static_assert(offsetof(struct kvm_msr_filter_range, bitmap) == 16, "bitmap");

int main(int argc, char **argv)
{
	static uint8_t bytes[1 << 20];
	struct kvm_msr_filter filter;
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

	if (length < sizeof(filter)) {
		fprintf(stderr, "give a file of at least %zu bytes\n", sizeof(filter));
		return 2;
	}
	memcpy(&filter, bytes, sizeof(filter));
	printf("flags %u\n", filter.flags);
	for (int slot = 0; slot < KVM_MSR_FILTER_MAX_RANGES; slot++) {
		struct kvm_msr_filter_range *range = &filter.ranges[slot];
		size_t offset = (size_t)range->bitmap;

		if (!range->nmsrs && !range->flags && !range->base && !offset)
			continue;
		/* What KVM_X86_SET_MSR_FILTER takes: the pointer, and whole words behind it. */
		range->bitmap = offset ? bytes + offset : NULL;
		printf("%d: flags %u nmsrs %u base %u bitmap ", slot, range->flags, range->nmsrs, range->base);
		for (size_t at = 0; offset && at < (range->nmsrs + 63) / 64 * 8; at++) {
			if (offset + at >= length)
				return 1;
			printf("%02x", range->bitmap[at]);
		}
		printf("\n");
	}
	return 0;
}
