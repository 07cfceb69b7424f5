/* What does lsns's command line ask for?  The options of util-linux 2.42, and --depth. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lsns.h"

enum { OUTPUT_ALL = 256, DEPTH };

static const struct option WORDS[] = {
    {"json", no_argument, NULL, 'J'},
    {"task", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {"output", required_argument, NULL, 'o'},
    {"output-all", no_argument, NULL, OUTPUT_ALL},
    {"persistent", no_argument, NULL, 'P'},
    {"notruncate", no_argument, NULL, 'u'},
    {"version", no_argument, NULL, 'V'},
    {"noheadings", no_argument, NULL, 'n'},
    {"nowrap", no_argument, NULL, 'W'},
    {"list", no_argument, NULL, 'l'},
    {"raw", no_argument, NULL, 'r'},
    {"type", required_argument, NULL, 't'},
    {"tree", optional_argument, NULL, 'T'},
    {"filter", required_argument, NULL, 'Q'},
    {"list-columns", no_argument, NULL, 'H'},
    {"depth", required_argument, NULL, DEPTH},
    {NULL, 0, NULL, 0},
};

static const char HELP[] =
    "Usage: lsns [option...] [namespace]\n"
    "\n"
    "Lists namespaces, or the processes in the one with this inode.\n"
    "\n"
    "Which:\n"
    " -p, --task PID        those that a process is in\n"
    " -t, --type KIND       those of a kind; may be given again\n"
    " -P, --persistent      those that no process is in\n"
    " -Q, --filter EXPR     those of which this is so, for instance 'NPROCS > 1'\n"
    "     --depth WORD      how far to look: processes, threads, descriptors or all\n"
    "How:\n"
    " -o, --output COLUMNS  with these columns; after a +, with these as well\n"
    "     --output-all      with all columns\n"
    " -T, --tree[=WORD]     as a tree by owner, parent or process\n"
    " -l, --list            without a tree\n"
    " -J, --json            as JSON\n"
    " -r, --raw             one blank between cells\n"
    " -n, --noheadings      without the line of headings\n"
    " -u, --notruncate      however wide the terminal is\n"
    " -W, --nowrap          a line a namespace\n"
    "\n"
    " -H, --list-columns    list the columns\n"
    " -h, --help            this\n"
    " -V, --version         which version this is\n"
    "\n"
    "Columns:\n";

static void help(void)
{
    fputs(HELP, stdout);
    for (size_t i = 0; i < COLUMNS; i++)
        printf("%12s  %s\n", column_infos[i].name, column_infos[i].about);
    exit(EXIT_SUCCESS);
}

static nsiso_kinds kind_of(const char *name)
{
    nsiso_kinds kind;
    for (size_t i = 0; (kind = nsiso_kind_at(i)) != 0; i++)
        if (strcmp(nsiso_kind_name(kind), name) == 0)
            return kind;
    refuse("unknown namespace type: %s", name);
}

static enum tree tree_of(const char *word)
{
    if (word == NULL)
        return BY_OWNER;
    if (*word == '=')
        word++;
    if (strcmp(word, "parent") == 0)
        return BY_PARENT;
    if (strcmp(word, "process") == 0)
        return BY_PROCESS;
    if (strcmp(word, "owner") == 0)
        return BY_OWNER;
    refuse("unknown tree type: %s", word);
}

static uint32_t depth_of(const char *word)
{
    static const char *const depths[] = {"processes", "threads", "descriptors", "all"};
    for (uint32_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        if (strcmp(depths[i], word) == 0)
            return i;
    refuse("unknown depth: %s", word);
}

static pid_t pid_of(const char *word)
{
    char *end;
    errno = 0;
    intmax_t number = strtoimax(word, &end, 10);
    if (end == word || *end != '\0') {
        errno = 0;
        fail("invalid PID argument: '%s'", word);
    }
    if (errno == 0 && (number < INT_MIN || number > INT_MAX))
        errno = ERANGE;
    if (errno != 0)
        fail("invalid PID argument: '%s'", word);
    return (pid_t)number;
}

static uint64_t inode_of(const char *word)
{
    char *end;
    errno = 0;
    uint64_t number = strtoumax(word, &end, 10);
    if (end == word || *end != '\0')
        errno = 0;
    else if (errno == 0 && word[strspn(word, " \t\n")] == '-')
        errno = ERANGE;
    else if (errno == 0)
        return number;
    fail("invalid namespace argument: '%s'", word);
}

static void select_column(request *r, enum column column)
{
    if (r->columns_count == SELECTED_MAX)
        refuse("too many columns");
    r->columns[r->columns_count++] = column;
}

/* Names between commas. */
static void select_columns(request *r, const char *list)
{
    while (*list != '\0') {
        const char *comma = strchrnul(list, ',');
        size_t length = (size_t)(comma - list);
        int column = find_column(list, length);
        /* An empty word is none, also behind the last comma; the complaint shows all that is left. */
        if (length == 0)
            exit(EXIT_FAILURE);
        if (column < 0)
            refuse("unknown column: %.*s", (int)length, list);
        select_column(r, (enum column)column);
        if (*comma == ',' && comma[1] == '\0')
            refuse("unknown column: %s", list);
        list = *comma == ',' ? comma + 1 : comma;
    }
}

