/* The byte stream between the helper and msrdiff. */
#ifndef MSRDIFF_CHANNEL_H
#define MSRDIFF_CHANNEL_H

#include <stddef.h>

/*
 * Opens the stream named by `spec`: "stdio"; "tty:PATH", a device such as /dev/vport0p1; "bochs", the disk mailbox and
 * parallel port that Bochs gives us. Returns 0, or -1 with a message on standard error.
 */
int channel_open(const char *spec);
/* Reads exactly `length` bytes. Returns 0, or -1 at the end of the stream. */
int channel_read(void *buffer, size_t length);
/* Writes all, possibly buffered until channel_flush. Returns 0, or -1 if nobody reads any more. */
int channel_write(const void *buffer, size_t length);
int channel_flush(void);

#endif
