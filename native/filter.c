#define _GNU_SOURCE
#include "filter.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

enum { DELIVERY_NORMAL, DELIVERY_COMPAT, DELIVERY_SHORT, DELIVERY_PADDING, DELIVERY_READONLY, DELIVERY_OVERWRITTEN };

#define PAGE 4096
/* KVM_X86_SET_MSR_FILTER of a 32-bit task: _IOW(0xAE, 0xc6, 260 bytes). */
#define SET_MSR_FILTER_COMPAT 0x4104aec6u
/* An address that is never mapped: in the first page of a process. */
#define UNMAPPED ((uint8_t *)16)

/*
 * One slot per range and one for the struct, each a page with an unmapped page behind it, so that memory ends where
 * the request says it ends: the kernel reads bitmaps in words of 8 bytes and must fail where the last is cut short.
 */
static uint8_t *slots;

static uint8_t *slot_end(int slot)
{
	return slots + (size_t)slot * 2 * PAGE + PAGE;
}

int filter_open(void)
{
	slots = mmap(NULL, 17 * 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED)
		return -1;
	for (int slot = 0; slot < 17; slot++)
		if (mprotect(slot_end(slot) - PAGE, PAGE, PROT_READ | PROT_WRITE))
			return -1;
	return 0;
}

/*
 * SET_MSR_FILTER waits for an SRCU grace period, which is expedited only if the last one ended more than
 * srcutree.exp_holdoff ago (25 us by default) and takes a millisecond or more if not: better to wait a little.
 */
#define HOLDOFF_NS 30000

static int set_after_holdoff(int vm, unsigned long number, const void *filter)
{
	static struct timespec last;
	struct timespec now;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - last.tv_sec) * 1000000000LL + now.tv_nsec - last.tv_nsec < HOLDOFF_NS);
	const int result = ioctl(vm, number, filter) ? -errno : 0;
	clock_gettime(CLOCK_MONOTONIC, &last);
	return result;
}

int filter_remove(int vm)
{
	static const struct kvm_msr_filter none = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};
	return set_after_holdoff(vm, KVM_X86_SET_MSR_FILTER, &none);
}

static uint32_t u32_at(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

int filter_parse(const uint8_t *payload, size_t length, struct filter_request *request)
{
	if (length < 12)
		return -1;
	memset(request, 0, sizeof(*request));
	request->delivery = payload[0];
	request->flags = u32_at(payload + 4);
	request->count = u32_at(payload + 8);
	if (request->count > 16 || request->delivery > DELIVERY_OVERWRITTEN)
		return -1;
	size_t at = 12;
	for (uint32_t i = 0; i < request->count; i++) {
		if (length - at < 16)
			return -1;
		request->ranges[i].flags = u32_at(payload + at);
		request->ranges[i].nmsrs = u32_at(payload + at + 4);
		request->ranges[i].base = u32_at(payload + at + 8);
		request->ranges[i].size = u32_at(payload + at + 12);
		request->ranges[i].bytes = payload + at + 16;
		at += 16;
		if (request->ranges[i].size == UINT32_MAX)
			continue;
		if (length - at < request->ranges[i].size)
			return -1;
		at += request->ranges[i].size;
	}
	return at == length ? 0 : -1;
}

static void protect(const struct filter_request *request, int protection)
{
	for (uint32_t i = 0; i < request->count; i++)
		mprotect(slot_end((int)i) - PAGE, PAGE, protection);
}

int filter_set(int vm, const struct filter_request *request)
{
	struct kvm_msr_filter filter;
	memset(&filter, request->delivery == DELIVERY_PADDING ? 0xa5 : 0, sizeof(filter));
	filter.flags = request->flags;
	for (int i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		struct kvm_msr_filter_range *range = &filter.ranges[i];
		const bool given = (uint32_t)i < request->count;
		range->flags = given ? request->ranges[i].flags : 0;
		range->nmsrs = given ? request->ranges[i].nmsrs : 0;
		range->base = given ? request->ranges[i].base : 0;
		range->bitmap = NULL;
		if (!given)
			continue;
		const uint32_t size = request->ranges[i].size;
		if (size == UINT32_MAX) {
			range->bitmap = UNMAPPED;
			continue;
		}
		/* The kernel reads at most KVM_MSR_FILTER_MAX_BITMAP_SIZE bytes: of what is longer, the head is enough. */
		const uint32_t kept = size < PAGE ? size : PAGE;
		range->bitmap = slot_end(i) - kept;
		memcpy(range->bitmap, request->ranges[i].bytes, kept);
	}
	/* The struct ends where its memory ends, or, delivered short, one byte later. */
	uint8_t *place = slot_end(16) - sizeof(filter);
	if (request->delivery == DELIVERY_SHORT) {
		memcpy(place + 1, &filter, sizeof(filter) - 1);
		place++;
	} else
		memcpy(place, &filter, sizeof(filter));
	if (request->delivery == DELIVERY_READONLY)
		protect(request, PROT_READ);
	const unsigned long number = request->delivery == DELIVERY_COMPAT ? SET_MSR_FILTER_COMPAT : KVM_X86_SET_MSR_FILTER;
	const int result = set_after_holdoff(vm, number, place);
	if (request->delivery == DELIVERY_READONLY)
		protect(request, PROT_READ | PROT_WRITE);
	if (request->delivery == DELIVERY_OVERWRITTEN)
		for (uint32_t i = 0; i < request->count; i++)
			if (filter.ranges[i].bitmap != UNMAPPED)
				for (uint8_t *byte = filter.ranges[i].bitmap; byte < slot_end((int)i); byte++)
					*byte ^= 0xff;
	return result;
}
