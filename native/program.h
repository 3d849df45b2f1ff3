/* Somebody else's program, run on the helper's machine. */
#ifndef MSRDIFF_PROGRAM_H
#define MSRDIFF_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Runs a static executable and keeps the first `capacity` bytes of what it writes to standard output and error.
 * Returns its exit status (128 + signal if one ended it), or a negative errno.
 */
int program_run(const uint8_t *executable, size_t size, uint8_t *output, size_t capacity, size_t *length);

#endif
