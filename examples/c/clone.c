/* clone (row A1): does clone() run a function in several new namespaces at once?  Run: ./clone */
#define _GNU_SOURCE
#include "example.h"

#include <sys/mman.h>

enum { STACK_SIZE = 1024 * 1024, ANSWER = 42 };

typedef struct message {
    const char *text;
    view outside;
    nsiso_kinds expected;
} message;

static int inside(void *arg)
{
    message *m = arg;
    view own;
    if (look(&own) != OK)
        return FAILED;
    nsiso_kinds new_kinds = differing(&m->outside, &own);
    say("inside", "arg says \"%s\"; new here: %s", m->text, name_kinds(new_kinds).text);
    if (new_kinds != m->expected)
        return verdict(false, "exactly the kinds of the flags are new");
    return ANSWER;
}

int main(void)
{
    int flags = flags_for(NSISO_NEWNS | NSISO_NEWUTS | NSISO_NEWIPC);
    message m = {.text = "greetings from outside", .expected = (nsiso_kinds)flags};
    if (look(&m.outside) != OK)
        return FAILED;
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return failed("mmap a stack");

    say("did", "nsiso_clone(function, stack, NSISO_NEWNS | NSISO_NEWUTS | NSISO_NEWIPC%s | SIGCHLD, arg)",
        and_user(flags));
    say("outside", "arg is \"%s\"", m.text);
    pid_t child = nsiso_clone(inside, stack + STACK_SIZE, flags | SIGCHLD, &m);
    if (child < 0)
        return failed("nsiso_clone");
    int status = wait_for(child);
    munmap(stack, STACK_SIZE);
    if (status == FAILED)
        return FAILED;

    view own;
    if (look(&own) != OK)
        return FAILED;
    nsiso_kinds moved = differing(&m.outside, &own);
    say("after", "the function returned %d; changed for the caller: %s", status, name_kinds(moved).text);
    return verdict(status == ANSWER && !moved,
                   "arg and return value arrive, and exactly the kinds of the flags are new");
}
