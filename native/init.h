/* What PID 1 of the initramfs does besides being the helper. */
#ifndef MSRDIFF_INIT_H
#define MSRDIFF_INIT_H

/* Mounts /dev, /proc and /sys and loads the modules named in /modules/list, one "FILE PARAMETERS..." a line. */
int init_system(void);
/* Ends the machine: Bochs by its shutdown port, anything else by reboot(2). Does not return. */
void init_power_off(void);

#endif
