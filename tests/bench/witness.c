/* What does a spawned program see? Writes what surrounds it to a file.
 *
 *   witness FILE LINK... HOSTNAME      the caller's links, in the order of kind_names, and its host name
 */
#define _GNU_SOURCE
#include "surroundings.h"

int main(int count, char **words)
{
    struct surroundings before;
    char line[LINE_SIZE];
    if (count != 2 + KINDS + 1) {
        fprintf(stderr, "usage: witness FILE LINK... HOSTNAME\n");
        return 2;
    }
    for (int i = 0; i < KINDS; i++)
        snprintf(before.links[i], NAME_SIZE, "%s", words[2 + i]);
    snprintf(before.host_name, NAME_SIZE, "%s", words[2 + KINDS]);
    describe(&before, line, sizeof(line));
    FILE *file = fopen(words[1], "we");
    return !file || fprintf(file, "%s\n", line) < 0 || fclose(file) != 0;
}
