/* ipc (row I1): are queues, semaphores and shared memory seen only on their own side?  Run: ./ipc */
#define _GNU_SOURCE
#include "example.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { OBJECTS = 3 };
static const char MAKE[] = "ipcmk -Q -M 4096 -S 1";
static const char *const MADE[OBJECTS] = {"Message queue id:", "Shared memory id:", "Semaphore id:"};
static const char OPTION[OBJECTS] = {'q', 'm', 's'}; /* of ipcs and of ipcrm */

typedef struct objects {
    int id[OBJECTS];
    unsigned key[OBJECTS]; /* ids start again in every namespace, the keys of ipcmk are random */
} objects;

/* In memory that both processes share */
typedef struct sides {
    objects outside, inside;
    char queue_name[64]; /* of the POSIX message queue */
    int flags, ends[2];
} sides;

/* Makes one object of each sort with the real program, and finds their keys in the lists of ipcs. */
static int make_objects(objects *ret_made)
{
    char made[TEXT_SIZE];
    int status = run(MAKE, made);
    for (int i = 0; status == OK && i < OBJECTS; i++) {
        char command[64], key[TEXT_SIZE];
        const char *id = strstr(made, MADE[i]);
        if (!id)
            return verdict(false, "ipcmk tells the ids");
        ret_made->id[i] = atoi(id + strlen(MADE[i]));
        snprintf(command, sizeof command, "ipcs -%c | awk '$2 == %d { print $1 }'",
                 OPTION[i], ret_made->id[i]);
        status = run(command, key);
        if (status == OK && sscanf(key, "0x%x", &ret_made->key[i]) != 1)
            return verdict(false, "ipcs shows what ipcmk made");
    }
    return status;
}

/* How many of these objects ipcs shows; without objects: how many it shows at all. */
static int count_shown(const objects *only, int *ret_count)
{
    *ret_count = 0;
    for (int i = 0; i < OBJECTS; i++) {
        char command[64], lines[TEXT_SIZE];
        unsigned key;
        snprintf(command, sizeof command, "ipcs -%c | awk '/^0x/ { print $1 }'", OPTION[i]);
        if (only)
            snprintf(command, sizeof command, "ipcs -%c | awk '$1 == \"0x%08x\"'", OPTION[i], only->key[i]);
        int status = run(command, lines);
        if (status != OK)
            return status;
        *ret_count += sscanf(lines, "0x%x", &key) == 1 ? count_lines(lines) + 1 : 0;
    }
    return OK;
}

static void remove_objects(const objects *made)
{
    for (int i = 0; i < OBJECTS; i++) {
        char command[64], nothing[TEXT_SIZE];
        snprintf(command, sizeof command, "ipcrm -%c %d", OPTION[i], made->id[i]);
        if (made->id[i] >= 0)
            run(command, nothing);
    }
}

static bool is_absent(int id)
{
    return id < 0 && errno == ENOENT;
}

/* The same keys and the same name lead to other objects inside: not there at first, then there and empty. */
static bool same_names_other_objects(const sides *s)
{
    key_t queue_key = (key_t)s->outside.key[0];
    if (!is_absent(msgget(queue_key, 0)) || !is_absent(shmget((key_t)s->outside.key[1], 0, 0)) ||
        !is_absent(semget((key_t)s->outside.key[2], 0, 0)) || !is_absent(mq_open(s->queue_name, O_RDONLY)))
        return false;

    struct { long type; char text[8]; } received;
    struct mq_attr attributes;
    int queue = msgget(queue_key, IPC_CREAT | IPC_EXCL | 0600);
    mqd_t named = mq_open(s->queue_name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
    return queue >= 0 && named >= 0 &&
           msgrcv(queue, &received, sizeof received.text, 0, IPC_NOWAIT) < 0 && errno == ENOMSG &&
           mq_getattr(named, &attributes) == 0 && attributes.mq_curmsgs == 0;
}

static int inside(void *arg)
{
    sides *s = arg;
    int shown, status = settle_in(s->flags);
    if (status != OK || (status = count_shown(NULL, &shown)) != OK)
        return status;
    say("inside", "ipcs shows %d objects", shown);
    if (shown != 0)
        return verdict(false, "nothing made outside is shown inside");
    if ((status = make_objects(&s->inside)) != OK)
        return status;
    say("inside", "%s made three more here", MAKE);
    if (!same_names_other_objects(s))
        return verdict(false, "the same keys and the same queue name are other objects inside");
    say("inside", "the outer keys and the outer /name find nothing here, and make new queues, empty");
    return ready_and_wait(s->ends);
}

/* The outside while the inside has objects of its own: all of the one, none of the other. */
static int compare(const sides *s)
{
    int own, foreign, status = count_shown(&s->outside, &own);
    if (status == OK)
        status = count_shown(&s->inside, &foreign);
    if (status != OK)
        return status;
    say("outside", "meanwhile ipcs shows %d of the own objects and %d of those made inside", own, foreign);
    return own == OBJECTS && foreign == 0 ? OK : verdict(false, "outside shows its own objects only");
}

static int demonstrate(sides *s)
{
    struct { long type; char text[8]; } message = {1, "outside"};
    if (msgsnd(s->outside.id[0], &message, sizeof message.text, IPC_NOWAIT) < 0)
        return failed("msgsnd");
    mqd_t named = mq_open(s->queue_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, NULL);
    if (named < 0)
        return refused("mq_open");
    if (mq_send(named, message.text, sizeof message.text, 0) < 0)
        return failed("mq_send");
    say("outside", "%s made three objects, mq_open a fourth; a message is in each queue", MAKE);

    pid_t child = nsiso_clone(inside, NULL, s->flags | SIGCHLD, s);
    if (child < 0)
        return failed("nsiso_clone");
    int compared = is_ready(s->ends) ? compare(s) : OK;
    close(s->ends[0]);
    int status = wait_for(child);

    struct mq_attr attributes;
    struct msqid_ds queue;
    bool kept = mq_getattr(named, &attributes) == 0 && attributes.mq_curmsgs == 1 &&
                msgctl(s->outside.id[0], IPC_STAT, &queue) == 0 && queue.msg_qnum == 1;
    if (status != OK || compared != OK)
        return status != OK ? status : compared;
    return kept ? OK : verdict(false, "both messages are still in their queues outside");
}

int main(void)
{
    int flags = flags_for(NSISO_NEWIPC);
    sides *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return failed("mmap");
    *s = (sides){.outside.id = {-1, -1, -1}, .flags = flags};
    snprintf(s->queue_name, sizeof s->queue_name, "/nsiso-example-%d", (int)getpid());
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->ends) < 0)
        return failed("socketpair");
    /* These objects outlive the process, so it must not be killed before they are removed. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    say("did", "ipcmk and mq_open outside, and in a child with NSISO_NEWIPC%s", and_user(flags));
    int status = make_objects(&s->outside);
    if (status == OK)
        status = demonstrate(s);
    remove_objects(&s->outside);
    mq_unlink(s->queue_name);

    int left;
    if (status == OK && (status = count_shown(&s->outside, &left)) == OK) {
        say("after", "%d of the objects are left after ipcrm and mq_unlink", left);
        status = verdict(left == 0, "System V objects and POSIX queues are seen only on their own side");
    }
    munmap(s, sizeof *s);
    return status;
}
