/*
 * The kernel engine's helper: speaks msrdiff's engine protocol (docs/engine-protocol.md) and answers with what
 * /dev/kvm does. As PID 1 of an initramfs it first sets the system up, and powers it off at the end.
 */
#define _GNU_SOURCE
#include "channel.h"
#include "filter.h"
#include "guest.h"
#include "init.h"
#include "program.h"
#include "race.h"
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAGIC 0x4452534du
#define VERSION 1
#define MAX_PAYLOAD (1u << 24)
#define MAX_ACCESSES (1u << 20)

enum {
	HELLO = 0x01, CONFIG, RESET,
	FILTER = 0x10, CAP, IGNORE_MSRS, APIC, CANDIDATES, ACCESS, REPLY,
	STATS = 0x20, RACE, RUN,
	ANSWER = 0x80, ERROR = 0xff,
};

enum { FLAG_STATS = 2, FLAG_RACE = 4, FLAG_KERNEL = 8, FLAG_RUN = 16 };
enum { EVENT_FILTER = 1, EVENT_CAP = 2, EVENT_IGNORE_MSRS = 4, EVENT_APIC = 8, EVENT_ACCESS = 32, EVENT_REPLY = 64 };
enum { FORM_NATIVE = 1, FORM_EMULATOR = 4 };

static const char ignore_msrs_parameter[] = "/sys/module/kvm/parameters/ignore_msrs";

struct request {
	uint32_t length, number;
	uint8_t type, zero[3];
	uint8_t *payload;
};

static int answer(const struct request *request, uint8_t type, const void *payload, uint32_t length)
{
	struct {
		uint32_t length, number;
		uint8_t type, zero[3];
	} header = {length, request->number, type, {0}};
	return channel_write(&header, 12) || channel_write(payload, length) || channel_flush() ? -1 : 0;
}

static int succeed(const struct request *request, const void *payload, uint32_t length)
{
	return answer(request, request->type | ANSWER, payload, length);
}

static int refuse(const struct request *request, const char *message)
{
	return answer(request, ERROR, message, (uint32_t)strlen(message));
}

static int malformed(const struct request *request)
{
	char message[80];
	snprintf(message, sizeof(message), "malformed request of type %#x and %u bytes", request->type, request->length);
	return refuse(request, message);
}

