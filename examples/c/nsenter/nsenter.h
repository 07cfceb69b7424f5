/* What do the parts of nsenter share?  What was asked for, what was opened for it, and how it ends when that fails. */
#ifndef NSENTER_H
#define NSENTER_H

#include <stdbool.h>
#include <sys/types.h>

#include <nsiso.h>

enum { KINDS = 8, USER = 0, NET = 4 };

/* The kinds in the order in which they are entered where nothing else decides, and the words of their options. */
typedef struct kind_option {
    nsiso_kinds kind;
    const char *word;
} kind_option;
extern const kind_option kind_options[KINDS];

/* In place of a path: that of the target process. */
extern const char OF_TARGET[];

typedef struct id_option {
    bool is_set;
    bool follows; /* the target's */
    unsigned number;
} id_option;

/* The command line. */
typedef struct request {
    pid_t target; /* 0: none */
    bool has_inode;
    unsigned long long inode;        /* of its pidfd */
    const char *namespaces[KINDS];   /* NULL, a path, ":" and a number, or OF_TARGET */
    int socket;                      /* -1, or the target's descriptor */
    const char *root, *wd;           /* NULL, a path, or OF_TARGET */
    const char *wd_inside;           /* NULL or a path, as it is seen in the namespaces */
    id_option uid, gid;
    bool all, user_parent, preserve_credentials, keep_caps, env, join_cgroup, no_fork, follow_context;
    char **program; /* its first word may be NULL */
} request;

/* What is entered: namespaces of the process behind a pidfd, and such as are open. */
typedef struct targets {
    int pidfd;              /* -1: no target is needed, or no kernel knows pidfds */
    nsiso_kinds of_process; /* those that all can be entered by one call */
    int fds[KINDS];         /* -1 */
} targets;

/* What the program gets beside namespaces, opened before any is entered. */
typedef struct surroundings {
    int root, wd;
    int cgroup;       /* its cgroup.procs */
    int process;      /* the target's directory in /proc, which shows its ids as they are numbered inside */
    char **env;
    bool lost_groups; /* the supplementary ones are gone already */
} surroundings;

/* options.c: fills the request, or ends the program. */
void read_options(int argc, char **argv, request *r);

/* targets.c */
void open_targets(request *r, targets *t);
/* Ends the program if what was opened by the target's number may be another process's. */
void must_live(const request *r, const targets *t);
bool enters(const targets *t, size_t index);
void enter(const request *r, targets *t);

/* surroundings.c */
void open_surroundings(const request *r, surroundings *s);
/* Before a namespace is entered. */
void drop_groups(const request *r, const targets *t, surroundings *s);
/* In them. */
void change_directories(const request *r, const surroundings *s);
void become(const request *r, const targets *t, const surroundings *s);

/* main.c: they print why, and end with 1.  The first with errno, the last for what the library says: unless result is
 * negative it is what comes back. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
int must(int result, nsiso_error **error);

#endif
