#define _GNU_SOURCE
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(int executable, int output)
{
	static char *const arguments[] = {"program", NULL}, *const environment[] = {NULL};
	const pid_t child = fork();
	if (child != 0)
		return child < 0 ? -errno : child;
	dup2(output, 1);
	dup2(output, 2);
	fexecve(executable, arguments, environment);
	_exit(127);
}

int program_run(const uint8_t *executable, size_t size, uint8_t *output, size_t capacity, size_t *length)
{
	int ends[2], status;
	uint8_t rest[4096];
	*length = 0;
	const int file = memfd_create("program", MFD_CLOEXEC);
	if (file < 0)
		return -errno;
	for (size_t at = 0; at < size;) {
		const ssize_t written = write(file, executable + at, size - at);
		if (written <= 0)
			return -errno;
		at += (size_t)written;
	}
	if (pipe(ends))
		return -errno;
	const int child = start(file, ends[1]);
	close(ends[1]);
	close(file);
	while (child > 0) {
		const size_t left = capacity - *length;
		const ssize_t count = read(ends[0], left ? output + *length : rest, left ? left : sizeof(rest));
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		if (left)
			*length += (size_t)count;
	}
	close(ends[0]);
	if (child < 0)
		return child;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
