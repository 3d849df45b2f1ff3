/* Dispatch and buffering; how bytes move is the business of a `transfer`. */
#include "channel.h"

#include "transfer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_SIZE 65536

static const struct transfer *transfer;

static struct {
	uint8_t bytes[BUFFER_SIZE];
	size_t start, end;
} input;

static struct {
	uint8_t bytes[BUFFER_SIZE];
	size_t length;
} output;

int channel_open(const char *spec)
{
	if (strcmp(spec, "stdio") == 0)
		return descriptor_open_stdio(&transfer);
	if (strncmp(spec, "tty:", 4) == 0)
		return descriptor_open_device(spec + 4, &transfer);
	if (strcmp(spec, "bochs") == 0)
		return mailbox_open(&transfer);
	fprintf(stderr, "msrdiff-kvm: unknown channel \"%s\": give stdio, tty:PATH or bochs\n", spec);
	return -1;
}

int channel_flush(void)
{
	size_t length = output.length;
	output.length = 0;
	return length == 0 ? 0 : transfer->write(output.bytes, length);
}

/*
 * Answers leave before a wait for more input: the other side may send nothing until it has them, and while input is
 * left they gather into larger writes.
 */
static int refill(void)
{
	if (channel_flush())
		return -1;
	size_t length = transfer->read(input.bytes, BUFFER_SIZE);
	input.start = 0;
	input.end = length;
	return length == 0 ? -1 : 0;
}

int channel_read(void *buffer, size_t length)
{
	uint8_t *target = buffer;
	while (length > 0) {
		if (input.start == input.end && refill())
			return -1;
		size_t part = input.end - input.start;
		if (part > length)
			part = length;
		memcpy(target, input.bytes + input.start, part);
		input.start += part;
		target += part;
		length -= part;
	}
	return 0;
}

int channel_write(const void *buffer, size_t length)
{
	const uint8_t *source = buffer;
	while (length > 0) {
		if (output.length == BUFFER_SIZE && channel_flush())
			return -1;
		size_t part = BUFFER_SIZE - output.length;
		if (part > length)
			part = length;
		memcpy(output.bytes + output.length, source, part);
		output.length += part;
		source += part;
		length -= part;
	}
	return 0;
}
