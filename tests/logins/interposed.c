/*
 * Wraps functions of the C library that the module calls: a test can redirect them, change their
 * time, or make them fail. This is a part of pam_host.c, because the functions of a program replace
 * those of libraries.
 */

/* The addresses of the module. Calls by libpam or the C library never fail. */
static const char *module_start, *module_end;
/* During pam_authenticate. */
static int armed;

static int is_module(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    const char *name = strrchr(info->dlpi_name, '/');
    if (!name || !strstr(name, "pam_logonbox"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const char *from = (const char *)info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        if (!module_start)
            module_start = from;
        module_end = from + part->p_memsz;
    }
    return 1;
}

/* A function, and the number of calls by the module. */
struct function {
    const char *name;
    long calls;
    struct function *next;
};

static struct function *called;

/* From the call `first` on, counted from 0, `count` calls of a function fail. */
static struct {
    char function[32];
    long first, count;
    int error;
} faults[4];

static int faults_wanted;
static long faults_met;

/* Not an error: fewer bytes are read or written than requested. */
#define SHORT 10000

static void want_fault(const char *text)
{
    char error[16] = "";
    if ((size_t)faults_wanted == sizeof faults / sizeof *faults
        || sscanf(text, "%31[^:]:%ld:%ld:%15s", faults[faults_wanted].function,
                  &faults[faults_wanted].first, &faults[faults_wanted].count, error)
               != 4) {
        fprintf(stderr, "pam_host: not fault=FUNCTION:FIRST:COUNT:ERROR: %s\n", text);
        exit(2);
    }
    faults[faults_wanted].error = strcmp(error, "short") ? atoi(error) : SHORT;
    faults_wanted++;
}

/* The error for this call, or 0 if it shall succeed or another library calls. */
static int fault(struct function *function, const void *caller)
{
    const char *from = caller;
    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST) || from < module_start || from >= module_end)
        return 0;
    long call = __atomic_fetch_add(&function->calls, 1, __ATOMIC_SEQ_CST);
    if (call == 0) {
        function->next = __atomic_load_n(&called, __ATOMIC_SEQ_CST);
        while (!__atomic_compare_exchange_n(&called, &function->next, function, 0, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST))
            ;
    }
    for (int i = 0; i < faults_wanted; i++)
        if (!strcmp(faults[i].function, function->name) && call >= faults[i].first
            && call - faults[i].first < faults[i].count) {
            __atomic_fetch_add(&faults_met, 1, __ATOMIC_SEQ_CST);
            return faults[i].error;
        }
    return 0;
}

static void *real(const char *function)
{
    void *found = dlsym(RTLD_NEXT, function);
    if (!found)
        abort();
    return found;
}

