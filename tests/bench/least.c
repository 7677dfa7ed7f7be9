/*
 * The least that any client could do: the two requests of a push login, on one connection, with
 * libcurl. It looks at nothing that comes back but the HTTP status.
 *
 *     least URL-OF-THE-KEY-LIST URL-OF-THE-SIGN-REQUEST FORM [CA-FILE]
 */
#include <curl/curl.h>

static size_t ignore(char *data, size_t size, size_t count, void *more)
{
    (void)data, (void)more;
    return size * count;
}

static int fails(CURL *curl)
{
    long status = 0;
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        fprintf(stderr, "least: %s\n", curl_easy_strerror(code));
        return 1;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status != 200;
}

int main(int argc, char **argv)
{
    CURL *curl;
    if (argc < 4 || curl_global_init(CURL_GLOBAL_DEFAULT) || !(curl = curl_easy_init()))
        return 2;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    if (argc > 4)
        curl_easy_setopt(curl, CURLOPT_CAINFO, argv[4]);
    curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
    if (fails(curl))
        return 1;
    curl_easy_setopt(curl, CURLOPT_URL, argv[2]);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, argv[3]);
    if (fails(curl))
        return 1;
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return 0;
}
