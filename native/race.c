#define _GNU_SOURCE
#include "race.h"

#include "vm.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct vcpu_thread {
	uint32_t count;
	const uint8_t *indices, *types;
	uint8_t *seen;
	volatile uint32_t runs;
	volatile int stop;
	volatile int failed;
};

static void *run(void *context)
{
	struct vcpu_thread *thread = context;
	uint32_t runs;
	while (!thread->stop && !thread->failed) {
		const int failed = vm_race(thread->count, thread->indices, thread->types, thread->seen, &runs, &thread->stop);
		thread->runs += runs;
		thread->failed = failed;
	}
	return NULL;
}

int race_run(uint32_t count, const uint8_t *indices, const uint8_t *types, const struct filter_request filters[2],
	     uint32_t rounds, uint8_t *seen, uint32_t *runs)
{
	struct vcpu_thread thread = {.count = count, .indices = indices, .types = types, .seen = seen};
	memset(seen, 0, count);
	/* One of the two is in force before the first access. */
	if (vm_set_filter(&filters[0])) {
		snprintf(vm_error, sizeof(vm_error), "the first filter of a race is rejected");
		return -1;
	}
	/* The watchdog's signal is for the thread in KVM_RUN. */
	sigset_t alarm, before;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_t id;
	if (pthread_create(&id, NULL, run, &thread)) {
		snprintf(vm_error, sizeof(vm_error), "a thread cannot be made");
		return -1;
	}
	pthread_sigmask(SIG_BLOCK, &alarm, &before);
	int result = 0;
	for (uint32_t round = 1; round <= rounds && !thread.failed; round++) {
		if (vm_set_filter(&filters[round & 1])) {
			snprintf(vm_error, sizeof(vm_error), "a filter of a race is rejected");
			result = -1;
			break;
		}
		/* Some changes, of either filter, are given time: on one CPU the guest runs only then. */
		if (round % 17 == 0)
			usleep(200);
	}
	thread.stop = 1;
	pthread_join(id, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*runs = thread.runs;
	return thread.failed ? -1 : result;
}
