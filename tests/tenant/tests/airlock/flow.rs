//! The order of the steps.

use tenant::{Airlock, Device, Tenant, Token, User};

use crate::browser::{Browser, DEVICES, POLL, QR_OTP, error, is_done, start, start_with, step};
use crate::common::TIMEOUT;

fn tidy(tenant: &Tenant, browser: &mut Browser) {
    assert_eq!(tenant.airlock_problems(), [""; 0]);
    assert_eq!(tenant.airlock_sessions(), 1);
    assert_eq!(browser.delete("").status, 204);
    assert!(tenant.wait_for_airlock_sessions(0, TIMEOUT));
}

#[test]
fn one_token_is_used_without_a_choice() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    assert_eq!(
        step(&browser.log_in("token")),
        "AIRLOCK_2FA_QR_CODE_OTP_REQUIRED"
    );
    let image = browser.challenge();
    let otp = Token::new("GAQT12345678").read_image(&image).unwrap();
    assert!(is_done(&browser.otp(QR_OTP, &otp)));
    tidy(&tenant, &mut browser);
    let paths: Vec<String> = tenant
        .airlock_requests()
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(paths[0], "/public/authentication/password/check/");
    assert_eq!(paths.len(), 4);
    assert_eq!(tenant.airlock_requests()[1].user.as_deref(), Some("token"));
    assert!(tenant.airlock_url().ends_with("/auth/rest"));
}

#[test]
fn several_devices_are_listed_and_chosen() {
    let tenant = start(Airlock::default());
    for (nth, serial) in [(1, "GAQT12345678"), (2, "GAQT87654321")] {
        let mut browser = Browser::new(&tenant);
        assert_eq!(
            step(&browser.log_in("lee")),
            "AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED"
        );
        let list = browser.post(DEVICES, "{}").json();
        let names: Vec<_> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| {
                assert_eq!(device["type"], "authentication.airlock-2fa.device");
                let attributes = &device["attributes"];
                (
                    attributes["displayName"].as_str().unwrap(),
                    attributes["deviceType"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            names,
            [
                ("Lee's iPhone", "IOS"),
                ("GAQT12345678", "HWTOKEN"),
                ("GAQT87654321", "HWTOKEN")
            ]
        );
        let id = list["data"][nth]["id"].as_str().unwrap();
        let chosen = browser.post(&format!("airlock-2fa/devices/{id}/select/"), "");
        assert_eq!(step(&chosen), "AIRLOCK_2FA_QR_CODE_OTP_REQUIRED");
        let otp = Token::new(serial).read_image(&browser.challenge()).unwrap();
        assert!(is_done(&browser.otp(QR_OTP, &otp)));
        tidy(&tenant, &mut browser);
    }
}

#[test]
fn a_phone_is_polled() {
    let tenant = start_with(User::new("quick").devices([Device::phone("P").approves_after(0)]));
    let pending = "AIRLOCK_2FA_POLLING_OR_OFFLINE_REQUIRED";
    for (user, polls) in [("phone", 2), ("quick", 0)] {
        let mut browser = Browser::new(&tenant);
        assert_eq!(step(&browser.log_in(user)), pending);
        for _ in 0..polls {
            assert_eq!(step(&browser.post(POLL, "")), pending);
        }
        assert!(is_done(&browser.post(POLL, "")));
        tidy(&tenant, &mut browser);
    }
    let mut browser = Browser::new(&tenant);
    browser.log_in("phone-never");
    for _ in 0..20 {
        assert_eq!(step(&browser.post(POLL, "")), pending);
    }
    tidy(&tenant, &mut browser);
    browser = Browser::new(&tenant);
    browser.log_in("phone-error");
    assert_eq!(step(&browser.post(POLL, "")), pending);
    let (_, code, next) = error(&browser.post(POLL, ""));
    assert_eq!((code.as_str(), next), ("AUTHENTICATION_FAILED", None));
    assert_eq!(tenant.airlock_sessions(), 0);
    // Logging out without a session is allowed.
    assert_eq!(browser.delete("").status, 204);
    assert_eq!(tenant.airlock_problems(), [""; 0]);
}

#[test]
fn otps_and_sms_codes_are_checked() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    assert_eq!(step(&browser.log_in("otp@acme.example")), "OTP_REQUIRED");
    assert!(is_done(&browser.otp("otp/check", "A1b2C3")));
    tidy(&tenant, &mut browser);
    let mut browser = Browser::new(&tenant);
    let answer = browser.log_in("sms");
    assert_eq!(step(&answer), "MTAN_OTP_REQUIRED");
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["phoneNumber"], "+41 ** *** ** 12");
    assert!(is_done(&browser.otp("mtan/otp/check", "482913")));
    tidy(&tenant, &mut browser);
}

