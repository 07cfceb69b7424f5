/* What does one documented call answer in a fresh process, through libc's function or through nsiso's?
 *
 *   driver SIDE CALL FLAGS FD THREADS STACK FN UNSHARED CHANNEL CHILD
 *
 * SIDE libc|nsiso, CALL clone|setns|unshare, FLAGS (or nstype) and FD as numbers, THREADS single|several|worker,
 * STACK and FN given|null, UNSHARED kinds that the caller unshares first, CHANNEL and CHILD inherited sockets to the
 * observing process (observe.py), which reads this process's links in /proc before and after the call:
 *
 *   -> "ready TID"           <- "go"
 *   -> "done RET ERRNO"      <- "finish"
 *   -> "left STATUS CHILDREN"
 */
#define _GNU_SOURCE
#include <errno.h>
#include <nsiso.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_STATUS = 42 };

struct request {
    int libc;
    const char *call;
    int flags;
    int fd;
    int null_stack;
    int null_function;
    int channel;
    int child;
};

static _Alignas(16) char stack[256 * 1024];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void say(int channel, const char *message)
{
    if (send(channel, message, strlen(message), 0) < 0)
        die("send");
}

static void await(int channel)
{
    char message[16];
    if (recv(channel, message, sizeof(message), 0) <= 0)
        die("recv");
}

/* The child: shows itself, which also tells its pid as the observer sees it, and lives until it was looked at. */
static int child_main(void *argument)
{
    const struct request *request = argument;
    char message;
    if (send(request->child, "child", 5, 0) < 0 || recv(request->child, &message, 1, 0) != 1)
        return 1;
    return CHILD_STATUS;
}

static int call(struct request *request)
{
    if (strcmp(request->call, "unshare") == 0)
        return request->libc ? unshare(request->flags) : nsiso_unshare(request->flags);
    if (strcmp(request->call, "setns") == 0)
        return request->libc ? setns(request->fd, request->flags) : nsiso_setns(request->fd, request->flags);
    int (*fn)(void *) = request->null_function ? NULL : child_main;
    void *top = request->null_stack ? NULL : stack + sizeof(stack);
    if (request->libc)
        return clone(fn, top, request->flags, request, NULL, NULL, NULL);
    return nsiso_clone(fn, top, request->flags, request);
}

static void *perform(void *argument)
{
    struct request *request = argument;
    char message[64];
    snprintf(message, sizeof(message), "ready %ld", (long)syscall(SYS_gettid));
    say(request->channel, message);
    await(request->channel);

    errno = 0;
    int ret = call(request);
    int error = errno;
    snprintf(message, sizeof(message), "done %d %d", ret, error);
    say(request->channel, message);
    await(request->channel);

    /* A CLONE_PARENT child or a CLONE_THREAD thread is not ours to wait for: the observer looks after it. */
    int status = -1;
    if (ret > 0 && waitpid(ret, &status, __WALL) != ret)
        status = -1;
    pid_t left = waitpid(-1, NULL, WNOHANG | __WALL);
    const char *children = left == -1 && errno == ECHILD ? "none" : "some";
    snprintf(message, sizeof(message), "left %d %s", status, children);
    say(request->channel, message);
    return NULL;
}

static void *park(void *argument)
{
    (void)argument;
    for (;;)
        pause();
    return NULL;
}

static pthread_t start(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, function, argument);
    if (errno != 0)
        die("pthread_create");
    return thread;
}

int main(int argc, char **argv)
{
    if (argc != 11) {
        fprintf(stderr, "usage: %s SIDE CALL FLAGS FD THREADS STACK FN UNSHARED CHANNEL CHILD\n", argv[0]);
        return 2;
    }
    struct request request = {
        .libc = strcmp(argv[1], "libc") == 0,
        .call = argv[2],
        .flags = (int)strtol(argv[3], NULL, 10),
        .fd = (int)strtol(argv[4], NULL, 10),
        .null_stack = strcmp(argv[6], "null") == 0,
        .null_function = strcmp(argv[7], "null") == 0,
        .channel = (int)strtol(argv[9], NULL, 10),
        .child = (int)strtol(argv[10], NULL, 10),
    };
    if (unshare((int)strtol(argv[8], NULL, 10)) != 0)
        die("unshare");
    if (strcmp(argv[5], "single") != 0)
        start(park, NULL);
    if (strcmp(argv[5], "worker") == 0)
        pthread_join(start(perform, &request), NULL);
    else
        perform(&request);
    return 0;
}
