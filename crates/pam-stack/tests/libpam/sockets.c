/* For LD_PRELOAD: writes a line to standard error for each call of socket(2) by a library. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int socket(int domain, int type, int protocol)
{
	if (write(2, "socket\n", 7) != 7)
		return -1;
	return syscall(SYS_socket, domain, type, protocol);
}
