/*
 * A program that logs users in through PAM, as sshd, sudo or login do, for tests and the demo.
 *
 * It asks libpam for the service SERVICE in the directory CONFDIR, carries on the conversation
 * on stdin and stdout, and prints a line for each event:
 *
 *     MILLISECONDS KIND TEXT
 *
 * where KIND is info, error, visible or hidden (a message to the person; the two prompts then
 * take one line of stdin as the answer), log (a line that the module wrote to the log), fields
 * (before it, the same line as the journal got it), result (the name of the PAM code), setcred, before or state (descriptors, threads, resident kilobytes,
 * bytes of the heap in use, peak of the resident kilobytes, signal mask), before-process or process
 * (the rest of the state that a login must not change), changed (a login in a row ended differently
 * from the previous one), caught or jumped (a signal has arrived), calls (how often the module
 * called functions of the C library), faults (how many calls were made to fail).
 * Newlines and other control characters in TEXT are written as \xHH, backslashes doubled.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <locale.h>
#include <malloc.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: pam_host CONFDIR SERVICE USER [option ...]\n"
    "  rhost=ADDRESS  tty=NAME  ruser=NAME   items of the PAM handle\n"
    "  silent                      call with PAM_SILENT\n"
    "  block                       block SIGINT and SIGQUIT during PAM, as sudo does\n"
    "  catch                       catch SIGINT: prints `caught`\n"
    "  interrupt                   SIGINT comes before PAM is called; goes with block and catch\n"
    "  answers=null                answer prompts with a NULL string\n"
    "  answers=none                fail every prompt\n"
    "  answers=nothing             say that all is well, and give no answers at all\n"
    "  answers=nobody              there is no conversation function\n"
    "  answers=password            fail visible prompts, as sshd's password method does\n"
    "  types=TEXT                  answer every prompt with this\n"
    "  pause=MILLISECONDS          before each answer\n"
    "  otp=TEXT                    answer visible prompts with this, where others have types=\n"
    "  silence                     fail also messages that want no answer, as sudo-rs does\n"
    "  rename=USER                 change PAM_USER while a prompt is answered\n"
    "  log=PATH                    the socket at PATH is /dev/log, instead of printing; no journal\n"
    "  journal=PATH                the socket at PATH is the journal's, instead of printing\n"
    "  syslog                      there is no journal\n"
    "  run=PATH                    the directory at PATH is /run/pam_logonbox\n"
    "  lib=PATH                    the directory at PATH is /var/lib/pam_logonbox\n"
    "  keys=PATH                   the directory at PATH is /etc/security/pam_logonbox.keys\n"
    "  sources=PATH                the file at PATH is /etc/nsswitch.conf, for the module\n"
    "  owner=UID                   whose all files are\n"
    "  hostname=NAME               of this machine\n"
    "  anycase                     the user database knows names in upper case, too\n"
    "  gecos=TEXT  home=PATH       what the user database says of everybody\n"
    "  env=NAME=VALUE              in the environment, but only once the program runs\n"
    "  caller=UID                  the real user id, as in a setuid program of that caller\n"
    "  uid=UID                     run as this user, and with no rights of root\n"
    "  slack=N                     timers may be N nanoseconds late\n"
    "  umask=MODE                  the file mode creation mask, in octal\n"
    "  files=N  memory=N  write=N  allow N open files, N megabytes of address space, files of N bytes\n"
    "Failures of the C library, as the module meets them:\n"
    "  clock=N                     the Nth reading of the clock fails, which makes Rust panic\n"
    "  threads=N                   only N threads can be started\n"
    "  lookup=SECONDS              a name look-up takes that long, and then fails\n"
    "  interface=NAME              the only network interface, which may be lo\n"
    "  fault=FUNCTION:FIRST:COUNT:ERROR   calls of the module to this function fail, FIRST of them\n"
    "                              (from 0) and COUNT; ERROR is errno or what the function returns,\n"
    "                              or `short`: one byte at a time. Four times at most\n"
    "  calls                       print how often the module has called each function\n"
    "  jump=SECONDS                what SIGUSR1 adds to the time of day\n"
    "  speed=N                     all clocks but the time of day run N times as fast\n"
    "  monotonic                   print the time of CLOCK_MONOTONIC, not since the start\n"
    "  marks                       look for /pam_host/before and /pam_host/after, around PAM\n"
    "  times=N                     N logins in one process, quietly; prints the last, and `state`\n"
    "                              after a tenth, half-way and at the end\n";

static struct timespec started;
static const char *rhost, *tty, *ruser;
static const char *answers = "";
static const char *rename_to, *types, *otp;
static int silent, fail_messages;
static int blocks, interrupts, marks, counts_calls, is_monotonic, no_journal;
static long times = 1, pause_before_answer;
static int quiet;
static int log_reader = -1;
static pam_handle_t *pamh;

static const char *const codes[] = {
    "PAM_SUCCESS", "PAM_OPEN_ERR", "PAM_SYMBOL_ERR", "PAM_SERVICE_ERR", "PAM_SYSTEM_ERR",
    "PAM_BUF_ERR", "PAM_PERM_DENIED", "PAM_AUTH_ERR", "PAM_CRED_INSUFFICIENT",
    "PAM_AUTHINFO_UNAVAIL", "PAM_USER_UNKNOWN", "PAM_MAXTRIES", "PAM_NEW_AUTHTOK_REQD",
    "PAM_ACCT_EXPIRED", "PAM_SESSION_ERR", "PAM_CRED_UNAVAIL", "PAM_CRED_EXPIRED",
    "PAM_CRED_ERR", "PAM_NO_MODULE_DATA", "PAM_CONV_ERR", "PAM_AUTHTOK_ERR",
    "PAM_AUTHTOK_RECOVERY_ERR", "PAM_AUTHTOK_LOCK_BUSY", "PAM_AUTHTOK_DISABLE_AGING",
    "PAM_TRY_AGAIN", "PAM_IGNORE", "PAM_ABORT", "PAM_AUTHTOK_EXPIRED", "PAM_MODULE_UNKNOWN",
    "PAM_BAD_ITEM", "PAM_CONV_AGAIN", "PAM_INCOMPLETE",
};

#include "interposed.c"

static void say(const char *kind, const char *text)
{
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    long ms = (now.tv_sec - started.tv_sec) * 1000 + (now.tv_nsec - started.tv_nsec) / 1000000;
    printf("%ld %s ", ms, kind);
    for (; *text; text++) {
        if (*text == '\\')
            printf("\\\\");
        else if ((unsigned char)*text < ' ' || *text == 127)
            printf("\\x%02x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('\n');
    fflush(stdout);
}

static const char *name(int code)
{
    if (code >= 0 && (size_t)code < sizeof codes / sizeof *codes)
        return codes[code];
    return "unknown code";
}

static void open_log(void)
{
    /* The kernel chooses an abstract name. */
    struct log *log = &syslog_socket;
    log->length = sizeof log->address;
    log_reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    log->address.sun_family = AF_UNIX;
    if (log_reader < 0
        || bind(log_reader, (struct sockaddr *)&log->address, sizeof(sa_family_t))
        || getsockname(log_reader, (struct sockaddr *)&log->address, &log->length)) {
        perror("pam_host: the log's socket");
        exit(2);
    }
}

