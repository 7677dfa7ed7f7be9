# Logins through PAM stacks, by the real libpam: for tests of the stacks that are shipped, to be sourced.
# What stands in for the password and the phone are libpam's own modules. Needs gcc and libpam0g-dev.
#
# The stacks to be tested are files in $dir/stacks.
# shellcheck shell=bash

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/stacks" "$dir/tally" "$dir/locked"
cc -o "$dir/pam_host" tests/logins/pam_host.c -lpam || {
    echo "no C compiler, or no PAM headers: apt-get install gcc libpam0g-dev" >&2
    exit 1
}

# The codes of a phone that says no.
export refusals=(auth_err authinfo_unavail maxtries abort conv_err service_err module_unknown)

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# stack NAME LINE...
stack() {
    printf '%s\n' "${@:2}" >"$dir/stacks/$1"
}

stack other "auth required pam_deny.so"
# Fedora's has session lines alone.
stack postlogin

# log_in SERVICE PASSWORD PHONE [LOCAL [TALLY]]: sets `result` and `setcred`, and `rang` where the phone was
# asked. PASSWORD and PHONE are what the modules return, or `missing`. LOCAL: yes, or no for a user of the
# directory. TALLY: a directory for pam_faillock. Without a result after $patience seconds: none.
log_in() {
    local service=$1 password=$2 phone=$3 local=${4:-yes} tally=${5:-$dir/tally}
    local checks=pam_unix idle=pam_sss user=pam_permit.so
    [[ $local == yes ]] || checks=pam_sss idle=pam_unix user=pam_deny.so
    case $password in
    success) password=pam_permit.so ;;
    auth_err) password=pam_deny.so ;;
    *) password="pam_debug.so auth=$password" ;;
    esac
    case $phone in
    missing) phone=/nonexistent/pam_logonbox.so ;;
    *) phone="pam_debug.so auth=$phone" ;;
    esac
    # Whom a password module is not for must not get in by it: it would say yes. The test may run as root,
    # whom pam_rootok lets in. Debian's libpam looks for included files in /etc/pam.d, so they get whole paths.
    rm -rf "$dir/pam.d"
    cp -r "$dir/stacks" "$dir/pam.d"
    sed -i \
        -e "s|$checks\.so|$password|; s|$idle\.so|pam_permit.so|; s|pam_localuser\.so|$user|" \
        -e "s|pam_logonbox\.so|$phone|; s|pam_rootok\.so|pam_deny.so|; s|delay=2000000$|delay=1000|" \
        -e "s|pam_faillock\.so.*|& nodelay even_deny_root deny=2 dir=$tally|" \
        -Ee "s,^(auth +(include|substack)) +,\1 $dir/pam.d/," "$dir"/pam.d/*
    timeout "${patience:-60}" "$dir/pam_host" "$dir/pam.d" "$service" root </dev/null >"$dir/out" || true
    result=$(sed -n 's/^[0-9]* result PAM_//p' "$dir/out")
    setcred=$(sed -n 's/^[0-9]* setcred PAM_//p' "$dir/out")
    rang=no
    grep -q "info ${phone#pam_debug.so }\$" "$dir/out" && rang=yes
    return 0
}

# expect RESULT RANG WHAT: of the last one.
expect() {
    [[ $result == "$1" && $rang == "$2" ]] || fail "$3: $result, phone: $rang; not $1, phone: $2"
    [[ $result != SUCCESS || $setcred == SUCCESS ]] || fail "$3: setcred: $setcred"
}

# password_first SERVICE RING LOCAL: the password alone decides whether the phone may ring (RING: yes or no).
password_first() {
    local service=$1 ring=$2 local=$3 what="$1, local user: $3"
    log_in "$service" auth_err success "$local"
    expect AUTH_ERR no "$what, wrong password"
    rm -f "$dir"/tally/*
    log_in "$service" authtok_err success "$local"
    expect AUTHTOK_ERR no "$what, no password entered"
    log_in "$service" success success "$local"
    expect SUCCESS "$ring" "$what, approved"
    log_in "$service" success ignore "$local"
    expect SUCCESS "$ring" "$what, exempt"
}

# phone_decides SERVICE: no refusal by the phone lets anybody in.
phone_decides() {
    local code
    # What follows must not make up for it.
    stack postlogin "auth optional pam_permit.so"
    for code in "${refusals[@]}"; do
        log_in "$1" success "$code"
        # The very code, because sshd and sudo ask again after some.
        expect "${code^^}" yes "$1, phone: $code"
    done
    log_in "$1" success missing
    expect MODULE_UNKNOWN no "$1, module missing"
    stack postlogin
}

# alone SERVICE: the module stands alone. It says who gets in, and whoever it takes no part in is refused,
# with a right password, too.
alone() {
    phone_decides "$1"
    log_in "$1" auth_err success
    expect SUCCESS yes "$1, logged in"
    log_in "$1" success ignore
    expect AUTH_ERR yes "$1, ignored"
}

# host_password_for_the_ignored SERVICE: nobody else is asked for the host's password, and theirs decides.
host_password_for_the_ignored() {
    phone_decides "$1"
    log_in "$1" auth_err success
    expect SUCCESS yes "$1 with the host's password, logged in"
    log_in "$1" auth_err ignore
    expect AUTH_ERR yes "$1 with the host's password, ignored, and it is wrong"
    log_in "$1" success ignore
    expect SUCCESS yes "$1 with the host's password, ignored, and it is right"
}

# lock SERVICE: two wrong passwords, where the stack has pam_faillock. The tally stays in $dir/locked.
lock() {
    local _
    rm -f "$dir"/locked/*
    for _ in 1 2; do
        log_in "$1" auth_err success yes "$dir/locked"
        expect AUTH_ERR no "$1, wrong password"
    done
}

# locked SERVICE LOCAL: after lock, the right password does not get as far as the phone.
locked() {
    log_in "$1" success success "$2" "$dir/locked"
    expect AUTH_ERR no "$1, local user: $2, right password of a locked account"
}

# only_passwords_are_slow SERVICE: a delay for a wrong password, none for Ctrl-C at the phone.
only_passwords_are_slow() {
    # libpam varies a delay by a half, and this machine may be busy.
    sed -i --follow-symlinks 's/delay=2000000$/delay=20000000/' "$dir"/stacks/*
    patience=5 log_in "$1" auth_err success
    [[ -z $result ]] || fail "$1: no delay after a wrong password"
    patience=5 log_in "$1" success conv_err
    [[ -n $result ]] || fail "$1: a delay after Ctrl-C at the phone"
    sed -i --follow-symlinks 's/delay=20000000$/delay=2000000/' "$dir"/stacks/*
    # Here are stand-ins for these.
    ! grep -h '^#*auth.*pam_unix\.so\|^#*auth.*pam_faillock\.so preauth' "$dir"/stacks/* | grep -v 'nodelay *$' ||
        fail "$1: a module sets a delay of its own"
}
