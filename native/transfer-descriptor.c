/* File descriptors: standard input and output, or a device such as a virtio port. */
#define _GNU_SOURCE
#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Modules that were just loaded need a moment until their device appears, and the host until it has opened its side. */
#define DEVICE_WAIT_MS 10000
#define DEVICE_POLL_MS 1

static int input = STDIN_FILENO;
static int output = STDOUT_FILENO;

/*
 * A virtio port blocks in write(2), for ever, when the host hangs up; so descriptors are non-blocking where they can
 * be, and poll(2) tells about the other side. It reports POLLIN as long as there is something left to read.
 */
static bool wait_for(int descriptor, short event)
{
	struct pollfd entry = {.fd = descriptor, .events = event};
	for (;;) {
		int ready = poll(&entry, 1, -1);
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready <= 0)
			continue;
		if (entry.revents & event)
			return true;
		if (entry.revents & (POLLHUP | POLLERR | POLLNVAL))
			return false;
	}
}

static size_t descriptor_read(void *buffer, size_t size)
{
	for (;;) {
		ssize_t length = read(input, buffer, size);
		if (length >= 0)
			return (size_t)length;
		if (errno == EAGAIN) {
			if (!wait_for(input, POLLIN))
				return 0;
		} else if (errno != EINTR) {
			return 0;
		}
	}
}

static int descriptor_write(const void *buffer, size_t length)
{
	const uint8_t *source = buffer;
	while (length > 0) {
		ssize_t written = write(output, source, length);
		if (written >= 0) {
			source += written;
			length -= (size_t)written;
		} else if (errno == EAGAIN) {
			if (!wait_for(output, POLLOUT))
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

static const struct transfer descriptor_transfer = {.read = descriptor_read, .write = descriptor_write};

int descriptor_open_stdio(const struct transfer **transfer)
{
	*transfer = &descriptor_transfer;
	return 0;
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = DEVICE_POLL_MS * 1000000}, NULL);
}

int descriptor_open_device(const char *path, const struct transfer **transfer)
{
	int device = -1;
	for (int waited = 0; device < 0; waited += DEVICE_POLL_MS) {
		device = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (device < 0 && (errno == EINTR || ((errno == ENOENT || errno == ENODEV) && waited < DEVICE_WAIT_MS))) {
			pause_briefly();
		} else if (device < 0) {
			fprintf(stderr, "msrdiff-kvm: channel %s: %s\n", path, strerror(errno));
			return -1;
		}
	}
	/* Until the host's side is open, the port looks as if it had been hung up. */
	struct pollfd entry = {.fd = device, .events = POLLIN};
	for (int waited = 0; poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP); waited += DEVICE_POLL_MS) {
		if (waited >= DEVICE_WAIT_MS) {
			fprintf(stderr, "msrdiff-kvm: channel %s: the host has not opened its side\n", path);
			close(device);
			return -1;
		}
		pause_briefly();
	}
	input = output = device;
	*transfer = &descriptor_transfer;
	return 0;
}
