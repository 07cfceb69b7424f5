/* How does libmount (util-linux) read a mount table? Declared here, so that its library is enough. */
#define _GNU_SOURCE
#include "../floor/mounts.h"

struct libmnt_table;
struct libmnt_fs;
struct libmnt_iter;

enum { FORWARD = 0 };

struct libmnt_table *mnt_new_table_from_file(const char *filename);
int mnt_table_get_nents(struct libmnt_table *table);
void mnt_unref_table(struct libmnt_table *table);
struct libmnt_iter *mnt_new_iter(int direction);
void mnt_free_iter(struct libmnt_iter *iter);
int mnt_table_next_fs(struct libmnt_table *table, struct libmnt_iter *iter, struct libmnt_fs **fs);
int mnt_fs_get_id(struct libmnt_fs *fs);
const char *mnt_fs_get_target(struct libmnt_fs *fs);

long peer_mounts_libmount(uint64_t *ret_seen)
{
    struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
    if (table == 0)
        return -1;
    long count = mnt_table_get_nents(table);
    struct libmnt_iter *iter = ret_seen ? mnt_new_iter(FORWARD) : 0;
    struct libmnt_fs *fs;
    while (iter && mnt_table_next_fs(table, iter, &fs) == 0)
        *ret_seen = floor_mounts_seen(*ret_seen, (uint32_t)mnt_fs_get_id(fs), mnt_fs_get_target(fs));
    if (iter)
        mnt_free_iter(iter);
    mnt_unref_table(table);
    return count;
}