static void choose_columns(request *r, const char *output)
{
    static const enum column of_namespaces[] = {NS, TYPE, NPROCS, PID, USER};
    static const enum column of_processes[] = {PID, PPID, USER, COMMAND};
    bool has_own = r->columns_count > 0;
    if (output != NULL && *output != '+') {
        r->columns_count = 0;
        select_columns(r, output);
        if (r->columns_count == 0)
            exit(EXIT_FAILURE);
        return;
    }
    if (!has_own && r->of_namespace) {
        for (size_t i = 0; i < sizeof of_processes / sizeof of_processes[0]; i++)
            select_column(r, of_processes[i]);
    } else if (!has_own) {
        for (size_t i = 0; i < sizeof of_namespaces / sizeof of_namespaces[0]; i++)
            select_column(r, of_namespaces[i]);
        if (r->kinds != NSISO_KINDS_ALL && (r->kinds & NSISO_NEWNET) != 0) {
            select_column(r, NETNSID);
            select_column(r, NSFS);
        }
        select_column(r, COMMAND);
    }
    if (output != NULL && output[1] == '\0')
        exit(EXIT_FAILURE);
    if (output != NULL)
        select_columns(r, output + 1);
}

static void one_form(request *r, enum form form)
{
    if (r->form != AS_TABLE && r->form != form)
        refuse("mutually exclusive arguments: --json --raw");
    r->form = form;
}

void read_options(int argc, char **argv, request *r)
{
    *r = (request){.form = AS_TABLE, .tree = BY_PROCESS};
    const char *output = NULL;
    bool is_list = false, is_tree = false, is_whole = false;
    int letter;
    while ((letter = getopt_long(argc, argv, "Jlp:o:PnruWt:T::Q:HhV", WORDS, NULL)) != -1) {
        switch (letter) {
        case 'J': one_form(r, AS_JSON); break;
        case 'r': one_form(r, AS_RAW); break;
        case 'l': is_list = true; break;
        case 'T':
            r->tree = tree_of(optarg);
            is_tree = true;
            break;
        case 'p': r->task = pid_of(optarg); break;
        case 'o': output = optarg; break;
        case OUTPUT_ALL:
            is_whole = true;
            r->columns_count = 0;
            for (int column = 0; column < COLUMNS; column++)
                select_column(r, (enum column)column);
            break;
        case 'P': r->persistent = true; break;
        case 'n': r->no_headings = true; break;
        case 'u': r->no_truncation = true; break;
        case 'W': r->no_wrap = true; break;
        case 't': r->kinds |= kind_of(optarg); break;
        case 'Q': r->filter = optarg; break;
        case 'H': r->list_columns = true; break;
        case DEPTH: r->depth = depth_of(optarg); break;
        case 'h': help(); break;
        case 'V':
            printf("%s from nsiso %s\n", program_invocation_short_name, nsiso_version());
            exit(EXIT_SUCCESS);
        default:
            fprintf(stderr, "Try '%s --help' for more information.\n", program_invocation_short_name);
            exit(EXIT_FAILURE);
        }
    }
    if (optind < argc) {
        if (r->task != 0)
            refuse("--task is mutually exclusive with <namespace>");
        r->of_namespace = true;
        r->inode = inode_of(argv[optind]);
    }
    if ((is_list || (is_whole && !r->of_namespace)) && !is_tree)
        r->tree = NO_TREE;
    if (r->kinds == 0)
        r->kinds = NSISO_KINDS_ALL;
    /* What no process is in is held by something else. */
    if (r->persistent && r->depth < NSISO_DEPTH_DESCRIPTORS)
        r->depth = NSISO_DEPTH_DESCRIPTORS;
    if (r->list_columns)
        return;
    choose_columns(r, output);
    bool has_command = false;
    for (size_t i = 0; i < r->columns_count; i++)
        has_command |= r->columns[i] == COMMAND;
    if (r->tree == BY_PROCESS && !has_command)
        r->tree = NO_TREE; /* nothing would show it */
}
