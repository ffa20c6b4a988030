/* A disk that fails: loaded before the C library, it lets the k-th change below a folder fail.
 *
 * FAILING_DISK_FOLDER  changes below this folder count: files made, writes, syncs, renames, folders
 * FAILING_DISK_AT      number of the change that fails, from 1; 0 lets none fail
 * FAILING_DISK_STAYS   1: all later changes fail too, as on a full disk
 * FAILING_DISK_ERROR   the error's number, such as 28 for "no space left on device"
 * FAILING_DISK_COUNT   a file that the number of changes is written to at the end
 *
 * A write that fails writes half of its bytes first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long changes;

#define REAL(name, type, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int below(const char *path) {
    const char *folder = getenv("FAILING_DISK_FOLDER");
    if (!folder || !path) return 0;
    if (path[0] == '/') return strncmp(path, folder, strlen(folder)) == 0;
    char here[PATH_MAX];
    return getcwd(here, sizeof here) && strncmp(here, folder, strlen(folder)) == 0;
}

static int open_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return path[0] == '/' && below(path);
}

/* Whether this change fails; sets errno then. */
static int fails(void) {
    long number = atomic_fetch_add(&changes, 1) + 1;
    const char *at = getenv("FAILING_DISK_AT"), *stays = getenv("FAILING_DISK_STAYS");
    const char *error = getenv("FAILING_DISK_ERROR");
    long first = at ? atol(at) : 0;
    if (first == 0 || number < first || (number > first && !(stays && *stays == '1'))) return 0;
    errno = error ? atoi(error) : ENOSPC;
    return 1;
}

static int changes_files(int flags) {
    return flags & (O_CREAT | O_TRUNC);
}

static int open_with(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    if (changes_files(flags) && below(path) && fails()) return -1;
    return real(path, flags, mode);
}

static mode_t mode_of(int flags, va_list list) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_with("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_with("open64", path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL("write", ssize_t, int, const void *, size_t);
    if (open_below(fd) && fails()) {
        int error = errno;
        if (count > 1 && real(fd, bytes, count / 2) < 0) { /* The disk is as broken as it should be. */ }
        errno = error;
        return -1;
    }
    return real(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL("writev", ssize_t, int, const struct iovec *, int);
    return open_below(fd) && fails() ? -1 : real(fd, parts, count);
}

int fsync(int fd) {
    REAL("fsync", int, int);
    return open_below(fd) && fails() ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL("fdatasync", int, int);
    return open_below(fd) && fails() ? -1 : real(fd);
}

int ftruncate64(int fd, off64_t length) {
    REAL("ftruncate64", int, int, off64_t);
    return open_below(fd) && fails() ? -1 : real(fd, length);
}

int rename(const char *from, const char *to) {
    REAL("rename", int, const char *, const char *);
    return below(to) && fails() ? -1 : real(from, to);
}

int link(const char *from, const char *to) {
    REAL("link", int, const char *, const char *);
    return below(to) && fails() ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL("mkdir", int, const char *, mode_t);
    return below(path) && fails() ? -1 : real(path, mode);
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FAILING_DISK_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld\n", atomic_load(&changes));
    fclose(file);
}