static void use_log(struct log *log, const char *path)
{
    log->address.sun_family = AF_UNIX;
    strncpy(log->address.sun_path, path, sizeof log->address.sun_path - 1);
    log->length = sizeof log->address;
}

/* The value of a field of a message for the journal, up to the end of the line. */
static const char *field(const char *message, const char *name, int *length)
{
    const char *start = strstr(message, name);
    start = start ? start + strlen(name) : "";
    *length = (int)strcspn(start, "\n");
    return start;
}

static void print_log(void)
{
    if (log_reader < 0)
        return;
    static char message[65536], line[65536];
    ssize_t length;
    while ((length = recv(log_reader, message, sizeof message - 1, 0)) >= 0) {
        message[length] = 0;
        if (quiet)
            continue;
        if (strncmp(message, "MESSAGE=", 8) != 0) {
            say("log", message);
            continue;
        }
        say("fields", message);
        int lengths[4];
        const char *level = field(message, "\nPRIORITY=", &lengths[0]);
        const char *program = field(message, "\nSYSLOG_IDENTIFIER=", &lengths[1]);
        const char *pid = field(message, "\nSYSLOG_PID=", &lengths[2]);
        const char *text = field(message, "MESSAGE=", &lengths[3]);
        snprintf(line, sizeof line, "<%d>%.*s[%.*s]: %.*s", 10 << 3 | atoi(level), lengths[1],
                 program, lengths[2], pid, lengths[3], text);
        say("log", line);
    }
}

