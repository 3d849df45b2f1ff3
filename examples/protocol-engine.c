/*
 * An engine as a process: it speaks msrdiff's engine protocol (docs/engine-protocol.md) on standard input and output.
 *
 *   cc -O2 -o protocol-engine examples/protocol-engine.c
 *   npx msrdiff fuzz --engines reference,interval --engine-command ./protocol-engine
 *
 * allowed() is the decision that is tested: put your own code there. What is around it are the rules of Linux 6.1 and
 * newer (profiles 6.1 and 6.18). Integers are copied as they are in memory: for little-endian machines.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELLO = 0x01, CONFIG, RESET, FILTER = 0x10, CAP, IGNORE_MSRS, APIC, ACCESS = 0x15, REPLY };
enum { ANSWER = 0x80, ERROR = 0xff };
enum { READ, WRITE };
enum { ALLOW, GP, EXIT_FILTER, EXIT_UNKNOWN, EXIT_INVAL };
enum { HANDLED, UNKNOWN, INVALID };
enum { NO_EXIT_PENDING, COMPLETED, COMPLETED_WITH_GP };
enum { REASON_INVAL = 1, REASON_UNKNOWN = 2, REASON_FILTER = 4 };
enum { NOT_MAPPED = -14, NOT_VALID = -22, NOT_AN_IOCTL = -25 }; /* -EFAULT, -EINVAL, -ENOTTY */

#define MAX_PAYLOAD (1u << 24)
#define MAX_ACCESSES (1u << 20)
#define MAX_RANGES 16
#define MAX_BITMAP 0x600
#define UNMAPPED 0xffffffffu
#define CAP_USER_SPACE_MSR 188
#define X2APIC_MODE 2

struct range {
	uint32_t flags, nmsrs, base;
	uint8_t bitmap[MAX_BITMAP];
};

/* A filter that the ioctl has accepted. */
struct filter {
	bool deny; /* where no range decides */
	int count; /* 0: no filter */
	struct range ranges[MAX_RANGES];
};

/* What a bare access does: from CONFIG, ascending by index. */
struct base_row {
	uint32_t index;
	uint8_t outcome[2];
	uint16_t zero;
};

static struct base_row base_rows[MAX_PAYLOAD / sizeof(struct base_row)];
static uint32_t base_count;

/* The VM. */
static struct filter filter;
static uint64_t exit_mask;
static uint8_t apic_mode;
static bool ignore_msrs, exit_pending;

/* ---- The decision ---- */

/* Whether the filter allows the access. `type` is READ or WRITE. */
static bool allowed(const struct filter *f, uint32_t index, int type)
{
	/* x2APIC MSRs are never filtered. */
	if (f->count == 0 || (index >= 0x800 && index <= 0x8ff))
		return true;
	for (int i = 0; i < f->count; i++) {
		const struct range *range = &f->ranges[i];
		/* As the kernel, in 32 bits: a range that reaches 2^32 ends at 0 and matches nothing. */
		const uint32_t end = range->base + range->nmsrs;
		if (index < range->base || index >= end || !(range->flags & (1u << type)))
			continue;
		const uint32_t bit = index - range->base;
		return range->bitmap[bit / 8] >> (bit % 8) & 1;
	}
	return !f->deny;
}

/* ---- The rules around it ---- */

static int compare_rows(const void *a, const void *b)
{
	const uint32_t x = ((const struct base_row *)a)->index, y = ((const struct base_row *)b)->index;
	return (x > y) - (x < y);
}

static int base_outcome(uint32_t index, int type)
{
	const bool x2apic = index >= 0x800 && index <= 0x8ff;
	const struct base_row key = {.index = index};
	if (x2apic && apic_mode != X2APIC_MODE)
		return INVALID;
	const struct base_row *row = bsearch(&key, base_rows, base_count, sizeof(key), compare_rows);
	return row ? row->outcome[type] : x2apic ? INVALID : UNKNOWN;
}

static uint8_t deflect(unsigned reason, uint8_t verdict)
{
	return exit_mask & reason ? verdict : GP;
}

