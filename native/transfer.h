/* The ways in which a channel moves bytes. */
#ifndef MSRDIFF_TRANSFER_H
#define MSRDIFF_TRANSFER_H

#include <stddef.h>

struct transfer {
	/* Waits for input and reads up to `size` bytes of it. Returns how many, or 0 at the end of the stream. */
	size_t (*read)(void *buffer, size_t size);
	/* Writes all. Returns 0, or -1 if nobody reads any more. */
	int (*write)(const void *buffer, size_t length);
};

/* Each sets *transfer and returns 0, or returns -1 with a message on standard error. */
int descriptor_open_stdio(const struct transfer **transfer);
int descriptor_open_device(const char *path, const struct transfer **transfer);
int mailbox_open(const struct transfer **transfer);

#endif