static char *answer(int style)
{
    char line[262144];
    int visible = style == PAM_PROMPT_ECHO_ON;
    usleep((useconds_t)pause_before_answer * 1000);
    if (!strcmp(answers, "none") || (!strcmp(answers, "password") && visible))
        return NULL;
    if (otp && visible)
        return strdup(otp);
    if (types || quiet)
        return strdup(types ? types : "");
    if (!fgets(line, sizeof line, stdin))
        return NULL;
    line[strcspn(line, "\n")] = 0;
    return strdup(line);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)data;
    struct pam_response *given = calloc((size_t)count, sizeof *given);
    if (!given)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        int prompt = style == PAM_PROMPT_ECHO_ON || style == PAM_PROMPT_ECHO_OFF;
        if (!quiet)
            say(style == PAM_PROMPT_ECHO_ON    ? "visible"
                : style == PAM_PROMPT_ECHO_OFF ? "hidden"
                : style == PAM_ERROR_MSG       ? "error"
                                               : "info",
                messages[i]->msg);
        if (!prompt && fail_messages) {
            free(given);
            return PAM_CONV_ERR;
        }
        if (!prompt)
            continue;
        if (!strcmp(answers, "nothing")) {
            free(given);
            *responses = NULL;
            return PAM_SUCCESS;
        }
        char *text = answer(style);
        if (rename_to)
            pam_set_item(pamh, PAM_USER, rename_to);
        if (!text) {
            free(given);
            return PAM_CONV_ERR;
        }
        if (!strcmp(answers, "null")) {
            free(text);
            text = NULL;
        }
        given[i].resp = text;
    }
    *responses = given;
    return PAM_SUCCESS;
}

static int entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

/* The bytes that the allocator has handed out. */
static size_t heap(void)
{
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 memory = mallinfo2();
    return memory.uordblks + memory.hblkhd;
#else
    struct mallinfo memory = mallinfo();
    return (size_t)memory.uordblks + (size_t)memory.hblkhd;
#endif
}

static void state(const char *kind)
{
    char line[256];
    long pages = 0, resident = 0, peak = 0;
    sigset_t mask;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm && fscanf(statm, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (statm)
        fclose(statm);
    /* Not ru_maxrss, which starts with the value of the parent process. */
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) && sscanf(line, "VmHWM: %ld", &peak) != 1)
        ;
    if (status)
        fclose(status);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    snprintf(line, sizeof line, "files=%d threads=%d kilobytes=%ld heap=%zu peak=%ld blocked=%d%d%d%d",
             entries("/proc/self/fd") - 3, entries("/proc/self/task") - 2,
             resident * (sysconf(_SC_PAGESIZE) / 1024), heap(), peak, sigismember(&mask, SIGINT),
             sigismember(&mask, SIGTERM), sigismember(&mask, SIGHUP), sigismember(&mask, SIGQUIT));
    say(kind, line);
}

/* FNV-1a. */
static unsigned long mixed(unsigned long hash, const void *data, size_t length)
{
    for (const unsigned char *byte = data; length--; byte++)
        hash = (hash ^ *byte) * 0x100000001b3;
    return hash;
}