static uint8_t verdict_of(uint32_t index, int type)
{
	if (!allowed(&filter, index, type))
		return deflect(REASON_FILTER, EXIT_FILTER);
	switch (base_outcome(index, type)) {
	case HANDLED: return ALLOW;
	case UNKNOWN: return ignore_msrs ? ALLOW : deflect(REASON_UNKNOWN, EXIT_UNKNOWN);
	default: return deflect(REASON_INVAL, EXIT_INVAL);
	}
}

/* One range of a FILTER request; `size` is that of the readable memory behind `bytes`. */
static int32_t add_range(struct filter *f, uint32_t flags, uint32_t nmsrs, uint32_t base, uint32_t size, const uint8_t *bytes)
{
	const uint64_t needed = ((uint64_t)nmsrs + 63) / 64 * 8;
	struct range *range = &f->ranges[f->count];
	if (nmsrs == 0)
		return 0;
	if (flags == 0 || flags > 3 || needed > MAX_BITMAP)
		return NOT_VALID;
	if (size == UNMAPPED || size < needed)
		return NOT_MAPPED;
	range->flags = flags;
	range->nmsrs = nmsrs;
	range->base = base;
	memcpy(range->bitmap, bytes, needed);
	f->count++;
	return 0;
}

/* ---- Frames ---- */

/* Answers go out when nothing is left to read: msrdiff sends ahead, and may send nothing more until it has them. */
static void get(void *buffer, size_t length)
{
	static uint8_t input[1 << 16], *next = input;
	static size_t left;
	uint8_t *target = buffer;
	while (length > 0) {
		if (left == 0) {
			fflush(stdout);
			const ssize_t got = read(STDIN_FILENO, input, sizeof(input));
			if (got <= 0)
				exit(0); /* End of input. */
			next = input;
			left = (size_t)got;
		}
		const size_t part = length < left ? length : left;
		memcpy(target, next, part);
		next += part;
		left -= part;
		target += part;
		length -= part;
	}
}

struct header {
	uint32_t length, number;
	uint8_t type, zero[3];
};

static struct header request; /* The one being served. */
/* With room for the fields of a request that is too short. */
static uint8_t payload[MAX_PAYLOAD + 16];

static void answer_as(uint8_t type, const void *bytes, uint32_t length)
{
	const struct header header = {length, request.number, type, {0}};
	fwrite(&header, sizeof(header), 1, stdout);
	if (length > 0)
		fwrite(bytes, length, 1, stdout);
}

static void answer(const void *bytes, uint32_t length)
{
	answer_as(request.type | ANSWER, bytes, length);
}

static void refuse(const char *message)
{
	answer_as(ERROR, message, (uint32_t)strlen(message));
}

static uint32_t u32_at(uint32_t at)
{
	uint32_t value;
	memcpy(&value, payload + at, sizeof(value));
	return value;
}

static uint64_t u64_at(uint32_t at)
{
	uint64_t value;
	memcpy(&value, payload + at, sizeof(value));
	return value;
}

/* ---- Requests. Each is checked for its length, and answered once. ---- */

static void hello(void)
{
	static const char name[] = "protocol-example", text[] = "examples/protocol-engine.c";
	/* Magic; version 1, no flags, no vendor; events filter, cap, ignoreMsrs, apic, access, reply; form native. */
	const uint32_t fields[] = {0x4452534d, 1, 0x6f, 0x01};
	const uint16_t name_length = sizeof(name) - 1, text_length = sizeof(text) - 1;
	uint8_t bytes[128];
	memcpy(bytes, fields, 16);
	memcpy(bytes + 16, &name_length, 2);
	memcpy(bytes + 18, name, name_length);
	memcpy(bytes + 18 + name_length, &text_length, 2);
	memcpy(bytes + 20 + name_length, text, text_length);
	answer(bytes, 20u + name_length + text_length);
}

