#!/bin/sh
# Real logins through libpam against a simulated tenant: see `make demo`, and for its Airlock IAM
# `make demo MODE=airlock`. `make demo MODE=sshd` starts a container, to log in by hand.
#
# Needs no root, except to install the PAM headers where they are missing. Everything it writes
# is in a directory of its own, which is gone at the end.
set -eu

mode=${MODE:-push}
case $mode in
push | airlock | sshd) ;;
*)
    echo "demo: MODE=$mode is not known; leave it out, or say MODE=airlock or MODE=sshd" >&2
    exit 2
    ;;
esac
phone=${PHONE:-simulated}
case $phone in
simulated | page) ;;
*)
    echo "demo: PHONE=$phone is not known; leave it out, or say PHONE=page" >&2
    exit 2
    ;;
esac

if [ "$mode" != push ] && [ "$phone" = page ]; then
    echo "demo: PHONE=page goes without MODE" >&2
    exit 2
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

headers() {
    echo '#include <security/pam_appl.h>' | cc -E - >/dev/null 2>&1
}

if ! headers; then
    echo "demo: installing a C compiler and the PAM headers"
    if command -v apt-get >/dev/null; then
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq gcc libc6-dev libpam0g-dev >/dev/null
    elif command -v dnf >/dev/null; then
        as_root dnf install -y -q gcc pam-devel
    elif command -v zypper >/dev/null; then
        as_root zypper -q install -y gcc pam-devel
    fi
    headers || {
        echo "demo: cannot; please install a C compiler and the headers of PAM" >&2
        exit 1
    }
fi

echo "demo: building (this takes some minutes the first time)"
cargo build --quiet --package pam_logonbox
cargo build --quiet --workspace --bin logonbox-tenant
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
[ "$mode" != sshd ] || exec tests/hosts/demo "$target"

