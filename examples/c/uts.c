/* uts (row U1): do the host name and the NIS domain name set inside stay inside?  Run: ./uts */
#define _GNU_SOURCE
#include "example.h"

#include <sys/utsname.h>

static const char HOST[] = "inside-host", DOMAIN[] = "inside.domain";

typedef struct names {
    char host[TEXT_SIZE];
    struct utsname kernel; /* for the domain name: not every machine has the domainname program */
} names;

static int show_names(const char *key, names *ret_names)
{
    int status = run("hostname", ret_names->host);
    if (status != OK)
        return status;
    if (uname(&ret_names->kernel) < 0)
        return failed("uname");
    say(key, "host name \"%s\", NIS domain name \"%s\"", ret_names->host, ret_names->kernel.domainname);
    return OK;
}

static int inside(void *arg)
{
    int *flags = arg;
    int status = settle_in(*flags);
    if (status != OK)
        return status;
    if (sethostname(HOST, strlen(HOST)) < 0)
        return refused("sethostname");
    if (setdomainname(DOMAIN, strlen(DOMAIN)) < 0)
        return refused("setdomainname");
    names own;
    if ((status = show_names("inside", &own)) != OK)
        return status;
    bool set = strcmp(own.host, HOST) == 0 && strcmp(own.kernel.domainname, DOMAIN) == 0;
    return set ? OK : verdict(false, "the names that were set are read inside");
}

int main(void)
{
    int flags = flags_for(NSISO_NEWUTS);
    names before, after;
    say("did", "in a child with NSISO_NEWUTS%s: sethostname and setdomainname", and_user(flags));
    int status = show_names("outside", &before);
    if (status != OK)
        return status;
    pid_t child = nsiso_clone(inside, NULL, flags | SIGCHLD, &flags);
    if (child < 0)
        return failed("nsiso_clone");
    if ((status = wait_for(child)) != OK || (status = show_names("after", &after)) != OK)
        return status;
    bool untouched = strcmp(before.host, after.host) == 0 &&
                     strcmp(before.kernel.domainname, after.kernel.domainname) == 0;
    return verdict(untouched, "both names changed inside and are what they were outside");
}