#[test]
fn some_logins_end_after_the_password() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    assert!(is_done(&browser.log_in("password-only")));
    tidy(&tenant, &mut browser);
    let named = [
        ("fido", "FIDO_AUTHENTICATION_CHALLENGE_RETRIEVAL_REQUIRED"),
        (
            "mobile-only",
            "AIRLOCK_2FA_MOBILE_ONLY_CHALLENGE_RETRIEVAL_REQUIRED",
        ),
        ("step-PASSWORD_CHANGE_REQUIRED", "PASSWORD_CHANGE_REQUIRED"),
    ];
    for (user, name) in named {
        let mut browser = Browser::new(&tenant);
        assert_eq!(step(&browser.log_in(user)), name);
        tidy(&tenant, &mut browser);
    }
}

#[test]
fn a_flow_can_be_cleared_and_begun_again() {
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    // Even if there is none.
    assert_eq!(browser.delete("/flow/").status, 204);
    browser.log_in("lee");
    assert_eq!(browser.delete("/flow/").status, 204);
    browser.log_in("otp");
    assert!(is_done(&browser.otp("otp/check", "A1b2C3")));
    tidy(&tenant, &mut browser);
}

#[test]
fn an_application_can_be_demanded() {
    let not_yet = (
        401,
        "NOT_AUTHORIZED".to_owned(),
        Some("PASSWORD_REQUIRED".to_owned()),
    );
    for (id, path) in [
        ("ssh", "applications/ssh/access"),
        ("", "default-application/access/"),
    ] {
        let tenant = start(Airlock::default().application(id));
        let mut browser = Browser::new(&tenant);
        assert_eq!(error(&browser.post(path, "")), not_yet);
        assert!(is_done(&browser.log_in("password-only")));
        tidy(&tenant, &mut browser);

        let mut browser = Browser::new(&tenant);
        browser.post("applications/other/access", "");
        browser.log_in("password-only");
        assert_eq!(
            tenant.airlock_problems(),
            [
                "\"other\" is not the application",
                "a password before the access to the application"
            ]
        );
    }
    // If it is not required, it is still allowed.
    let tenant = start(Airlock::default());
    let mut browser = Browser::new(&tenant);
    assert_eq!(error(&browser.post("applications/ssh/access", "")), not_yet);
    assert!(is_done(&browser.log_in("password-only")));
    tidy(&tenant, &mut browser);
}

#[test]
fn a_test_has_its_own_users() {
    let lee = User::new("lee").password("else").otp("1");
    let tenant = start_with(lee);
    let mut browser = Browser::new(&tenant);
    assert_eq!(error(&browser.log_in("lee")).1, "USERNAME_PASSWORD_WRONG");
    assert_eq!(step(&browser.password("lee", "else")), "OTP_REQUIRED");
    // The others still exist.
    assert_eq!(
        step(&Browser::new(&tenant).log_in("devices")),
        "AIRLOCK_2FA_DEVICE_CHOICE_REQUIRED"
    );
}

#[test]
fn sessions_cannot_be_guessed() {
    let tenant = start(Airlock::default().session_cookie("SID"));
    let mut first = Browser::new(&tenant);
    let answer = first.log_in("token");
    assert!(
        answer.head.contains("; Secure; HttpOnly"),
        "{}",
        answer.head
    );
    let mut second = Browser::new(&tenant);
    second.log_in("token");
    assert_eq!(first.cookies.keys().collect::<Vec<_>>(), ["SID"]);
    assert_ne!(first.cookies["SID"], second.cookies["SID"]);
    assert_eq!(first.cookies["SID"].len(), 32);
    assert_eq!(tenant.airlock_sessions(), 2);
    // Each session has its own challenge.
    let token = Token::new("GAQT12345678");
    let otp = token.read_image(&first.challenge()).unwrap();
    let other = token.read_image(&second.challenge()).unwrap();
    assert_ne!(otp, other);
    assert!(!is_done(&second.otp(QR_OTP, &otp)));
    assert!(is_done(&first.otp(QR_OTP, &otp)));
}