/* The state of the whole process, which the module must not change. */
static void process(const char *kind)
{
    char line[PATH_MAX + 512], directory[PATH_MAX] = "";
    unsigned long environment = 0xcbf29ce484222325, handlers = environment, limits = environment;
    sigset_t mask;
    stack_t stack;
    mode_t file_mask = umask(0);
    umask(file_mask);
    for (char **variable = environ; *variable; variable++)
        environment = mixed(environment, *variable, strlen(*variable) + 1);
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action))
            continue;
        handlers = mixed(handlers, &action.sa_handler, sizeof action.sa_handler);
        handlers = mixed(handlers, &action.sa_flags, sizeof action.sa_flags);
    }
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        struct rlimit limit;
        if (!getrlimit(resource, &limit))
            limits = mixed(limits, &limit, sizeof limit);
    }
    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigaltstack(NULL, &stack);
    if (!getcwd(directory, sizeof directory))
        *directory = 0;
    snprintf(line, sizeof line,
             "directory=%s umask=%o environment=%lx locale=%s handlers=%lx mask=%lx stack=%d slack=%d "
             "dumpable=%d limits=%lx",
             directory, file_mask, environment, setlocale(LC_ALL, NULL), handlers,
             mixed(0xcbf29ce484222325, &mask, NSIG / 8), stack.ss_flags, prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0),
             prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), limits);
    say(kind, line);
}

static void print_calls(void)
{
    char line[4096] = "";
    for (struct function *function = called; function; function = function->next)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s=%ld", *line ? " " : "",
                 function->name, function->calls);
    say("calls", line);
}

/* Waits for threads that end shortly after the login. A busy machine may need some seconds. */
static void settle(void)
{
    for (int i = 0; i < 5000 && entries("/proc/self/task") > 3; i++)
        usleep(1000);
}

static void caught(int signal)
{
    (void)signal;
    static const char text[] = "0 caught SIGINT\n";
    if (!quiet && write(1, text, sizeof text - 1) < 0)
        _exit(3);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit limit = {most, most};
    setrlimit(resource, &limit);
}

/* Options with a text, with a number, and without a value. */
static const struct {
    const char *name;
    const char **text;
    long *number;
    int *is_on;
} options[] = {
    {.name = "rhost", .text = &rhost},
    {.name = "tty", .text = &tty},
    {.name = "ruser", .text = &ruser},
    {.name = "answers", .text = &answers},
    {.name = "types", .text = &types},
    {.name = "otp", .text = &otp},
    {.name = "rename", .text = &rename_to},
    {.name = "run", .text = &state_directory},
    {.name = "lib", .text = &lib},
    {.name = "keys", .text = &keys},
    {.name = "sources", .text = &sources},
    {.name = "interface", .text = &interface},
    {.name = "hostname", .text = &host_name},
    {.name = "gecos", .text = &gecos},
    {.name = "home", .text = &home},
    {.name = "owner", .number = &owner},
    {.name = "caller", .number = &caller},
    {.name = "clock", .number = &clock_fails_at},
    {.name = "lookup", .number = &lookup_takes},
    {.name = "speed", .number = &speed},
    {.name = "times", .number = &times},
    {.name = "pause", .number = &pause_before_answer},
    {.name = "silent", .is_on = &silent},
    {.name = "silence", .is_on = &fail_messages},
    {.name = "block", .is_on = &blocks},
    {.name = "interrupt", .is_on = &interrupts},
    {.name = "anycase", .is_on = &any_case},
    {.name = "calls", .is_on = &counts_calls},
    {.name = "marks", .is_on = &marks},
    {.name = "syslog", .is_on = &no_journal},
    {.name = "monotonic", .is_on = &is_monotonic},
};

/* Options with a function of their own. Returns 0 if there is no such option. */
/* Without memory, the stack cannot grow, and the kernel ends the process. An unoptimized module needs
 * more than the 132 KB that a stack begins with. */
static void grow_stack(void)
{
    volatile char stack[1 << 20];
    for (size_t i = 0; i < sizeof stack; i += 4096)
        stack[i] = 0;
}

