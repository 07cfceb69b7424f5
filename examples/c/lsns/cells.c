/* What stands in each column of lsns? */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lsns.h"

const column_info column_infos[COLUMNS] = {
    [NS] = {"NS", "inode of the namespace", true, true, false, 10},
    [TYPE] = {"TYPE", "its kind", false, false, false, 5},
    [PATH] = {"PATH", "a file that leads to it", false, false, false, 0},
    [NPROCS] = {"NPROCS", "how many processes are in it", true, true, false, 5},
    [PID] = {"PID", "the one of them with the lowest number", true, true, false, 5},
    [PPID] = {"PPID", "the parent of that process", true, true, false, 5},
    [COMMAND] = {"COMMAND", "the command line of that process", false, false, true, 0},
    [UID] = {"UID", "the user id of that process", true, true, false, 0},
    [USER] = {"USER", "the user name of that process", false, false, false, 0},
    [NETNSID] = {"NETNSID", "number of a net namespace in one's own", false, true, false, 0},
    [NSFS] = {"NSFS", "where a net namespace is mounted", false, false, false, 0},
    [PNS] = {"PNS", "inode of the namespace that it lies in", true, true, false, 10},
    [ONS] = {"ONS", "inode of the user namespace that owns it", true, true, false, 10},
};

struct person {
    bool is_asked;
    nsiso_description *description; /* NULL: it has ended */
    nsiso_description_info info;
};

int find_column(const char *name, size_t length)
{
    for (int i = 0; i < COLUMNS; i++)
        if (strlen(column_infos[i].name) == length && strncasecmp(column_infos[i].name, name, length) == 0)
            return i;
    return -1;
}

static char *number(uint64_t of)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, of);
    return allocated(strdup(text));
}

static nsiso_snapshot_process process_at(const listing *l, uint32_t index)
{
    nsiso_snapshot_process told;
    nsiso_error *error = NULL;
    must(nsiso_snapshot_get_process(l->snapshot, index, &told, sizeof told, &error), &error);
    return told;
}

/* Asked once; NULL for one that has ended since. */
static const nsiso_description_info *describe(const listing *l, uint32_t process)
{
    person *p = &l->people[process];
    if (!p->is_asked) {
        p->is_asked = true;
        if (nsiso_describe(process_at(l, process).pid, 0, &p->description, NULL) == 0) {
            nsiso_error *error = NULL;
            must(nsiso_description_get(p->description, &p->info, sizeof p->info, &error), &error);
        }
    }
    return p->description != NULL ? &p->info : NULL;
}

pid_t parent_of(const listing *l, uint32_t process)
{
    const nsiso_description_info *info = describe(l, process);
    return info != NULL ? info->parent : 0;
}

person *new_people(size_t count)
{
    return allocated(calloc(count + 1, sizeof(person)));
}

void free_people(listing *l)
{
    size_t count = nsiso_snapshot_processes_count(l->snapshot);
    for (size_t i = 0; i < count; i++)
        nsiso_description_free(l->people[i].description);
    free(l->people);
}

/* Its words with blanks between them, or its name where it has none. */
static char *command_of(const nsiso_description_info *info)
{
    if (info->command_length == 0)
        return allocated(strdup(info->name));
    size_t length = info->command_length;
    /* The last word's own end. */
    if (info->command[length - 1] == '\0')
        length--;
    char *text = allocated(malloc(length + 1));
    for (size_t i = 0; i < length; i++)
        text[i] = info->command[i] != '\0' ? info->command[i] : ' ';
    text[length] = '\0';
    return text;
}

/* Most lines have one of a few users, and looking a name up reads a file. */
static char *user_name(uid_t uid)
{
    enum { KEPT = 16 };
    static struct { uid_t uid; char name[64]; } kept[KEPT];
    static size_t count;
    for (size_t i = 0; i < count && i < KEPT; i++)
        if (kept[i].uid == uid)
            return allocated(strdup(kept[i].name));
    const struct passwd *entry = getpwuid(uid);
    char *name = entry != NULL ? allocated(strdup(entry->pw_name)) : number(uid);
    size_t place = count++ % KEPT;
    kept[place].uid = uid;
    snprintf(kept[place].name, sizeof kept[place].name, "%s", name);
    return name;
}

/* The number that one's own net namespace has for it. */
static char *net_id(const listing *l, uint32_t ns)
{
    nsiso_particulars *particulars = NULL;
    if (nsiso_snapshot_particulars(l->snapshot, ns, 0, &particulars, NULL) < 0)
        return NULL;
    nsiso_particulars_info info;
    nsiso_error *error = NULL;
    must(nsiso_particulars_get(particulars, &info, sizeof info, &error), &error);
    char *text = NULL;
    if ((info.known & NSISO_KNOWN_NSID) == 0)
        text = allocated(strdup("unassigned"));
    else
        text = number((uint64_t)info.nsid);
    nsiso_particulars_free(particulars);
    return text;
}

