/* A library that needs the function of a module, and does not have it. */
int pam_sm_authenticate(void);

int call(void)
{
	return pam_sm_authenticate();
}
