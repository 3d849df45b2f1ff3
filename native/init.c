/* Start and end of the machine, as PID 1 of the initramfs. */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define MODULE_FOLDER "/modules"
#define MODULE_LIST MODULE_FOLDER "/list"
#define MAX_LINE 1024

/* Bochs ends when this text arrives here. */
#define BOCHS_SHUTDOWN_PORT 0x8900
#define BOCHS_SHUTDOWN_TEXT "Shutdown"

static int mount_at(const char *type, const char *target)
{
	if ((mkdir(target, 0755) == 0 || errno == EEXIST) && (mount(type, target, type, 0, NULL) == 0 || errno == EBUSY))
		return 0;
	fprintf(stderr, "msrdiff-kvm: %s on %s: %s\n", type, target, strerror(errno));
	return -1;
}

static int load_module(const char *file, const char *parameters)
{
	char path[MAX_LINE + sizeof(MODULE_FOLDER)];
	snprintf(path, sizeof(path), "%s/%s", MODULE_FOLDER, file);
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	long result = descriptor < 0 ? -1 : syscall(SYS_finit_module, descriptor, parameters, 0);
	int error = errno;
	if (descriptor >= 0)
		close(descriptor);
	if (result == 0 || error == EEXIST)
		return 0;
	fprintf(stderr, "msrdiff-kvm: module %s: %s\n", file, strerror(error));
	return -1;
}

static int load_modules(void)
{
	FILE *list = fopen(MODULE_LIST, "re");
	if (!list) {
		/* A kernel that has everything built in. */
		if (errno == ENOENT)
			return 0;
		fprintf(stderr, "msrdiff-kvm: %s: %s\n", MODULE_LIST, strerror(errno));
		return -1;
	}
	char line[MAX_LINE];
	int result = 0;
	while (result == 0 && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		char *parameters = strchr(line, ' ');
		if (parameters)
			*parameters++ = '\0';
		if (line[0] != '\0')
			result = load_module(line, parameters ? parameters : "");
	}
	fclose(list);
	return result;
}

int init_system(void)
{
	if (mount_at("devtmpfs", "/dev") || mount_at("proc", "/proc") || mount_at("sysfs", "/sys"))
		return -1;
	return load_modules();
}

void init_power_off(void)
{
	/* Let the console print what was said; it does so in the background. */
	tcdrain(STDERR_FILENO);
	sync();
	/* QEMU and real machines have nothing at this port. */
	if (ioperm(BOCHS_SHUTDOWN_PORT, 1, 1) == 0 || iopl(3) == 0)
		for (const char *text = BOCHS_SHUTDOWN_TEXT; *text; text++)
			outb((unsigned char)*text, BOCHS_SHUTDOWN_PORT);
	reboot(RB_POWER_OFF);
	_exit(EXIT_FAILURE);
}