dir=$(mktemp -d)
tenant=
cleanup() {
    [ -z "$tenant" ] || kill "$tenant" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

cc -O1 -o "$dir/pam_host" tests/logins/pam_host.c -lpam -ldl

cat >"$dir/accounts.toml" <<END
account = [
    { name = "lee", phone = "approve", seconds = 1 },
    { name = "kim", phone = "decline", seconds = 1 },
    { name = "sam", phone = "wrong-key", seconds = 1 },
    { name = "page", phone = "page" },
]
END
"$target/debug/logonbox-tenant" --accounts "$dir/accounts.toml" --ca "$dir/ca.pem" --port-file "$dir/port" \
    >"$dir/tenant.log" 2>&1 &
tenant=$!
tries=0
while [ ! -s "$dir/port" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ] || ! kill -0 "$tenant" 2>/dev/null; then
        echo "demo: the tenant does not start:" >&2
        cat "$dir/tenant.log" >&2
        exit 1
    fi
    sleep 0.1
done
authority=localhost:$(cat "$dir/port")

# configure: writes the configuration, of which the first part comes on standard input.
configure() {
    {
        cat
        printf '\n[tls]\nca_file = "%s"\n\n[wait]\nlogin_seconds = 120\n' "$dir/ca.pem"
    } >"$dir/pam_logonbox.toml"
    chmod 600 "$dir/pam_logonbox.toml"
    mkdir -p "$dir/pam.d"
    echo "auth required $target/debug/libpam_logonbox.so conf=$dir/pam_logonbox.toml" >"$dir/pam.d/sshd"
    : >"$dir/seen"
}

# begin: starts a login. Its keyboard is descriptor 3.
begin() {
    rm -f "$dir/keyboard"
    mkfifo "$dir/keyboard"
    { "$dir/pam_host" "$dir/pam.d" sshd "$(id -un)" rhost=192.0.2.7 run="$dir/run" <"$dir/keyboard" || true; } \
        >"$dir/seen" 2>&1 &
    host=$!
    exec 3>"$dir/keyboard"
}

# push FORM: what the tenant says about the pushes of this login. FORM is a replacement of sed.
push() {
    tail -n +"$((before + 1))" "$dir/tenant.log" | sed -n \
        "s/.*signPayload .* text=\"\(.*\)\" button=\"\(.*\)\" phone=\"\(.*\)\" (.*) did=\([a-z-]*\).*/$1/p"
}

# login ACCOUNT [CODE]: one login. The user types CODE, or the code that the phone shows. Prints what
# each side sees.
login() {
    configure <<END
[logonbox]
tenant = "$authority"
account = "$1"

[conversation]
language = "$language"
END
    before=$(wc -l <"$dir/tenant.log")
    begin
    until grep -qE '^[0-9]+ (visible|result) ' "$dir/seen" 2>/dev/null; do sleep 0.05; done
    show 's/^[0-9]* visible \(.*\)/  terminal | \1/p'
    if [ "$1" = page ]; then
        # The user has the phone in a browser, and types the code here.
        read -r code || code=
    else
        until [ -n "$(push sent)" ] || grep -q '^[0-9]* result ' "$dir/seen"; do sleep 0.05; done
        push '  phone    | \1\n           | on \3, button "\2": \4'
        code=${2-$(push '\1' | sed 's/.*Code: //')}
        echo "  terminal | $code"
    fi
    echo "$code" >&3
    exec 3>&-
    wait $host
    verdict
}

# begin_at_airlock ACCOUNT: starts a login, whose keyboard is descriptor 3.
begin_at_airlock() {
    configure <<END
mode = "airlock"

[airlock]
url = "https://$authority/auth/rest"
account = "$1"

[conversation]
qr = "$drawing"
END
    begin
}

# screen N: waits for the Nth prompt, and prints it as a terminal would.
screen() {
    until [ "$(grep -cE '^[0-9]+ (visible|hidden|result) ' "$dir/seen")" -ge "$1" ]; do sleep 0.05; done
    grep -E '^[0-9]+ (visible|hidden) ' "$dir/seen" | sed -n "$1s/^[0-9]* [a-z]* //p" |
        sed 's/\\x0a/\
/g'
}

# answer N TEXT [SHOWN]: types TEXT at the Nth prompt.
answer() {
    screen "$1" | sed -e "\$s/\$/${3-$2}/" -e '1s/^/  terminal | /' -e '2,$s/^/           | /'
    echo "$2" >&3
}

end_at_airlock() {
    exec 3>&-
    wait $host
    verdict
}

verdict() {
    show 's/^[0-9]* error /  terminal | /p'
    show 's/^[0-9]* result /  verdict  | /p'
    show 's/^[0-9]* log [^:]*: /  log      | /p'
}

# Lines of what the host saw, with line breaks as the person sees them.
show() {
    sed -n "s/\\\\x0a/\\
             /g
        $1" "$dir/seen"
}

# The verdict and the first word of the log must be these.
expect() {
    if ! grep -q " result $1\$" "$dir/seen" || ! grep -q "pam_logonbox(sshd:auth): $2 " "$dir/seen"; then
        echo "demo: expected $1 and \"$2\"; this is not right" >&2
        exit 1
    fi
}

if [ "$mode" = airlock ]; then
    # What this terminal can show.
    case $(locale charmap 2>/dev/null) in
    UTF-8) drawing=unicode ;;
    *) drawing=ascii ;;
    esac
    printf '\n1. The person chooses a hardware token. It scans the code on the screen, and shows an OTP.\n\n'
    begin_at_airlock lee
    answer 1 correct-horse '(a password)'
    answer 2 2
    # The token sees what is on the screen, and nothing else.
    screen 3 >"$dir/screen"
    answer 3 "$("$target/debug/logonbox-tenant" token GAQT12345678 <"$dir/screen")"
    end_at_airlock
    expect PAM_SUCCESS approved
    printf '\n2. The OTP is wrong. It is asked for again where Airlock allows it: here, not.\n\n'
    begin_at_airlock otp.one-try
    answer 1 correct-horse '(a password)'
    answer 2 000000
    end_at_airlock
    expect PAM_MAXTRIES wrong-otp
    printf '\nBoth came out right. To type yourself: tests/tenant/README.md, "Airlock IAM".\n'
    exit 0
fi

language=en
if [ "$phone" = page ]; then
    cat <<END

Open https://$authority/ in a browser on this machine. Its certificate was made a moment ago, so
the browser will warn. Press Authorize or Decline there within two minutes. Then type the code that
the page shows, and Enter.

END
    login page
    if grep -q " result PAM_SUCCESS\$" "$dir/seen"; then
        expect PAM_SUCCESS approved
    else
        expect PAM_MAXTRIES '\(declined\|bad-signature\|wrong-code\|timed-out\)'
    fi
    exit 0
fi

printf '\n1. The user approves, and types the code that the phone shows.\n\n'
login lee
expect PAM_SUCCESS approved
printf '\n2. The user approves the push of a stranger, who does not see the code.\n\n'
login lee 000000
expect PAM_MAXTRIES wrong-code
printf '\n3. The user declines.\n\n'
login kim
expect PAM_MAXTRIES declined
printf '\n4. An attacker without the phone answers with another signature.\n\n'
login sam
expect PAM_MAXTRIES bad-signature
printf '\n5. The user declines, with prompts in German, French and Italian.\n'
for language in de fr it; do
    echo
    login kim
    expect PAM_MAXTRIES declined
done
printf '\nAll five came out right. To answer yourself, in a browser: make demo PHONE=page\n'
