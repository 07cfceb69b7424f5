/* What is the least code that goes into namespaces and comes back? Two setns(2), for the hosts that are not in C. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"

void floor_socket(void)
{
    close(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

void floor_nothing(void)
{
}

int floor_move(int there, int home, int kinds, void (*body)(void))
{
    if (setns(there, kinds) < 0)
        return -errno;
    body();
    return setns(home, kinds) < 0 ? -errno : 0;
}
