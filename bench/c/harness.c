/*
 * Runs one rival for the bench, which asks on standard input, one line per request, and gets one line each:
 *
 *   load FILE     filters and their batches, as workload.ts writes them
 *   run           compiles every filter and judges its batches: nanoseconds of all compiles and of all lookups
 *   answer FILE   writes the verdicts of the last run to the file
 *
 *   cc -O2 -DRIVAL=scan harness.c scan.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rival.h"

#define PASTE(a, b) a##b
#define OF(rival, function) PASTE(rival, function)

static uint32_t filters, batches, accesses;
static struct filter *filter;
/* One batch after the other, filter by filter. */
static uint32_t *indices;
static uint8_t *types, *verdicts;

static void fail(const char *what, const char *path)
{
	fprintf(stderr, "harness: %s %s\n", what, path);
	exit(2);
}

/* Of the processor: on a machine that is shared the clock on the wall counts what others did. */
static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void load(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint32_t head[3];

	if (!file || fread(head, sizeof(head), 1, file) != 1)
		fail("cannot read", path);
	filters = head[0];
	batches = head[1];
	accesses = head[2];
	size_t total = (size_t)filters * batches * accesses;

	filter = realloc(filter, filters * sizeof(*filter));
	indices = realloc(indices, total * sizeof(*indices));
	types = realloc(types, total);
	verdicts = realloc(verdicts, total);
	if (!filter || !indices || !types || !verdicts)
		fail("out of memory for", path);
	for (uint32_t i = 0; i < filters; i++) {
		if (fread(&filter[i], 8, 1, file) != 1 || filter[i].count > MAX_RANGES)
			fail("no filter in", path);
		if (fread(filter[i].ranges, sizeof(struct range), filter[i].count, file) != filter[i].count)
			fail("too short:", path);
	}
	if (fread(indices, sizeof(*indices), total, file) != total || fread(types, 1, total, file) != total)
		fail("too short:", path);
	fclose(file);
	/* No page of the verdicts is touched for the first time while time is taken. */
	memset(verdicts, 0, total);
	printf("loaded\n");
}

static void run(void)
{
	uint64_t compile = 0, lookup = 0;

	for (uint32_t i = 0; i < filters; i++) {
		uint64_t begun = now();

		OF(RIVAL, _compile)(&filter[i]);
		uint64_t compiled = now();

		for (uint32_t batch = 0; batch < batches; batch++) {
			size_t at = ((size_t)i * batches + batch) * accesses;

			OF(RIVAL, _judge)(indices + at, types + at, verdicts + at, accesses);
		}
		compile += compiled - begun;
		lookup += now() - compiled;
	}
	printf("%llu %llu\n", (unsigned long long)compile, (unsigned long long)lookup);
}

/* What the last run has found. */
static void answer(const char *path)
{
	FILE *file = fopen(path, "wb");
	size_t total = (size_t)filters * batches * accesses;

	if (!file || fwrite(verdicts, 1, total, file) != total || fclose(file))
		fail("cannot write", path);
	printf("written\n");
}

int main(void)
{
	char line[4096];

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "load ", 5))
			load(line + 5);
		else if (!strcmp(line, "run"))
			run();
		else if (!strncmp(line, "answer ", 7))
			answer(line + 7);
		else
			fail("unknown request", line);
	}
	return 0;
}
