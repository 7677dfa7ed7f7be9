/*
 * The least that a program must do to log somebody in through PAM, so that what a login costs is
 * the module's, and not the program's.
 *
 *     host CONFDIR SERVICE USER [hold]
 *
 * prints when the first message came, and when the login was over, in microseconds since
 * pam_authenticate was called; with `hold` it then waits for the end of its standard input.
 */
#define _GNU_SOURCE
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct timespec called;
static long announced = -1;

static long microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - called.tv_sec) * 1000000 + (now.tv_nsec - called.tv_nsec) / 1000;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)messages, (void)data;
    if (announced < 0)
        announced = microseconds();
    *responses = calloc((size_t)count, sizeof **responses);
    return *responses ? PAM_SUCCESS : PAM_BUF_ERR;
}

int main(int argc, char **argv)
{
    struct pam_conv conversation = {converse, NULL};
    pam_handle_t *pamh;
    if (argc < 4 || pam_start_confdir(argv[2], argv[3], &conversation, argv[1], &pamh))
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &called);
    int code = pam_authenticate(pamh, 0);
    printf("announced %ld\nended %ld\n", announced, microseconds());
    fflush(stdout);
    if (argc > 4 && !strcmp(argv[4], "hold"))
        (void)!read(0, &code, 1);
    pam_end(pamh, code);
    return code != PAM_SUCCESS;
}
