/*
 * The channel of a machine that Bochs emulates, which has no fast way in but the disk and none out but disk and
 * parallel port; both are driven by programmed I/O, without drivers. src/engines/remote/mailbox.ts is the other side.
 *
 * The second disk is a mailbox (numbers are little-endian; checksums are those of checksum()):
 *   sector 0: struct header, written last by the host, and the host's chunk if it is short enough
 *   from INBOX_SECTOR: the host's chunk if it is not
 *   from OUTBOX_SECTOR: OUTBOX_SLOTS slots, used in turn by us, each u32 length, u32 checksum of the bytes, the bytes
 * The parallel port rings the host's bell, because every byte there costs as much as a sector. Each byte is one of
 *   '!': the machine has booted (boot/loader.S); the second time, it was reset
 *   BELL_READY: we have started
 *   BELL_IDLE: we wait for input
 *   BELL_SLOT: the next slot of the outbox is full
 *   BELL_TAKEN: we have read a chunk: the host may write the next
 *   BELL_BROKEN: a chunk failed its checksum; we end
 */
#define _GNU_SOURCE
#include "transfer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>

#define SECTOR 512
#define WORDS_PER_SECTOR (SECTOR / 4)

#define INBOX_SECTOR 1
#define INBOX_SECTORS 128
#define OUTBOX_SECTOR 256
#define OUTBOX_SLOTS 16
#define OUTBOX_SLOT_SECTORS 128

#define HEADER_MAGIC 0x584f424du
#define HEADER_END 1u

/*
 * A wait this long is told the host. It then stops reading what we print, and Bochs sleeps as soon as the pipe is full
 * of it.
 */
#define POLLS_BEFORE_IDLE 200
#define IDLE_BELLS_PER_POLL 64

enum { BELL_READY = 'R', BELL_IDLE = '.', BELL_SLOT = 'S', BELL_TAKEN = 'T', BELL_BROKEN = 'B' };

struct header {
	uint32_t magic;
	/* Of the chunk, counting from 1; 0 while there is none. */
	uint32_t sequence;
	uint32_t length;
	uint32_t flags;
	uint32_t data_checksum;
	/* How many outbox slots the host has read. */
	uint32_t consumed;
	/* Of the fields above. */
	uint32_t header_checksum;
};

#define HEADER_WORDS (sizeof(struct header) / 4)
#define SHORT_CHUNK (SECTOR - sizeof(struct header))

struct slot {
	uint32_t length, checksum;
	uint32_t words[OUTBOX_SLOT_SECTORS * WORDS_PER_SECTOR - 2];
};

#define DATA_PORT 0x1f0
#define COUNT_PORT 0x1f2
#define LBA_PORT 0x1f3
#define DEVICE_PORT 0x1f6
#define COMMAND_PORT 0x1f7
#define CONTROL_PORT 0x3f6
/* The second disk: the first is the one that was booted from. */
#define DEVICE_LBA 0xf0
#define CONTROL_NO_INTERRUPT 0x02
#define COMMAND_READ 0x20
#define COMMAND_WRITE 0x30
#define STATUS_BUSY 0x80
#define STATUS_READY_FOR_DATA 0x08
#define STATUS_ERROR 0x01

#define PARALLEL_DATA 0x378
#define PARALLEL_CONTROL 0x37a
/* Printer on line, no reset; the strobe prints a byte. */
#define PARALLEL_IDLE 0x0c
#define PARALLEL_STROBE 0x0d

static uint32_t sequence, produced, consumed;
/* Sector 0 as last read, and the chunk. */
static uint32_t sector[WORDS_PER_SECTOR];
static uint32_t inbox[INBOX_SECTORS * WORDS_PER_SECTOR];
static size_t inbox_start, inbox_end;
static struct slot slot;

/* FNV-1a over words instead of bytes; the last word is filled up with zeros. */
static uint32_t checksum(const uint32_t *words, size_t bytes)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < (bytes + 3) / 4; i++)
		hash = (hash ^ words[i]) * 16777619u;
	return hash;
}

/* Returns the status, or STATUS_ERROR set. Bochs is busy for microseconds of its own time. */
static uint8_t disk_status(void)
{
	uint8_t status;
	do
		status = inb(COMMAND_PORT);
	while (status & STATUS_BUSY);
	return status & STATUS_READY_FOR_DATA ? status : status | STATUS_ERROR;
}

static void disk_command(uint8_t command, uint32_t first, uint32_t count)
{
	outb(DEVICE_LBA | (first >> 24), DEVICE_PORT);
	outb(count, COUNT_PORT);
	outb(first, LBA_PORT);
	outb(first >> 8, LBA_PORT + 1);
	outb(first >> 16, LBA_PORT + 2);
	outb(command, COMMAND_PORT);
}

