/* A disk that fails as told: preloaded before a program, it stands between it and its files.
 *
 * Paths that begin with $FAULTY_DISK_FOLDER are concerned. $FAULTY_DISK_ORDERS is a file that holds
 * "struct orders", written by whoever injects: faults come and go while the program runs. An order
 * is an errno, 0 for none. Every n-th call meets it, where "every" is more than 1.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

struct orders {
    volatile int64_t seen;       /* calls that were concerned: told by us */
    volatile int64_t syncs;      /* of them fsync and fdatasync, the slow ones too */
    volatile int64_t failed;     /* of them made to fail */
    volatile int64_t write;      /* errno of writing, and of making files longer or shorter */
    volatile int64_t sync;       /* errno of fsync and fdatasync */
    volatile int64_t read;       /* errno of read and pread */
    volatile int64_t open;       /* errno of opening for writing, of unlink and of rename */
    volatile int64_t sync_delay; /* microseconds before fsync and fdatasync do anything */
    volatile int64_t every;
};

static struct orders *orders;
static const char *folder;

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAULTY_DISK_ORDERS");
    int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    void *place = MAP_FAILED;
    if (fd >= 0) {
        place = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    folder = getenv("FAULTY_DISK_FOLDER");
    if (place != MAP_FAILED && folder)
        orders = place;
}

static int concerns(const char *path)
{
    if (!orders || strncmp(path, folder, strlen(folder)))
        return 0;
    __sync_fetch_and_add(&orders->seen, 1);
    return 1;
}

static int concerns_file(int fd)
{
    char link[40], path[4096];
    ssize_t size;
    if (!orders)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    return concerns(path);
}

static int fails(int64_t order)
{
    static int64_t calls;
    if (!order || (orders->every > 1 && __sync_add_and_fetch(&calls, 1) % orders->every))
        return 0;
    __sync_fetch_and_add(&orders->failed, 1);
    errno = (int)order;
    return 1;
}

static void take_time(void)
{
    __sync_fetch_and_add(&orders->syncs, 1);
    if (orders->sync_delay)
        usleep((useconds_t)orders->sync_delay);
}

/* NAME as the C library has it, unless CONCERNED and ordered to fail. */
#define STAND_BEFORE(type, name, parameters, arguments, concerned, before, order)                  \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        if (concerned) {                                                                           \
            before;                                                                                \
            if (fails(orders->order))                                                              \
                return -1;                                                                         \
        }                                                                                          \
        return real arguments;                                                                     \
    }

#define WRITING(type, name, parameters, arguments)                                                 \
    STAND_BEFORE(type, name, parameters, arguments, concerns_file(fd), , write)

WRITING(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRITING(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITING(ssize_t, pwrite64, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITING(int, ftruncate, (int fd, off_t size), (fd, size))
WRITING(int, ftruncate64, (int fd, off_t size), (fd, size))
WRITING(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))

STAND_BEFORE(int, fsync, (int fd), (fd), concerns_file(fd), take_time(), sync)
STAND_BEFORE(int, fdatasync, (int fd), (fd), concerns_file(fd), take_time(), sync)
STAND_BEFORE(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size),
             concerns_file(fd), , read)
STAND_BEFORE(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at),
             concerns_file(fd), , read)
STAND_BEFORE(ssize_t, pread64, (int fd, void *data, size_t size, off_t at), (fd, data, size, at),
             concerns_file(fd), , read)
STAND_BEFORE(int, unlink, (const char *path), (path), concerns(path), , open)
STAND_BEFORE(int, rename, (const char *from, const char *to), (from, to), concerns(from), , open)

/* These return the error instead. */
#define ALLOCATING(name)                                                                           \
    int name(int fd, off_t at, off_t size)                                                         \
    {                                                                                              \
        static int (*real)(int, off_t, off_t);                                                     \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        return concerns_file(fd) && fails(orders->write) ? errno : real(fd, at, size);             \
    }

ALLOCATING(posix_fallocate)
ALLOCATING(posix_fallocate64)

#define OPENING(name)                                                                              \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static int (*real)(const char *, int, ...);                                                \
        va_list more;                                                                              \
        mode_t mode = 0;                                                                           \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        va_start(more, flags);                                                                     \
        if (flags & O_CREAT)                                                                       \
            mode = va_arg(more, mode_t);                                                           \
        va_end(more);                                                                              \
        if ((flags & O_ACCMODE) != O_RDONLY && concerns(path) && fails(orders->open))              \
            return -1;                                                                             \
        return real(path, flags, mode);                                                            \
    }

OPENING(open)
OPENING(open64)
