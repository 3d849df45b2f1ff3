/* The floor: reads the accesses, writes the verdicts, decides nothing. */
#include "rival.h"

void stream_compile(const struct filter *filter)
{
	(void)filter;
}

void stream_judge(const uint32_t *restrict index, const uint8_t *restrict type, uint8_t *restrict verdict,
		  size_t count)
{
	for (size_t i = 0; i < count; i++)
		verdict[i] = (index[i] & 1) ^ type[i];
}