static int disk_read(uint32_t first, uint32_t count, uint32_t *words)
{
	disk_command(COMMAND_READ, first, count);
	for (; count > 0; count--, words += WORDS_PER_SECTOR) {
		if (disk_status() & STATUS_ERROR)
			return -1;
		insl(DATA_PORT, words, WORDS_PER_SECTOR);
	}
	return 0;
}

static int disk_write(uint32_t first, uint32_t count, const uint32_t *words)
{
	disk_command(COMMAND_WRITE, first, count);
	for (; count > 0; count--, words += WORDS_PER_SECTOR) {
		if (disk_status() & STATUS_ERROR)
			return -1;
		outsl(DATA_PORT, words, WORDS_PER_SECTOR);
	}
	return inb(COMMAND_PORT) & STATUS_ERROR ? -1 : 0;
}

static void print(uint8_t byte)
{
	outb(byte, PARALLEL_DATA);
	outb(PARALLEL_STROBE, PARALLEL_CONTROL);
	outb(PARALLEL_IDLE, PARALLEL_CONTROL);
}

/* Reads the header; one that is being written is read again. */
static int read_header(struct header *header)
{
	do {
		if (disk_read(0, 1, sector))
			return -1;
		memcpy(header, sector, sizeof(*header));
	} while (header->header_checksum != checksum(sector, offsetof(struct header, header_checksum)));
	consumed = header->consumed;
	return 0;
}

static bool read_chunk(const struct header *header)
{
	if (header->magic != HEADER_MAGIC || header->length == 0 || header->length > sizeof(inbox))
		return false;
	if (header->length <= SHORT_CHUNK)
		memcpy(inbox, sector + HEADER_WORDS, SHORT_CHUNK);
	else if (disk_read(INBOX_SECTOR, (header->length + SECTOR - 1) / SECTOR, inbox))
		return false;
	return header->data_checksum == checksum(inbox, header->length);
}

static int next_chunk(void)
{
	struct header header;
	for (unsigned polls = 0;; polls++) {
		if (read_header(&header))
			return -1;
		if (header.sequence != sequence)
			break;
		if (polls >= POLLS_BEFORE_IDLE)
			for (int i = 0; i < IDLE_BELLS_PER_POLL; i++)
				print(BELL_IDLE);
	}
	if (header.flags & HEADER_END)
		return -1;
	if (!read_chunk(&header)) {
		print(BELL_BROKEN);
		return -1;
	}
	sequence = header.sequence;
	print(BELL_TAKEN);
	inbox_start = 0;
	inbox_end = header.length;
	return 0;
}

static size_t mailbox_read(void *buffer, size_t size)
{
	if (inbox_start == inbox_end && next_chunk())
		return 0;
	size_t length = inbox_end - inbox_start < size ? inbox_end - inbox_start : size;
	memcpy(buffer, (const uint8_t *)inbox + inbox_start, length);
	inbox_start += length;
	return length;
}

static int write_slot(const uint8_t *source, uint32_t length)
{
	struct header header;
	while (produced - consumed == OUTBOX_SLOTS)
		if (read_header(&header) || header.flags & HEADER_END)
			return -1;
	/* Zeros after the last byte, for the checksum. */
	slot.words[(length - 1) / 4] = 0;
	memcpy(slot.words, source, length);
	slot.length = length;
	slot.checksum = checksum(slot.words, length);
	uint32_t sectors = (offsetof(struct slot, words) + length + SECTOR - 1) / SECTOR;
	if (disk_write(OUTBOX_SECTOR + produced % OUTBOX_SLOTS * OUTBOX_SLOT_SECTORS, sectors, (const uint32_t *)&slot))
		return -1;
	produced++;
	print(BELL_SLOT);
	return 0;
}

static int mailbox_write(const void *buffer, size_t length)
{
	const uint8_t *source = buffer;
	while (length > 0) {
		size_t part = length < sizeof(slot.words) ? length : sizeof(slot.words);
		if (write_slot(source, (uint32_t)part))
			return -1;
		source += part;
		length -= part;
	}
	return 0;
}

static const struct transfer mailbox = {.read = mailbox_read, .write = mailbox_write};

int mailbox_open(const struct transfer **transfer)
{
	if (iopl(3)) {
		fprintf(stderr, "msrdiff-kvm: channel bochs: %s\n", strerror(errno));
		return -1;
	}
	outb(CONTROL_NO_INTERRUPT, CONTROL_PORT);
	print(BELL_READY);
	*transfer = &mailbox;
	return 0;
}