/* In a function: `fault_` is the error for the call, `real_` the real function. */
#define STANDS_IN(returns, name, ...)                                                              \
    static returns (*real_)(__VA_ARGS__);                                                          \
    static struct function function_ = {#name, 0, NULL};                                           \
    int fault_ = fault(&function_, __builtin_return_address(0));                                   \
    if (!real_)                                                                                    \
        *(void **)&real_ = real(#name);

/* Calls the real function, or fails with `failed` and errno or with the error itself. */
#define CAN_FAIL(returns, failed, name, parameters, ...)                                           \
    returns name parameters                                                                        \
    {                                                                                              \
        static returns(*real_) parameters;                                                         \
        static struct function function_ = {#name, 0, NULL};                                       \
        int fault_ = fault(&function_, __builtin_return_address(0));                               \
        if (!real_)                                                                                \
            *(void **)&real_ = real(#name);                                                        \
        if (fault_) {                                                                              \
            errno = fault_;                                                                        \
            return failed;                                                                         \
        }                                                                                          \
        return real_(__VA_ARGS__);                                                                 \
    }

/* Time. For the module, it runs `speed` times as fast. */
static long speed = 1;
static long clock_fails_at = -1, clock_readings;
/* What SIGUSR1 adds to the time of day, in seconds. */
static long jump;
static volatile sig_atomic_t jumped;

static void jumps(int signal)
{
    (void)signal;
    jumped = 1;
    static const char text[] = "0 jumped\n";
    if (write(1, text, sizeof text - 1) < 0)
        _exit(3);
}

static int real_clock(clockid_t clock, struct timespec *now)
{
    static int (*real_function)(clockid_t, struct timespec *);
    if (!real_function)
        *(void **)&real_function = real("clock_gettime");
    return real_function(clock, now);
}

static long long nanoseconds(const struct timespec *time)
{
    return time->tv_sec * 1000000000LL + time->tv_nsec;
}

static struct timespec timespec(long long nanoseconds)
{
    return (struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000};
}

/* Converts a time of the kernel to the module's. */
static struct timespec hasty(const struct timespec *time)
{
    long long start = nanoseconds(&started);
    return timespec(start + (nanoseconds(time) - start) * speed);
}

/* Converts milliseconds of the module to the kernel's. */
static int kernel_timeout(int milliseconds)
{
    return milliseconds > 0 ? (int)((milliseconds + speed - 1) / speed) : milliseconds;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static struct function function_ = {"clock_gettime", 0, NULL};
    int fault_ = fault(&function_, __builtin_return_address(0));
    if (clock_fails_at >= 0 && __atomic_fetch_add(&clock_readings, 1, __ATOMIC_SEQ_CST) == clock_fails_at)
        fault_ = EINVAL;
    if (fault_) {
        errno = fault_;
        return -1;
    }
    int result = real_clock(clock, now);
    if (clock == CLOCK_MONOTONIC && speed != 1)
        *now = hasty(now);
    if (clock == CLOCK_REALTIME && jumped)
        now->tv_sec += jump;
    return result;
}

int poll(struct pollfd *all, nfds_t count, int timeout)
{
    STANDS_IN(int, poll, struct pollfd *, nfds_t, int)
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return real_(all, count, kernel_timeout(timeout));
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    STANDS_IN(int, epoll_wait, int, struct epoll_event *, int, int)
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return real_(fd, events, most, kernel_timeout(timeout));
}

/* The locks of the standard library wait in futex(2). Waking a thread there cannot fail. */
long syscall(long number, ...)
{
    static long (*real_)(long, ...);
    static struct function futexes = {"futex", 0, NULL}, others = {"syscall", 0, NULL};
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    int waits = number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    int fault_ = 0;
    if (waits || number != SYS_futex)
        fault_ = fault(waits ? &futexes : &others, __builtin_return_address(0));
    if (!real_)
        *(void **)&real_ = real("syscall");
    if (fault_) {
        errno = fault_;
        return -1;
    }
    struct timespec until;
    if (waits && a[3] && speed != 1) {
        long long start = nanoseconds(&started);
        until = timespec(start + (nanoseconds((struct timespec *)a[3]) - start) / speed);
        a[3] = (long)&until;
    }
    return real_(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Threads. */
static int few_threads;
static long threads_left;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    STANDS_IN(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)
    if (few_threads && __atomic_fetch_sub(&threads_left, 1, __ATOMIC_SEQ_CST) <= 0)
        return EAGAIN;
    return fault_ ? fault_ : real_(thread, attributes, start, argument);
}

CAN_FAIL(int, fault_, pthread_attr_init, (pthread_attr_t * attributes), attributes)
CAN_FAIL(int, fault_, pthread_attr_setstacksize, (pthread_attr_t * attributes, size_t size), attributes,
         size)
CAN_FAIL(int, fault_, pthread_getattr_np, (pthread_t thread, pthread_attr_t *attributes), thread,
         attributes)
CAN_FAIL(int, fault_, pthread_setname_np, (pthread_t thread, const char *name), thread, name)
CAN_FAIL(int, -1, sigaltstack, (const stack_t *stack, stack_t *old), stack, old)
CAN_FAIL(int, -1, sched_getaffinity, (pid_t process, size_t size, cpu_set_t *set), process, size, set)
CAN_FAIL(long, -1, sysconf, (int name), name)

int prctl(int option, ...)
{
    STANDS_IN(int, prctl, int, ...)
    unsigned long a[4];
    va_list rest;
    va_start(rest, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(rest, unsigned long);
    va_end(rest);
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return real_(option, a[0], a[1], a[2], a[3]);
}

/* Signals. */
CAN_FAIL(int, -1, signalfd, (int fd, const sigset_t *set, int flags), fd, set, flags)

/* Memory. */
CAN_FAIL(void *, MAP_FAILED, mmap64,
         (void *address, size_t length, int protection, int flags, int fd, off64_t offset), address,
         length, protection, flags, fd, offset)
CAN_FAIL(int, -1, mprotect, (void *address, size_t length, int protection), address, length, protection)

static struct function allocations = {"malloc", 0, NULL};

/* dlsym may allocate memory before the real allocator is known. */
static char early[4096];
static size_t early_used;
static int looking_up;

static void *early_memory(size_t size)
{
    void *memory = early + early_used;
    early_used += (size + 15) & ~(size_t)15;
    return early_used <= sizeof early ? memory : NULL;
}

static int is_early(const void *memory)
{
    return (const char *)memory >= early && (const char *)memory < early + sizeof early;
}

/* They all count as one function. */
#define ALLOCATES(name, size, parameters, ...)                                                     \
    void *name parameters                                                                          \
    {                                                                                              \
        static void *(*real_)parameters;                                                           \
        if (!real_) {                                                                              \
            if (looking_up)                                                                        \
                return early_memory(size);                                                         \
            looking_up = 1;                                                                        \
            *(void **)&real_ = real(#name);                                                        \
            looking_up = 0;                                                                        \
        }                                                                                          \
        if (fault(&allocations, __builtin_return_address(0))) {                                    \
            errno = ENOMEM;                                                                        \
            return NULL;                                                                           \
        }                                                                                          \
        return real_(__VA_ARGS__);                                                                 \
    }

ALLOCATES(malloc, size, (size_t size), size)
ALLOCATES(calloc, count *size, (size_t count, size_t size), count, size)
ALLOCATES(realloc, size, (void *memory, size_t size), memory, size)

void free(void *memory)
{
    static void (*real_function)(void *);
    if (is_early(memory))
        return;
    if (!real_function)
        *(void **)&real_function = real("free");
    real_function(memory);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    STANDS_IN(int, posix_memalign, void **, size_t, size_t)
    return fault_ ? fault_ : real_(memory, alignment, size);
}

/* Randomness. */
CAN_FAIL(ssize_t, -1, getrandom, (void *bytes, size_t length, unsigned flags), bytes, length, flags)

/* Names, users and groups. */
static long lookup_takes = -1;

/* A fault below 0 is an error of getaddrinfo, other faults are errno. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    STANDS_IN(int, getaddrinfo, const char *, const char *, const struct addrinfo *,
              struct addrinfo **)
    if (lookup_takes >= 0) {
        sleep((unsigned)lookup_takes);
        return EAI_AGAIN;
    }
    if (fault_) {
        errno = fault_;
        return fault_ < 0 ? fault_ : EAI_SYSTEM;
    }
    return real_(node, service, hints, found);
}

/* What getifaddrs finds, if set: `lo` alone, or another interface. */
static const char *interface;

int getifaddrs(struct ifaddrs **found)
{
    STANDS_IN(int, getifaddrs, struct ifaddrs **)
    static struct sockaddr_in address = {.sin_family = AF_INET};
    static struct ifaddrs only;
    if (fault_) {
        errno = fault_;
        return -1;
    }
    if (!interface)
        return real_(found);
    only.ifa_name = (char *)interface;
    only.ifa_addr = (struct sockaddr *)&address;
    only.ifa_flags = strcmp(interface, "lo") ? 0 : IFF_LOOPBACK;
    *found = &only;
    return 0;
}

void freeifaddrs(struct ifaddrs *found)
{
    static void (*real_function)(struct ifaddrs *);
    if (!real_function)
        *(void **)&real_function = real("freeifaddrs");
    if (!interface)
        real_function(found);
}

static const char *host_name;

int gethostname(char *name, size_t size)
{
    STANDS_IN(int, gethostname, char *, size_t)
    if (fault_) {
        errno = fault_;
        return -1;
    }
    if (!host_name)
        return real_(name, size);
    snprintf(name, size, "%s", host_name);
    return 0;
}

static int any_case;
/* Fields that users can change, for all users. */
static const char *gecos, *home;

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
               struct passwd **found)
{
    STANDS_IN(int, getpwnam_r, const char *, struct passwd *, char *, size_t, struct passwd **)
    char lower[256] = "";
    if (fault_) {
        *found = NULL;
        return fault_;
    }
    for (size_t i = 0; any_case && name[i] && i + 1 < sizeof lower; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    int error = real_(any_case ? lower : name, entry, buffer, size, found);
    if (*found && gecos)
        (*found)->pw_gecos = (char *)gecos;
    if (*found && home)
        (*found)->pw_dir = (char *)home;
    return error;
}

int getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **found)
{
    STANDS_IN(int, getpwuid_r, uid_t, struct passwd *, char *, size_t, struct passwd **)
    if (fault_) {
        *found = NULL;
        return fault_;
    }
    return real_(id, entry, buffer, size, found);
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size,
               struct group **found)
{
    STANDS_IN(int, getgrnam_r, const char *, struct group *, char *, size_t, struct group **)
    if (fault_) {
        *found = NULL;
        return fault_;
    }
    return real_(name, entry, buffer, size, found);
}

int getgrgid_r(gid_t id, struct group *entry, char *buffer, size_t size, struct group **found)
{
    STANDS_IN(int, getgrgid_r, gid_t, struct group *, char *, size_t, struct group **)
    if (fault_) {
        *found = NULL;
        return fault_;
    }
    return real_(id, entry, buffer, size, found);
}

CAN_FAIL(int, -1, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *count), user, group,
         groups, count)

static long caller = -1;

/* As the kernel writes it for a setuid program of that caller. */
unsigned long getauxval(unsigned long kind)
{
    static unsigned long (*real_function)(unsigned long);
    if (!real_function)
        *(void **)&real_function = real("getauxval");
    return kind == AT_UID && caller >= 0 ? (unsigned long)caller : real_function(kind);
}

uid_t getuid(void)
{
    static uid_t (*real_function)(void);
    if (!real_function)
        *(void **)&real_function = real("getuid");
    return caller >= 0 ? (uid_t)caller : real_function();
}

/* Files. The state under /run and /var/lib, and the pinned keys, belong to the whole machine, so they are moved.
 * The sources of the user database differ from machine to machine. */
static const char *state_directory, *lib, *keys, *sources;

/* The place of `path` if it is in the directory `from`, which is moved to `to`. */
static int moved(const char *path, const char *from, const char *to, char *place, size_t size)
{
    size_t length = strlen(from);
    if (!to || strncmp(path, from, length) || (path[length] && path[length] != '/'))
        return 0;
    snprintf(place, size, "%s%s", to, path + length);
    return 1;
}

static const char *place_of(const char *path)
{
    static _Thread_local char below[PATH_MAX];

    if (moved(path, "/run/pam_logonbox", state_directory, below, sizeof below)
        || moved(path, "/var/lib/pam_logonbox", lib, below, sizeof below))
        return below;
    if (keys && !strcmp(path, "/etc/security/pam_logonbox.keys"))
        return keys;
    if (sources && !strcmp(path, "/etc/nsswitch.conf"))
        return sources;
    return path;
}

#define OPENS(name)                                                                                \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        STANDS_IN(int, name, const char *, int, ...)                                               \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                    \
        va_end(more);                                                                              \
        if (fault_) {                                                                              \
            errno = fault_;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return real_(place_of(path), flags, mode);                                                 \
    }

OPENS(open)
OPENS(open64)

int openat(int directory, const char *path, int flags, ...)
{
    STANDS_IN(int, openat, int, const char *, int, ...)
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return real_(directory, path, flags, mode);
}

CAN_FAIL(int, -1, mkdir, (const char *path, mode_t mode), place_of(path), mode)
CAN_FAIL(int, -1, mkdirat, (int directory, const char *path, mode_t mode), directory, path, mode)
CAN_FAIL(int, -1, linkat,
         (int from, const char *old, int to, const char *new, int flags), from, old, to, new, flags)
CAN_FAIL(int, -1, unlinkat, (int directory, const char *path, int flags), directory, path, flags)
CAN_FAIL(int, -1, fsync, (int fd), fd)
CAN_FAIL(int, -1, fchmod, (int fd, mode_t mode), fd, mode)
CAN_FAIL(int, -1, tcgetattr, (int fd, struct termios *terminal), fd, terminal)
CAN_FAIL(int, -1, flock, (int fd, int operation), fd, operation)
CAN_FAIL(int, -1, fstat64, (int fd, struct stat64 *found), fd, found)
CAN_FAIL(int, -1, stat64, (const char *path, struct stat64 *found), path, found)
/* The owner of all files, if set. */
static long owner = -1;

int statx(int fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict found)
{
    STANDS_IN(int, statx, int, const char *, int, unsigned, struct statx *)
    if (fault_) {
        errno = fault_;
        return -1;
    }
    int result = real_(fd, path, flags, mask, found);
    if (!result && owner >= 0)
        found->stx_uid = (unsigned)owner;
    return result;
}

CAN_FAIL(off64_t, -1, lseek64, (int fd, off64_t offset, int whence), fd, offset, whence)
CAN_FAIL(ssize_t, -1, readlink, (const char *path, char *target, size_t size), path, target, size)
CAN_FAIL(char *, NULL, realpath, (const char *path, char *resolved), path, resolved)
CAN_FAIL(char *, NULL, getcwd, (char *path, size_t size), path, size)
CAN_FAIL(DIR *, NULL, opendir, (const char *path), path)
CAN_FAIL(DIR *, NULL, fdopendir, (int fd), fd)
CAN_FAIL(struct dirent *, NULL, readdir, (DIR * directory), directory)
CAN_FAIL(struct dirent64 *, NULL, readdir64, (DIR * directory), directory)

int fcntl(int fd, int command, ...)
{
    STANDS_IN(int, fcntl, int, int, ...)
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return real_(fd, command, argument);
}

/* The descriptor is closed even if close(2) fails, as on Linux. */
int close(int fd)
{
    STANDS_IN(int, close, int)
    int result = real_(fd);
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return result;
}

/* Reading and writing, which can be short. */
#define MOVES(name, parameters, length, all, less)                                                 \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        static ssize_t(*real_) parameters;                                                         \
        static struct function function_ = {#name, 0, NULL};                                       \
        int fault_ = fault(&function_, __builtin_return_address(0));                               \
        if (!real_)                                                                                \
            *(void **)&real_ = real(#name);                                                        \
        if (fault_ == SHORT && (length) > 0)                                                       \
            return real_ less;                                                                     \
        if (fault_ && fault_ != SHORT) {                                                           \
            errno = fault_;                                                                        \
            return -1;                                                                             \
        }                                                                                          \
        return real_ all;                                                                          \
    }

MOVES(read, (int fd, void *bytes, size_t length), length, (fd, bytes, length), (fd, bytes, 1))
MOVES(recv, (int fd, void *bytes, size_t length, int flags), length, (fd, bytes, length, flags),
      (fd, bytes, 1, flags))
MOVES(send, (int fd, const void *bytes, size_t length, int flags), length,
      (fd, bytes, length, flags), (fd, bytes, 1, flags))
MOVES(readv, (int fd, const struct iovec *parts, int count), count, (fd, parts, count),
      (fd, &(struct iovec){parts->iov_base, parts->iov_len ? 1 : 0}, 1))
MOVES(writev, (int fd, const struct iovec *parts, int count), count, (fd, parts, count),
      (fd, &(struct iovec){parts->iov_base, parts->iov_len ? 1 : 0}, 1))

/* Sockets. The messages for the system log are redirected. */
struct log {
    const char *path;
    struct sockaddr_un address;
    /* 0 if this log is not there. */
    socklen_t length;
};

static struct log syslog_socket = {.path = "/dev/log"};
static struct log journal = {.path = "/run/systemd/journal/socket"};

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    STANDS_IN(int, connect, int, const struct sockaddr *, socklen_t)
    if (fault_) {
        errno = fault_;
        return -1;
    }
    struct log *const logs[] = {&syslog_socket, &journal};
    for (size_t i = 0; i < 2; i++) {
        if (address->sa_family != AF_UNIX
            || strcmp(((const struct sockaddr_un *)address)->sun_path, logs[i]->path) != 0)
            continue;
        if (!logs[i]->length) {
            errno = ENOENT;
            return -1;
        }
        return real_(fd, (struct sockaddr *)&logs[i]->address, logs[i]->length);
    }
    return real_(fd, address, length);
}

/* libpam would write to the kernel's audit log, which delays frequent writers and is not for tests.
 * Some kernels have no audit log. */
int socket(int domain, int type, int protocol)
{
    STANDS_IN(int, socket, int, int, int)
    if (domain == AF_NETLINK && protocol == NETLINK_AUDIT)
        fault_ = EPROTONOSUPPORT;
    if (fault_) {
        errno = fault_;
        return -1;
    }
    return real_(domain, type, protocol);
}

CAN_FAIL(ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)
CAN_FAIL(int, -1, bind, (int fd, const struct sockaddr *address, socklen_t length), fd, address, length)
CAN_FAIL(int, -1, getsockname, (int fd, struct sockaddr *address, socklen_t *length), fd, address, length)
CAN_FAIL(int, -1, getpeername, (int fd, struct sockaddr *address, socklen_t *length), fd, address, length)
CAN_FAIL(int, -1, getsockopt, (int fd, int level, int name, void *value, socklen_t *length), fd, level,
         name, value, length)
CAN_FAIL(int, -1, setsockopt, (int fd, int level, int name, const void *value, socklen_t length), fd,
         level, name, value, length)
CAN_FAIL(int, -1, shutdown, (int fd, int how), fd, how)
CAN_FAIL(int, -1, epoll_create1, (int flags), flags)
CAN_FAIL(int, -1, epoll_ctl, (int fd, int operation, int target, struct epoll_event *event), fd,
         operation, target, event)
CAN_FAIL(int, -1, eventfd, (unsigned value, int flags), value, flags)

/* libpam, whose errors are its codes. */
CAN_FAIL(int, fault_, pam_get_item, (const pam_handle_t *handle, int type, const void **item), handle,
         type, item)
CAN_FAIL(int, fault_, pam_set_item, (pam_handle_t * handle, int type, const void *item), handle, type,
         item)
CAN_FAIL(int, fault_, pam_get_user, (pam_handle_t * handle, const char **user, const char *prompt),
         handle, user, prompt)

static void arm(void)
{
    dl_iterate_phdr(is_module, NULL);
    __atomic_store_n(&armed, 1, __ATOMIC_SEQ_CST);
}

static void disarm(void)
{
    __atomic_store_n(&armed, 0, __ATOMIC_SEQ_CST);
}
