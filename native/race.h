/* A filter change while a vCPU runs. */
#ifndef MSRDIFF_RACE_H
#define MSRDIFF_RACE_H

#include "filter.h"

/*
 * Sets the filters in turn, `rounds` changes in all, while a thread runs the accesses; fills `seen` with verdict bits
 * and counts the runs. Returns 0, or -1 with the reason in vm_error.
 */
int race_run(uint32_t count, const uint8_t *indices, const uint8_t *types, const struct filter_request filters[2],
	     uint32_t rounds, uint8_t *seen, uint32_t *runs);

#endif