static void config(void)
{
	const uint32_t id_length = payload[0] + 256u * payload[1], rows_at = 6 + id_length;
	if (request.length < rows_at || (request.length - rows_at) % 8 != 0 ||
	    (request.length - rows_at) / 8 != u32_at(rows_at - 4)) {
		refuse("malformed CONFIG");
		return;
	}
	const char *id = (const char *)payload + 2;
	if (!(id_length == 3 && memcmp(id, "6.1", 3) == 0) && !(id_length == 4 && memcmp(id, "6.18", 4) == 0)) {
		refuse("this example has the rules of profiles 6.1 and 6.18 only");
		return;
	}
	base_count = (request.length - rows_at) / 8;
	memcpy(base_rows, payload + rows_at, request.length - rows_at);
	answer(NULL, 0);
}

static void reset(void)
{
	filter.count = 0;
	exit_mask = 0;
	apic_mode = 0;
	ignore_msrs = exit_pending = false;
	answer(NULL, 0);
}

static void set_filter(void)
{
	static struct filter next;
	const uint32_t flags = u32_at(4), count = u32_at(8);
	uint32_t at = 12;
	bool empty = true;
	int32_t result = 0;
	next.count = 0;
	next.deny = flags & 1;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t nmsrs = u32_at(at + 4), size = u32_at(at + 12), sent = size == UNMAPPED ? 0 : size;
		if (count > MAX_RANGES || at + 16 > request.length || sent > request.length - at - 16)
			break;
		empty = empty && nmsrs == 0;
		if (result == 0)
			result = add_range(&next, u32_at(at), nmsrs, u32_at(at + 8), size, payload + at + 16);
		at += 16 + sent;
	}
	if (at != request.length) {
		refuse("malformed FILTER");
		return;
	}
	if (payload[0] == 1) /* compat */
		result = NOT_AN_IOCTL;
	else if (payload[0] == 2) /* short */
		result = NOT_MAPPED;
	else if (flags > 1 || (empty && next.deny))
		result = NOT_VALID;
	if (result == 0)
		filter = next;
	answer(&result, 4);
}

static void enable_cap(void)
{
	const bool valid = u32_at(0) == CAP_USER_SPACE_MSR && u32_at(4) == 0 && u64_at(8) <= 7;
	const int32_t result = valid ? 0 : NOT_VALID;
	if (valid)
		exit_mask = u64_at(8);
	answer(&result, 4);
}

static void run_accesses(void)
{
	static uint8_t verdicts[MAX_ACCESSES];
	const uint32_t count = u32_at(0);
	if (count > MAX_ACCESSES || request.length != 8 + count * (payload[5] ? 13 : 5)) {
		refuse("malformed ACCESS");
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		verdicts[i] = verdict_of(u32_at(8 + 4 * i), payload[8 + 4 * count + i] != 0);
	if (count > 0)
		exit_pending = verdicts[count - 1] >= EXIT_FILTER;
	answer(verdicts, count);
}

static void reply(void)
{
	const uint8_t completion[4] = {!exit_pending ? NO_EXIT_PENDING : payload[0] ? COMPLETED_WITH_GP : COMPLETED};
	exit_pending = false;
	answer(completion, 4);
}

static void serve(void)
{
	static const uint8_t fixed_length[256] = {
		[HELLO] = 8, [RESET] = 4, [CAP] = 16, [IGNORE_MSRS] = 4, [APIC] = 4, [REPLY] = 16,
	};
	const uint8_t expected = fixed_length[request.type];
	if (expected != 0 && request.length != expected) {
		refuse("malformed request");
		return;
	}
	switch (request.type) {
	case HELLO: hello(); break;
	case CONFIG: config(); break;
	case RESET: reset(); break;
	case FILTER: set_filter(); break;
	case CAP: enable_cap(); break;
	case IGNORE_MSRS: ignore_msrs = payload[0]; answer(NULL, 0); break;
	case APIC: apic_mode = payload[0]; answer(NULL, 0); break;
	case ACCESS: run_accesses(); break;
	case REPLY: reply(); break;
	default: refuse("unknown request");
	}
}

int main(void)
{
	for (;;) {
		get(&request, sizeof(request));
		if (request.length > MAX_PAYLOAD)
			return 1;
		get(payload, request.length);
		serve();
	}
}