static int does(const char *name, char *value)
{
    if (!value && !strcmp(name, "catch"))
        signal(SIGINT, caught);
    else if (!value)
        return 0;
    else if (!strcmp(name, "uid")) {
        uid_t uid = (uid_t)strtoul(value, NULL, 10);
        return !setgroups(0, NULL) && !setresgid(uid, uid, uid) && !setresuid(uid, uid, uid);
    } else if (!strcmp(name, "env"))
        putenv(value);
    else if (!strcmp(name, "log"))
        use_log(&syslog_socket, value);
    else if (!strcmp(name, "journal"))
        use_log(&journal, value);
    else if (!strcmp(name, "umask"))
        umask((mode_t)strtoul(value, NULL, 8));
    else if (!strcmp(name, "slack"))
        prctl(PR_SET_TIMERSLACK, strtoul(value, NULL, 10), 0, 0, 0);
    else if (!strcmp(name, "files"))
        limit(RLIMIT_NOFILE, (rlim_t)atol(value));
    else if (!strcmp(name, "memory"))
        grow_stack(), limit(RLIMIT_AS, (rlim_t)atol(value) << 20);
    else if (!strcmp(name, "write"))
        limit(RLIMIT_FSIZE, (rlim_t)atol(value));
    else if (!strcmp(name, "threads"))
        few_threads = 1, threads_left = atol(value);
    else if (!strcmp(name, "fault"))
        want_fault(value);
    else if (!strcmp(name, "jump")) {
        jump = atol(value);
        signal(SIGUSR1, jumps);
    } else
        return 0;
    return 1;
}

static int take(char *option)
{
    char *value = strchr(option, '=');
    if (value)
        *value++ = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(option, options[i].name))
            continue;
        if (!value != (options[i].is_on != NULL))
            return 0;
        if (options[i].text)
            *options[i].text = value;
        else if (options[i].number)
            *options[i].number = atol(value);
        else
            *options[i].is_on = 1;
        return 1;
    }
    return does(option, value);
}

static int log_in(const char *directory, const char *service, const char *user)
{
    struct pam_conv conversation = {strcmp(answers, "nobody") ? converse : NULL, NULL};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    if (blocks) {
        sigaddset(&blocked, SIGINT);
        sigaddset(&blocked, SIGQUIT);
    }
    int code = pam_start_confdir(service, user, &conversation, directory, &pamh);
    if (code != PAM_SUCCESS) {
        say("result", name(code));
        exit(1);
    }
    if (rhost)
        pam_set_item(pamh, PAM_RHOST, rhost);
    if (tty)
        pam_set_item(pamh, PAM_TTY, tty);
    if (ruser)
        pam_set_item(pamh, PAM_RUSER, ruser);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    if (interrupts)
        raise(SIGINT);
    if (marks)
        access("/pam_host/before", F_OK);
    arm();
    code = pam_authenticate(pamh, silent ? PAM_SILENT : 0);
    disarm();
    if (marks)
        access("/pam_host/after", F_OK);
    if (!quiet)
        say("result", name(code));
    print_log();
    if (code == PAM_SUCCESS && !quiet)
        say("setcred", name(pam_setcred(pamh, PAM_ESTABLISH_CRED)));
    pam_end(pamh, code);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}

int main(int argc, char **argv)
{
    int code = PAM_ABORT;
    real_clock(CLOCK_MONOTONIC, &started);
    /* These are ignored in programs that a script has started in the background. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (argc < 4) {
        fputs(usage, stderr);
        return 2;
    }
    for (int i = 4; i < argc; i++)
        if (!take(argv[i])) {
            fprintf(stderr, "pam_host: unknown option %s\n%s", argv[i], usage);
            return 2;
        }
    if (!syslog_socket.length) {
        open_log();
        if (!journal.length && !no_journal) {
            journal.address = syslog_socket.address;
            journal.length = syslog_socket.length;
        }
    }
    if (is_monotonic)
        started = (struct timespec){0, 0};
    /* A single arena, because a random choice of arenas would look like a leak. */
    if (times > 1)
        mallopt(M_ARENA_MAX, 1);
    state("before");
    process("before-process");
    for (long done = 1; done <= times; done++) {
        int before_this = code;
        quiet = done < times;
        code = log_in(argv[1], argv[2], argv[3]);
        if (done > 1 && code != before_this)
            say("changed", name(code));
        if (done == times || (times > 1 && (done == times / 10 || done == times / 2))) {
            settle();
            state("state");
        }
    }
    process("process");
    if (counts_calls)
        print_calls();
    if (faults_wanted) {
        char met[32];
        snprintf(met, sizeof met, "%ld", faults_met);
        say("faults", met);
    }
    return code == PAM_SUCCESS ? 0 : 1;
}