/* The escapes of mountinfo are octal digits behind a backslash. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++, to++) {
        unsigned octal;
        if (*from == '\\' && sscanf(from + 1, "%3o", &octal) == 1) {
            *to = (char)octal;
            from += 3;
        } else {
            *to = *from;
        }
    }
    *to = '\0';
}

/* Where a net namespace is mounted here, one place a line, or between commas. */
static char *mount_points(uint64_t inode, bool one_line)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (mounts == NULL)
        return NULL;
    char wanted[64], *line = NULL, *points = NULL;
    size_t capacity = 0, length = 0;
    snprintf(wanted, sizeof wanted, "net:[%" PRIu64 "]", inode);
    while (getline(&line, &capacity, mounts) >= 0) {
        char *rest = line, *fields[5];
        for (size_t i = 0; i < 5; i++)
            fields[i] = strsep(&rest, " ");
        if (fields[4] == NULL || rest == NULL || strcmp(fields[3], wanted) != 0 || strstr(rest, " - nsfs ") == NULL)
            continue;
        unescape(fields[4]);
        size_t more = strlen(fields[4]) + 1;
        points = allocated(realloc(points, length + more));
        if (length > 0)
            points[length - 1] = one_line ? ',' : '\n';
        memcpy(points + length, fields[4], more);
        length += more;
    }
    free(line);
    fclose(mounts);
    return points;
}

/* A file that leads to it: a link of its process, or what else holds it. */
static char *path_to(const listing *l, const line *at, nsiso_kinds kind)
{
    char text[96];
    if (at->process != NSISO_NONE) {
        int pid = process_at(l, at->process).pid;
        snprintf(text, sizeof text, "/proc/%d/ns/%s", pid, nsiso_kind_name(kind));
        return allocated(strdup(text));
    }
    size_t count = nsiso_snapshot_holders_count(l->snapshot, at->ns);
    for (size_t place = 0; place < count; place++) {
        nsiso_snapshot_holder holder;
        nsiso_error *error = NULL;
        must(nsiso_snapshot_get_holder(l->snapshot, at->ns, place, &holder, sizeof holder, &error), &error);
        if (holder.how == NSISO_HOLDER_MOUNT)
            return allocated(strdup(holder.point));
        if (holder.how == NSISO_HOLDER_DESCRIPTOR)
            snprintf(text, sizeof text, "/proc/%d/fd/%d", (int)holder.pid, holder.fd);
        else if (holder.how == NSISO_HOLDER_THREAD)
            snprintf(text, sizeof text, "/proc/%d/task/%d/ns/%s", (int)holder.pid, (int)holder.tid,
                     nsiso_kind_name(kind));
        else
            continue;
        return allocated(strdup(text));
    }
    return NULL;
}

static uint64_t inode_at(const listing *l, uint32_t ns)
{
    nsiso_snapshot_namespace told;
    if (nsiso_snapshot_get_namespace(l->snapshot, ns, &told, sizeof told, NULL) < 0)
        return 0;
    return told.inode;
}

char *cell(const listing *l, const line *at, enum column column, bool one_line)
{
    nsiso_snapshot_namespace ns;
    nsiso_error *error = NULL;
    must(nsiso_snapshot_get_namespace(l->snapshot, at->ns, &ns, sizeof ns, &error), &error);
    bool has_process = at->process != NSISO_NONE;
    const nsiso_description_info *info = NULL;
    if (has_process && (column == PPID || column == COMMAND || column == UID || column == USER))
        info = describe(l, at->process);
    bool has_user = info != NULL || ns.owner_uid != NSISO_NONE;
    uid_t uid = info != NULL ? info->uid : ns.owner_uid;
    switch (column) {
    case NS: return number(ns.inode);
    case TYPE: return allocated(strdup(nsiso_kind_name(ns.kind)));
    case PATH: return path_to(l, at, ns.kind);
    case NPROCS: return number(ns.processes);
    case PID: return has_process ? number((uint64_t)process_at(l, at->process).pid) : NULL;
    case PPID: return info != NULL ? number((uint64_t)info->parent) : NULL;
    case COMMAND: return info != NULL ? command_of(info) : NULL;
    case UID: return has_user ? number(uid) : NULL;
    case USER: return has_user ? user_name(uid) : NULL;
    case NETNSID: return ns.kind == NSISO_NEWNET ? net_id(l, at->ns) : NULL;
    case NSFS: return ns.kind == NSISO_NEWNET ? mount_points(ns.inode, one_line) : NULL;
    case PNS: return number(inode_at(l, ns.parent));
    case ONS: return number(inode_at(l, ns.user_ns));
    default: return NULL;
    }
}
