/*
 * Asks the real libpam, with the real modules, below a directory:
 *
 *     reference ROOT
 *
 * Each line of stdin is `auth SERVICE`, `account SERVICE` or `session SERVICE`; each line of stdout
 * is the code.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int no_conversation(int count, const struct pam_message **messages,
			   struct pam_response **answers, void *data)
{
	return PAM_CONV_ERR;
}

int main(int argc, char **argv)
{
	struct pam_conv conversation = { no_conversation, NULL };
	char facility[16], service[64];

	if (argc != 2)
		return 2;
	if (chroot(argv[1]) != 0 && (unshare(CLONE_NEWUSER) != 0 || chroot(argv[1]) != 0)) {
		perror("chroot");
		return 1;
	}
	if (chdir("/") != 0)
		return 1;
	while (scanf("%15s %63s", facility, service) == 2) {
		pam_handle_t *handle = NULL;
		int code = pam_start(service, "root", &conversation, &handle);

		if (code == PAM_SUCCESS) {
			code = strcmp(facility, "auth") == 0	  ? pam_authenticate(handle, 0)
			       : strcmp(facility, "account") == 0 ? pam_acct_mgmt(handle, 0)
								  : pam_open_session(handle, 0);
			pam_end(handle, code);
		}
		printf("%d\n", code);
		fflush(stdout);
	}
	return 0;
}
