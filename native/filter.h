/* KVM_X86_SET_MSR_FILTER as user space may hand it over, clumsy ways included. */
#ifndef MSRDIFF_FILTER_H
#define MSRDIFF_FILTER_H

#include <stddef.h>
#include <stdint.h>

/* One payload of FILTER, checked: docs/engine-protocol.md. */
struct filter_request {
	uint8_t delivery;
	uint32_t flags;
	uint32_t count;
	struct {
		uint32_t flags, nmsrs, base;
		/* UINT32_MAX: the pointer is not mapped. */
		uint32_t size;
		const uint8_t *bytes;
	} ranges[16];
};

/* Maps the memory that filters are handed over in. Once. Returns 0 or -1. */
int filter_open(void);
/* Returns 0, or -1 if the payload is malformed. */
int filter_parse(const uint8_t *payload, size_t length, struct filter_request *request);
/* The ioctl on a VM's file descriptor: 0 or a negative errno. */
int filter_set(int vm, const struct filter_request *request);
/* Allows everything: the filter of a VM that has none. 0 or a negative errno. */
int filter_remove(int vm);

#endif