static uint32_t u32_at(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint64_t u64_at(const uint8_t *bytes)
{
	uint64_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static int set_ignore_msrs(int on)
{
	int fd = open(ignore_msrs_parameter, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = write(fd, on ? "Y" : "N", 1) == 1 ? 0 : -1;
	close(fd);
	return result;
}

/* A module parameter belongs to the whole machine, so it is changed only where the machine is ours. */
static bool owns_machine(void)
{
	return getpid() == 1;
}

static int hello(const struct request *request)
{
	static const char name[] = "kvm";
	char description[256];
	uint8_t payload[512] = {0};
	if (request->length != 8 || u32_at(request->payload) != MAGIC)
		return malformed(request);
	vm_describe(description, sizeof(description));
	uint32_t events = EVENT_FILTER | EVENT_CAP | EVENT_APIC | EVENT_ACCESS | EVENT_REPLY;
	if (owns_machine() && access(ignore_msrs_parameter, W_OK) == 0)
		events |= EVENT_IGNORE_MSRS;
	const uint32_t magic = MAGIC, forms = FORM_NATIVE | (vm_has_emulator() ? FORM_EMULATOR : 0);
	const uint16_t version = VERSION, name_length = sizeof(name) - 1, length = (uint16_t)strlen(description);
	memcpy(payload, &magic, 4);
	memcpy(payload + 4, &version, 2);
	payload[6] = (uint8_t)(FLAG_STATS | FLAG_RACE | FLAG_KERNEL | (owns_machine() ? FLAG_RUN : 0));
	payload[7] = (uint8_t)vm_vendor();
	memcpy(payload + 8, &events, 4);
	memcpy(payload + 12, &forms, 4);
	memcpy(payload + 16, &name_length, 2);
	memcpy(payload + 18, name, name_length);
	memcpy(payload + 18 + name_length, &length, 2);
	memcpy(payload + 20 + name_length, description, length);
	return succeed(request, payload, 20u + name_length + length);
}

static bool ignoring_msrs;

static int reset(const struct request *request)
{
	if (request->length != 4 || request->payload[0] > MODE_REAL || request->payload[1] > 1 ||
	    request->payload[2] > VM_OPTIONS || request->payload[3] != 0)
		return malformed(request);
	if (ignoring_msrs) {
		set_ignore_msrs(0);
		ignoring_msrs = false;
	}
	if (vm_reset(request->payload[0], request->payload[1], request->payload[2]))
		return refuse(request, vm_error);
	return succeed(request, NULL, 0);
}

static int set_filter(const struct request *request)
{
	struct filter_request filter;
	if (filter_parse(request->payload, request->length, &filter))
		return malformed(request);
	if (vm_fd() < 0)
		return refuse(request, "there is no VM: RESET comes first");
	const int32_t result = vm_set_filter(&filter);
	return succeed(request, &result, sizeof(result));
}

static int enable_cap(const struct request *request)
{
	if (request->length != 16)
		return malformed(request);
	if (vm_fd() < 0)
		return refuse(request, "there is no VM: RESET comes first");
	struct kvm_enable_cap cap = {.cap = u32_at(request->payload), .flags = u32_at(request->payload + 4)};
	cap.args[0] = u64_at(request->payload + 8);
	const int32_t result = ioctl(vm_fd(), KVM_ENABLE_CAP, &cap) ? -errno : 0;
	return succeed(request, &result, sizeof(result));
}

static int ignore_msrs(const struct request *request)
{
	if (request->length != 4 || request->payload[0] > 1)
		return malformed(request);
	if (!owns_machine() || set_ignore_msrs(request->payload[0]))
		return refuse(request, "kvm.ignore_msrs cannot be changed here");
	ignoring_msrs = request->payload[0];
	return succeed(request, NULL, 0);
}

static int apic(const struct request *request)
{
	if (request->length != 4 || request->payload[0] > APIC_X2APIC)
		return malformed(request);
	return vm_set_apic(request->payload[0]) ? refuse(request, vm_error) : succeed(request, NULL, 0);
}

static int run_accesses(const struct request *request)
{
	static uint8_t verdicts[MAX_ACCESSES];
	const uint8_t *payload = request->payload;
	if (request->length < 8)
		return malformed(request);
	const uint32_t count = u32_at(payload);
	const uint8_t form = payload[4], has_values = payload[5];
	if (count > MAX_ACCESSES || has_values > 1 || request->length != 8 + (uint64_t)count * (has_values ? 13 : 5))
		return malformed(request);
	if (form != 0 && form != 2)
		return refuse(request, "this form of access is not among the forms of HELLO");
	const uint8_t *types = payload + 8 + (size_t)count * 4;
	for (uint32_t i = 0; i < count; i++)
		if (types[i] > 1)
			return malformed(request);
	if (vm_access(count, form == 2, payload + 8, types, has_values ? types + count : NULL, verdicts))
		return refuse(request, vm_error);
	return succeed(request, verdicts, count);
}

static int reply(const struct request *request)
{
	int completion;
	if (request->length != 16)
		return malformed(request);
	if (vm_reply(request->payload[0], u64_at(request->payload + 8), &completion))
		return refuse(request, vm_error);
	const uint8_t payload[4] = {(uint8_t)completion};
	return succeed(request, payload, sizeof(payload));
}

struct counters {
	uint8_t bytes[16384];
	uint32_t length, count;
};

static void add_counter(const char *name, uint64_t value, void *context)
{
	struct counters *counters = context;
	const size_t length = strlen(name);
	if (length > 255 || counters->length + 9 + length > sizeof(counters->bytes))
		return;
	memcpy(counters->bytes + counters->length, &value, 8);
	counters->bytes[counters->length + 8] = (uint8_t)length;
	memcpy(counters->bytes + counters->length + 9, name, length);
	counters->length += 9 + (uint32_t)length;
	counters->count++;
}

static int send_statistics(const struct request *request)
{
	static struct counters counters;
	if (request->length != 0)
		return malformed(request);
	counters.length = 4;
	counters.count = 0;
	if (vm_statistics(add_counter, &counters))
		return refuse(request, vm_error);
	memcpy(counters.bytes, &counters.count, 4);
	return succeed(request, counters.bytes, counters.length);
}

static int race(const struct request *request)
{
	static uint8_t payload[8 + BATCH_CAPACITY];
	struct filter_request filters[2];
	const uint8_t *bytes = request->payload;
	if (request->length < 8)
		return malformed(request);
	const uint32_t count = u32_at(bytes), rounds = u32_at(bytes + 4);
	if (count == 0 || count > BATCH_CAPACITY || request->length < 8 + 5 * count)
		return malformed(request);
	size_t at = 8 + 5 * (size_t)count;
	for (int i = 0; i < 2; i++) {
		if (request->length - at < 4 || request->length - at - 4 < u32_at(bytes + at))
			return malformed(request);
		if (filter_parse(bytes + at + 4, u32_at(bytes + at), &filters[i]))
			return malformed(request);
		at += 4 + u32_at(bytes + at);
	}
	if (at != request->length)
		return malformed(request);
	uint32_t runs;
	if (race_run(count, bytes + 8, bytes + 8 + 4 * (size_t)count, filters, rounds, payload + 8, &runs))
		return refuse(request, vm_error);
	memcpy(payload, &rounds, 4);
	memcpy(payload + 4, &runs, 4);
	return succeed(request, payload, 8 + count);
}

static int run_program(const struct request *request)
{
	static uint8_t payload[4 + (1u << 20)];
	size_t length;
	if (!owns_machine())
		return refuse(request, "programs are run on emulated machines only");
	const int32_t status =
		program_run(request->payload, request->length, payload + 4, sizeof(payload) - 4, &length);
	memcpy(payload, &status, 4);
	return succeed(request, payload, (uint32_t)(4 + length));
}

/* Why /dev/kvm is of no use here: every request is refused with it. */
static const char *unusable;

static int dispatch(const struct request *request)
{
	if (unusable)
		return refuse(request, unusable);
	switch (request->type) {
	case HELLO: return hello(request);
	case CONFIG: return succeed(request, NULL, 0); /* a kernel has rules and base outcomes of its own */
	case RESET: return reset(request);
	case FILTER: return set_filter(request);
	case CAP: return enable_cap(request);
	case IGNORE_MSRS: return ignore_msrs(request);
	case APIC: return apic(request);
	case ACCESS: return run_accesses(request);
	case REPLY: return reply(request);
	case STATS: return send_statistics(request);
	case RACE: return race(request);
	case RUN: return run_program(request);
	default: return malformed(request);
	}
}

/* Serves until the stream ends. */
static int serve(void)
{
	static uint8_t *payload;
	payload = malloc(MAX_PAYLOAD);
	struct request request = {.payload = payload};
	while (channel_read(&request, 12) == 0) {
		if (request.length > MAX_PAYLOAD) {
			refuse(&request, "a payload of more than 16 MiB");
			return 1;
		}
		if (channel_read(payload, request.length) || dispatch(&request))
			return 0;
	}
	return 0;
}

int main(int count, char **arguments)
{
	const char *channel = "stdio";
	int status = 1;
	if (owns_machine() && init_system())
		init_power_off();
	for (int i = 1; i < count; i++)
		if (strncmp(arguments[i], "--channel=", 10) == 0)
			channel = arguments[i] + 10;
	if (vm_open() || filter_open())
		unusable = vm_error;
	if (channel_open(channel) == 0)
		status = serve();
	if (owns_machine())
		init_power_off();
	return status;
}
