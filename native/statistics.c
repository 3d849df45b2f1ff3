#define _GNU_SOURCE
#include "vm-state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
	struct kvm_stats_header header;
	uint8_t *descriptors;
	size_t descriptor_size;
	size_t data_size;
	/* The data block now. */
	uint8_t *data;
} statistics;

static const struct kvm_stats_desc *descriptor(uint32_t number)
{
	return (const struct kvm_stats_desc *)(statistics.descriptors + number * statistics.descriptor_size);
}

int statistics_open(void)
{
	vm->stats = ioctl(vm->vcpu, KVM_GET_STATS_FD, NULL);
	if (vm->stats < 0)
		return 0; /* before Linux 5.14 there are none, and STATS answers with an empty list */
	if (pread(vm->stats, &statistics.header, sizeof(statistics.header), 0) != (ssize_t)sizeof(statistics.header))
		return vm_fail_errno("KVM_GET_STATS_FD header");
	const struct kvm_stats_header *header = &statistics.header;
	statistics.descriptor_size = sizeof(struct kvm_stats_desc) + header->name_size;
	size_t size = statistics.descriptor_size * header->num_desc;
	statistics.descriptors = realloc(statistics.descriptors, size);
	if (pread(vm->stats, statistics.descriptors, size, header->desc_offset) != (ssize_t)size)
		return vm_fail_errno("KVM_GET_STATS_FD descriptors");
	statistics.data_size = 0;
	for (uint32_t i = 0; i < header->num_desc; i++) {
		const size_t end = descriptor(i)->offset + descriptor(i)->size * sizeof(uint64_t);
		if (end > statistics.data_size)
			statistics.data_size = end;
	}
	statistics.data = realloc(statistics.data, statistics.data_size);
	return 0;
}

static int read_statistics(uint8_t *data)
{
	if (pread(vm->stats, data, statistics.data_size, statistics.header.data_offset) == (ssize_t)statistics.data_size)
		return 0;
	return vm_fail_errno("KVM_GET_STATS_FD data");
}

int vm_statistics(void (*each)(const char *name, uint64_t value, void *context), void *context)
{
	if (vm->stats < 0)
		return 0;
	if (read_statistics(statistics.data))
		return -1;
	for (uint32_t i = 0; i < statistics.header.num_desc; i++) {
		uint64_t value;
		if (descriptor(i)->size != 1)
			continue; /* a histogram */
		memcpy(&value, statistics.data + descriptor(i)->offset, sizeof(value));
		each((const char *)(descriptor(i) + 1), value, context);
	}
	return 0;
}
